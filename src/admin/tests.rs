//! The console over real sockets with a real client; only the node behind it is a fake. The command line's tests ask it too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{
    Account, ChangeRefused, ChangeReport, Config, ConsoleChange, ConsoleRole, DrainReport, ExplainRequest,
    FencedReport, InstanceRow, MoveRow, NodeRow, Operations, PinRow, PoolRow, PreviewRow, SessionRow, TallyRow, serve,
};
use crate::cutover::{Difference, FenceStretch, ForceWish, Goal, SkippedChecks};
use crate::model::control_state::InstanceAddress;
use crate::model::shard::OwnedRange;
use crate::model::{
    Catalog, ControlState, Epoch, Forbid, Group, GroupId, GroupPolicy, Health, Instance, KeyType, MoveId, Observations,
    ReadPolicy, Role, Shard, ShardMap, ShardRange, Snapshot, TableClass, TableRule, Transform, Unit, UnitId,
    WrongUnitPolicy,
};
use crate::monitor::precheck::{Check, Finding, Severity};
use crate::route::Explanation;

/// A node that keeps its state in memory.
struct FakeNode {
    state: Mutex<ControlState>,
    changed_by: Mutex<Vec<String>>,
}

fn two_units() -> ControlState {
    let unit = |name: &str| Unit { name: name.to_owned() };
    let owned = |first, last, owner| OwnedRange {
        range: ShardRange { first: Shard(first), last: Shard(last) },
        owner: UnitId(owner),
        epoch: Epoch(1),
    };
    let rule = |name: &str, class| TableRule {
        name: name.to_owned(),
        class,
        wrong_unit: WrongUnitPolicy::Forward,
        read: ReadPolicy::Local,
    };
    let instance = |name: &str, unit| Instance {
        name: name.to_owned(),
        unit: UnitId(unit),
        group: GroupId(0),
        role: Role::Primary,
        address: InstanceAddress::Tcp("127.0.0.1".to_owned(), 3306),
    };
    let state = ControlState {
        epoch: Epoch(1),
        units: vec![unit("hz"), unit("bj")],
        groups: vec![Group {
            name: "main".to_owned(),
            schemas: vec!["shop".to_owned()],
            key_types: vec![KeyType {
                name: "user".to_owned(),
                steps: Vec::new(),
                transform: Transform::Mod { modulus: 10_000 },
            }],
            tables: vec![
                rule("orders", TableClass::Sharded { key_type: 0, column: "user_id".to_owned() }),
                rule("product", TableClass::Global),
            ],
            overrides: Vec::new(),
            shards: ShardMap { count: 10_000, ranges: vec![owned(0, 4_999, 0), owned(5_000, 9_999, 1)] },
            global_master: UnitId(0),
            global_epoch: Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        }],
        instances: vec![instance("hz-main-1", 0), instance("bj-main-1", 1)],
        default_group: GroupId(0),
        forbids: Vec::new(),
        moves: Vec::new(),
        quarantines: Vec::new(),
        left_out: Vec::new(),
        configured: Vec::new(),
        history: Vec::new(),
        denials: Vec::new(),
    };
    assert_eq!(state.check(), Ok(()));
    state
}

#[async_trait]
impl Operations for FakeNode {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            state: Arc::new(self.state.lock().unwrap().clone()),
            observations: Arc::new(Observations { health: vec![Health::Healthy, Health::Unhealthy], lag: Vec::new() }),
            catalog: Arc::new(Catalog::default()),
        })
    }

    fn pools(&self) -> Vec<PoolRow> {
        vec![PoolRow {
            instance: "hz-main-1".to_owned(),
            user: "app".to_owned(),
            class: "0x0".to_owned(),
            idle: 3,
            used: 1,
            waiting: 0,
            opened: 9,
            limit: 32,
        }]
    }

    fn sessions(&self) -> Vec<SessionRow> {
        vec![SessionRow {
            id: 2_147_483_649,
            user: "app".to_owned(),
            client: "127.0.0.1:5000".to_owned(),
            program: "mysql".to_owned(),
            unit: "hz".to_owned(),
            schema: None,
            state: "idle".to_owned(),
            transaction: "none".to_owned(),
            pinned: Some("temporary table".to_owned()),
            statements: 12,
            backend: Some("hz-main-1".to_owned()),
        }]
    }

    fn pins(&self) -> Vec<PinRow> {
        vec![PinRow { reason: "temporary table".to_owned(), sessions: 1, since_start: 4 }]
    }

    fn nodes(&self) -> Vec<NodeRow> {
        vec![NodeRow {
            node: "hz-1".to_owned(),
            incarnation: 4,
            units: "hz".to_owned(),
            version: "0.1.0".to_owned(),
            state: "silent".to_owned(),
            lease_left: None,
            in_force: None,
            acknowledged: String::new(),
        }]
    }

    fn instances(&self) -> Vec<InstanceRow> {
        Vec::new()
    }

    async fn change(
        &self,
        command: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        let mut state = self.state.lock().unwrap();
        if let Some(expected) = if_epoch.filter(|expected| *expected != state.epoch) {
            return Err(ChangeRefused::EpochMoved { expected, found: state.epoch });
        }
        self.changed_by.lock().unwrap().push(by.to_owned());
        match command {
            ConsoleChange::Forbid { scope, kind, reason } => {
                state.forbids.push(Forbid { scope, kind, reason, by: by.to_owned(), at: 0 });
            }
            ConsoleChange::Allow { .. } | ConsoleChange::RollBackTo { .. } => state.forbids.clear(),
        }
        state.epoch = state.epoch.next();
        Ok(ChangeReport { epoch: state.epoch, result: "done".to_owned() })
    }

    async fn fence(
        &self,
        forbid: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<FencedReport, ChangeRefused> {
        let report = self.change(forbid, if_epoch, by).await?;
        let positions = vec![("bj-main-1".to_owned(), "2-21-5".to_owned())];
        Ok(FencedReport { report, positions, shut_out: vec!["hz-1#4 (its accounts are shut)".to_owned()] })
    }

    fn moves(&self) -> Vec<MoveRow> {
        Vec::new()
    }

    async fn preview_move(&self, goal: Goal, by: &str) -> Result<Vec<PreviewRow>, String> {
        let row = |check: &str, result: String| PreviewRow {
            check: check.to_owned(),
            instance: "hz-main-1".to_owned(),
            result,
        };
        Ok(vec![row("asked", format!("{goal:?} by {by}"))])
    }

    async fn carry_out_move(
        &self,
        goal: Goal,
        skipped: Option<SkippedChecks>,
        if_epoch: Option<Epoch>,
        _by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        let mut state = self.state.lock().unwrap();
        if let Some(expected) = if_epoch.filter(|expected| *expected != state.epoch) {
            return Err(ChangeRefused::EpochMoved { expected, found: state.epoch });
        }
        let Goal::GlobalZone { group, target } = goal else { return Err(ChangeRefused::Invalid(format!("{goal:?}"))) };
        state.groups[group.index()].global_master = target;
        state.epoch = state.epoch.next();
        let skipped = skipped.map(|skipped| format!(", skipping {skipped}")).unwrap_or_default();
        Ok(ChangeReport { epoch: state.epoch, result: format!("moved{skipped}") })
    }

    async fn roll_back_move(
        &self,
        id: MoveId,
        _if_epoch: Option<Epoch>,
        _by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        Err(ChangeRefused::Invalid(format!("move {id} is not under way")))
    }

    async fn force(&self, wish: ForceWish, _: Option<Epoch>, _by: &str) -> Result<ChangeReport, ChangeRefused> {
        Err(ChangeRefused::Invalid(format!("{wish:?}")))
    }

    async fn rejoin(&self, _: GroupId, unit: UnitId, _by: &str) -> Result<ChangeReport, ChangeRefused> {
        Ok(ChangeReport { epoch: Epoch(1), result: format!("unit {} is back", unit.0) })
    }

    async fn restore_state(
        &self,
        reason: &str,
        _if_epoch: Option<Epoch>,
        _by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        Ok(ChangeReport { epoch: Epoch(1001), result: format!("restored: {reason}") })
    }

    async fn reconcile(&self, _: GroupId, unit: UnitId) -> Result<Vec<Difference>, String> {
        let (key, what) = ("7".to_owned(), format!("differs at {}", unit.0));
        Ok(vec![Difference { table: "shop.orders".to_owned(), key, what }])
    }

    async fn explain(&self, request: ExplainRequest) -> Explanation {
        let route = format!("unit {} schema {:?}: {}", request.unit.0, request.schema, request.sql);
        Explanation { route, class: format!("{:?}", request.parameters), ..Explanation::default() }
    }

    async fn fences(&self) -> Vec<FenceStretch> {
        let stretch = |what: &str, epoch, state: &str| FenceStretch {
            instance: "hz-main-1".to_owned(),
            group: "main".to_owned(),
            what: what.to_owned(),
            epoch,
            state: state.to_owned(),
            lease: "2026-11-29 06:00:00.500000".to_owned(),
        };
        vec![stretch("the Global Zone", Some(3), "open"), stretch("", None, "not known: hz-main-1 does not answer")]
    }

    async fn check_schema(&self, group: GroupId) -> Vec<Finding> {
        let finding = |severity, reason: String| {
            Finding::at("hz", severity, Check::UniqueKey, "shop.orders", reason, "add the routing key to it")
        };
        let warning = finding(Severity::Warning, "may collide".to_owned());
        // So that a test can have both: a forbid stands for a schema with a blocker.
        match self.state.lock().unwrap().forbids.is_empty() {
            true => vec![warning],
            false => vec![warning, finding(Severity::Blocker, format!("collides in group {}", group.0))],
        }
    }

    fn tally(&self) -> Vec<TallyRow> {
        let row = |group: Option<&str>, what: &str| TallyRow {
            group: group.map(str::to_owned),
            what: what.to_owned(),
            detail: "key-missing".to_owned(),
            times: 3,
            user: "app".to_owned(),
            digest: 255,
            example: "DELETE FROM orders".to_owned(),
        };
        vec![row(None, "refused"), row(None, "disagreed"), row(Some("main"), "would refuse")]
    }

    async fn reload(&self) -> Result<String, String> {
        Err("meridian.toml:9: limits.connections: found 0, expected a whole number".to_owned())
    }

    fn drain(&self) -> DrainReport {
        DrainReport {
            blockers: vec!["session 7 of app@c: a transaction is open".to_owned()],
            deadline: Duration::from_secs(3),
        }
    }

    async fn reload_users(&self) -> Result<usize, String> {
        Err("users.toml:3: user.password: found nothing, expected a secret".to_owned())
    }
}

/// A console that serves until this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    node: Arc<FakeNode>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
}

/// A console of unit bj over two units at epoch 1, with the accounts admin and watch (viewer), passwords `<name>pw`.
pub(crate) async fn running(connections: usize) -> Running {
    let node = Arc::new(FakeNode { state: Mutex::new(two_units()), changed_by: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let account = |name: &str, role| Account { name: name.to_owned(), password: format!("{name}pw"), role };
    let accounts = vec![account("admin", ConsoleRole::Admin), account("watch", ConsoleRole::Viewer)];
    let (stop, stopped) = oneshot::channel::<()>();
    let config = Config { unit: UnitId(1), address, accounts, connections };
    let operations: Arc<dyn Operations> = node.clone();
    let served = tokio::spawn(serve(listener, config, operations, async move {
        // Dropped counts as sent: either way the test is over.
        stopped.await.unwrap_or_default();
    }));
    Running { address, node, stop: Some(stop), served }
}

impl Running {
    async fn connect(&self, user: &str, password: &str) -> Result<Conn, mysql_async::Error> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.address.port())
            .user(Some(user))
            .pass(Some(password))
            .prefer_socket(false);
        Conn::new(options).await
    }

    async fn admin(&self) -> Conn {
        self.connect("admin", "adminpw").await.unwrap()
    }
}

/// The rows of `sql`, each as its values by column name, in a form that is easy to compare.
async fn rows(conn: &mut Conn, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = conn.query(sql).await.unwrap();
    let shown = |row: &Row| -> String {
        let columns = row.columns();
        let cells = columns.iter().enumerate().map(|(index, column)| {
            let value = row.as_ref(index).unwrap().as_sql(true);
            format!("{}={}", column.name_str(), value.trim_matches('\''))
        });
        cells.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(shown).collect()
}

async fn refusal(conn: &mut Conn, sql: &str) -> (u16, String) {
    match conn.query_drop(sql).await {
        Err(mysql_async::Error::Server(error)) => (error.code, error.message),
        other => panic!("{sql} gave {other:?}"),
    }
}

#[tokio::test]
async fn the_node_is_shown_with_its_epoch() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    assert_eq!(rows(&mut conn, "SHOW EPOCH").await, ["epoch=1"]);
    assert_eq!(
        rows(&mut conn, "show units;").await,
        [
            "unit=hz shards=5000 global_zones=main instances=1 healthy=1 writes=open reason=NULL epoch=1",
            "unit=bj shards=5000 global_zones= instances=1 healthy=0 writes=open reason=NULL epoch=1",
        ]
    );
    assert_eq!(
        rows(&mut conn, "SHOW GROUPS").await,
        [
            "group=main schemas=shop shards=10000 key_types=user mod 10000 owners=0-4999 hz, 5000-9999 bj global_master=hz \
          schema_unit=hz tables=orders sharded by user_id (user), product global epoch=1"
        ]
    );
    assert_eq!(
        rows(&mut conn, "SHOW POOLS").await,
        ["instance=hz-main-1 user=app class=0x0 idle=3 used=1 waiting=0 opened=9 limit=32 epoch=1"]
    );
    assert_eq!(
        rows(&mut conn, "SHOW SESSIONS").await,
        ["id=2147483649 user=app client=127.0.0.1:5000 program=mysql unit=hz schema=NULL state=idle transaction=none \
          pinned=temporary table statements=12 backend=hz-main-1 epoch=1"]
    );
    assert_eq!(rows(&mut conn, "SHOW PINS").await, ["reason=temporary table sessions=1 since_start=4 epoch=1"]);
    assert_eq!(
        rows(&mut conn, "SHOW FENCES").await,
        [
            "instance=hz-main-1 group=main what=the Global Zone scope_epoch=3 state=open valid_until=2026-11-29 06:00:00.500000 epoch=1",
            "instance=hz-main-1 group=main what= scope_epoch=NULL state=not known: hz-main-1 does not answer \
             valid_until=2026-11-29 06:00:00.500000 epoch=1",
        ]
    );
    assert!(rows(&mut conn, "SHOW FORBIDS").await.is_empty());
    assert!(rows(&mut conn, "SHOW WARNINGS").await.is_empty());
    assert_eq!(rows(&mut conn, "HELP").await.len(), super::grammar::VERBS.len());
}

#[tokio::test]
async fn the_schemas_findings_come_with_the_blockers_first() {
    let console = running(4).await;
    let mut conn = console.connect("watch", "watchpw").await.unwrap();
    let warning = "severity=warning check=unique-key table=shop.orders units=hz reason=may collide advice=add the routing key to it epoch=1";
    assert_eq!(rows(&mut conn, "CHECK SCHEMA OF 'main'").await, [warning]);
    console.admin().await.query_drop("FORBID ON UNIT 'bj' REASON 'a drill'").await.unwrap();
    let rows = rows(&mut conn, "check schema").await;
    assert!(rows.len() == 2 && rows[0].starts_with("severity=blocker"), "{rows:?}");
    let (_, message) = refusal(&mut conn, "CHECK SCHEMA OF 'other'").await;
    assert_eq!(message, "there is no group 'other'; there are: main");
}

#[tokio::test]
async fn a_forbid_is_set_shown_and_lifted() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let text = "FORBID WRITES ON UNIT 'bj' REASON 'a drill' IF EPOCH = 1";
    assert_eq!(rows(&mut conn, text).await, ["result=done epoch=2"]);
    assert_eq!(
        rows(&mut conn, "SHOW FORBIDS").await,
        ["scope=unit ''bj forbidden=writes reason=a drill by=admin since=1970-01-01 00:00:00 epoch=2"]
    );
    let (code, message) = refusal(&mut conn, text).await;
    assert_eq!((code, message.as_str()), (1105, "the epoch is 2, not 1: look again, then decide"));
    assert_eq!(rows(&mut conn, "ALLOW WRITES ON UNIT 'bj'").await, ["result=done epoch=3"]);
    assert_eq!(*console.node.changed_by.lock().unwrap(), ["admin", "admin"]);
    let (code, message) = refusal(&mut conn, "FORBID ON UNIT 'nj' REASON 'x'").await;
    assert_eq!((code, message.as_str()), (1105, "there is no unit 'nj'; there are: hz, bj"));
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let console = running(4).await;
    let mut conn = console.connect("watch", "watchpw").await.unwrap();
    assert_eq!(rows(&mut conn, "SHOW EPOCH").await, ["epoch=1"]);
    for change in
        ["FORBID ON UNIT 'bj' REASON 'x'", "ALLOW WRITES ON UNIT 'bj'", "RELOAD", "RELOAD USERS", "DRAIN NODE"]
    {
        let (code, message) = refusal(&mut conn, change).await;
        assert_eq!((code, message.as_str()), (1227, "this needs the role operator; the account has viewer"));
    }
    assert!(console.node.changed_by.lock().unwrap().is_empty());
}

#[tokio::test]
async fn explain_speaks_for_the_unit_of_the_console_or_the_one_named() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let told = rows(&mut conn, "EXPLAIN ROUTE SELECT 'a;b'").await;
    let rest = "class=None key_from= level= table= digest= epoch=1";
    assert_eq!(told, [format!("route=unit 1 schema None: SELECT ''a;b {rest}")]);
    let told = rows(&mut conn, "EXPLAIN ROUTE AT UNIT 'hz' IN SCHEMA shop WITH PARAMS (7) SELECT ?").await;
    assert!(told[0].starts_with("route=unit 0 schema Some(\"shop\"): SELECT ? class=Some([Integer(7)])"), "{told:?}");
}

#[tokio::test]
async fn a_switch_is_previewed_and_made_and_needs_a_move_to_roll_back() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let told = rows(&mut conn, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(told[0].contains("GlobalZone { group: GroupId(0), target: UnitId(1) } by admin"), "{told:?}");
    assert_eq!(rows(&mut conn, "SWITCH GLOBAL ZONE TO 'bj' IF EPOCH = 1").await, ["result=moved epoch=2"]);
    assert_eq!(refusal(&mut conn, "SWITCH GLOBAL ZONE TO 'hz' IF EPOCH = 1").await.0, 1105);
    assert!(refusal(&mut conn, "MOVE SHARDS 0-9 TO 'sz'").await.1.contains("there is no unit 'sz'; there are: hz, bj"));
    assert!(refusal(&mut conn, "ROLLBACK MOVE").await.1.contains("no move is under way"));
}

#[tokio::test]
async fn errors_say_what_is_known_and_the_connection_stays() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let (code, message) = refusal(&mut conn, "PROMOTE 'bj'").await;
    assert_eq!(code, 1064);
    assert!(
        message.contains("found PROMOTE") && message.contains("FORBID [WRITES | UPDATES | ALL] ON <scope>"),
        "{message}"
    );
    assert_eq!(refusal(&mut conn, "SELECT @@no_such").await.0, 1193);
    assert!(refusal(&mut conn, "RELOAD USERS").await.1.contains("users.toml:3"));
    assert!(refusal(&mut conn, "RELOAD").await.1.contains("nothing has changed"));
    let told: Vec<(String, u64)> = conn.query("DRAIN NODE").await.unwrap();
    assert!(told[0].0.contains("in 3000 ms at the latest") && told[1].0.starts_with("session 7"), "{told:?}");
    assert_eq!(refusal(&mut conn, "USE shop").await.0, 1049);
    assert!(matches!(conn.prep("SHOW EPOCH").await, Err(mysql_async::Error::Server(error)) if error.code == 1295));
    assert_eq!(rows(&mut conn, "SHOW EPOCH").await, ["epoch=1"]);
}

#[tokio::test]
async fn nobody_comes_in_without_the_password() {
    let console = running(4).await;
    for (user, password) in [("admin", "watchpw"), ("admin", ""), ("nobody", "adminpw"), ("", "")] {
        let refused = console.connect(user, password).await;
        assert!(matches!(refused, Err(mysql_async::Error::Server(_))), "{user} {password}: {refused:?}");
    }
}

#[tokio::test]
async fn a_change_of_user_ends_the_connection_instead_of_seeming_to_work() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let change = mysql_async::ChangeUserOpts::new().with_user(Some("watch".to_owned()));
    assert!(conn.change_user(change).await.is_err());
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let console = running(1).await;
    let mut conn = console.admin().await;
    let mut second = TcpStream::connect(console.address).await.unwrap();
    assert_eq!(second.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert_eq!(rows(&mut conn, "SHOW EPOCH").await, ["epoch=1"]);
}

#[tokio::test]
async fn each_connection_has_a_salt_and_an_id_of_its_own() {
    let console = running(4).await;
    let mut greetings = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        let mut greeting = vec![0; 256];
        let length = stream.read(&mut greeting).await.unwrap();
        let version_end = 5 + greeting[5..].iter().position(|byte| *byte == 0).unwrap();
        assert!(length > version_end + 13);
        greetings.push((
            greeting[version_end + 1..version_end + 5].to_vec(),
            greeting[version_end + 5..version_end + 13].to_vec(),
        ));
    }
    assert_ne!(greetings[0].0, greetings[1].0);
    assert_ne!(greetings[0].1, greetings[1].1);
}

#[tokio::test]
async fn garbage_ends_one_connection_alone() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    for garbage in [&[0xff; 64][..], &[4, 0, 0, 255, 1, 2, 3, 4], &[0, 0, 0, 1], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // A reset is an end too: what counts is that the server lets go.
        stream.read_to_end(&mut rest).await.unwrap_or_default();
    }
    assert_eq!(rows(&mut conn, "SHOW EPOCH").await, ["epoch=1"]);
}

#[tokio::test]
async fn shutdown_ends_the_console_and_its_connections() {
    let mut console = running(4).await;
    let mut conn = console.admin().await;
    console.stop.take().unwrap().send(()).unwrap();
    console.served.await.unwrap();
    assert!(conn.query_drop("SHOW EPOCH").await.is_err());
}

#[tokio::test]
async fn refusals_and_what_was_observed_are_shown_apart() {
    let console = running(4).await;
    let mut conn = console.admin().await;
    let rest =
        "#times=3 last_user=app last_digest=00000000000000ff last_example=DELETE FROM orders epoch=1".replace('#', "");
    assert_eq!(rows(&mut conn, "SHOW DISAGREEMENTS").await, [format!("disagreement=key-missing {rest}")]);
    assert_eq!(rows(&mut conn, "SHOW REFUSALS").await, [format!("refusal=key-missing {rest}")]);
    assert_eq!(rows(&mut conn, "SHOW OBSERVED").await, [format!("group=main would=refuse detail=key-missing {rest}")]);
    assert_eq!(rows(&mut conn, "SHOW DENIALS").await, Vec::<String>::new());
}
