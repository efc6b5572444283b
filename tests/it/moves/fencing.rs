//! FORBID … WAIT FENCED: it answers when nothing of what it covers is written any more, and the binlog of the owner agrees: everything that was
//! acknowledged stands ahead of the position, nothing behind it. Given back by ALLOW, whatever fences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use meridian::ctl::fence_schema::{Wish, statements};
use meridian::demo::root_access::RootAccess;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::task::{JoinHandle, JoinSet};

use super::mysql9::{follow, primary, shop_on};
use super::rows::forget_rows;
use super::{PATIENT, Turn, at_step};
use crate::failures::program::Program;
use crate::scenarios::expect::{by_column, error_of, rows, text_of, until, value, within};
use crate::scenarios::node::{Node, UNITS};
use crate::scenarios::world::marker;
use crate::servers::Mysql9Tree;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET name = name WHERE name = 'nothing'";

/// What a server's binlog holds of names that begin with a mark.
pub struct Logged {
    root: Conn,
    first: String,
}

impl Logged {
    /// Begins a new binlog, and looks at nothing before it.
    pub async fn from_now(server: &RootAccess) -> Logged {
        server.run(&["FLUSH BINARY LOGS".to_owned()]).await.unwrap();
        let mut root = server.connect().await.unwrap();
        let logs: Vec<Row> = root.query("SHOW BINARY LOGS").await.unwrap();
        Logged { root, first: text_of(&logs.last().unwrap()[0]) }
    }

    /// The names in statements of transactions that `position` holds, and of others.
    pub async fn around(&mut self, position: &str, mark: &str) -> (Vec<String>, Vec<String>) {
        let logs: Vec<Row> = self.root.query("SHOW BINARY LOGS").await.unwrap();
        let logs = logs.iter().map(|log| text_of(&log[0])).skip_while(|log| *log != self.first);
        let (mut ahead, mut behind, mut is_ahead) = (Vec::new(), Vec::new(), true);
        for log in logs.collect::<Vec<_>>() {
            let events: Vec<Row> = self.root.query(format!("SHOW BINLOG EVENTS IN '{log}'")).await.unwrap();
            for event in events {
                let (kind, told) = (text_of(&event[2]), text_of(&event[5]));
                match kind.as_str() {
                    "Gtid" => is_ahead = self.holds(position, &told).await,
                    "Annotate_rows" | "Rows_query" => {
                        let name = told.split('\'').find(|text| text.starts_with(mark)).map(str::to_owned);
                        if is_ahead { ahead.extend(name) } else { behind.extend(name) }
                    }
                    _ => {}
                }
            }
        }
        (ahead, behind)
    }

    /// Whether `position` holds the transaction of this event: `BEGIN GTID 1-11-5`, or `SET @@SESSION.GTID_NEXT= '…:5'`.
    async fn holds(&mut self, position: &str, event: &str) -> bool {
        if let Some(gtid) = event.split('\'').nth(1) {
            return value(&mut self.root, &format!("SELECT GTID_SUBSET('{gtid}', '{position}')")).await == "1";
        }
        let parts = |gtid: &str| {
            let mut parts = gtid.split('-').map(|part| part.parse::<u64>().unwrap());
            (parts.next().unwrap(), parts.next_back().unwrap())
        };
        let (domain, number) = parts(event.split("GTID ").nth(1).unwrap().split_whitespace().next().unwrap());
        position.split(',').map(parts).any(|(held, last)| held == domain && number <= last)
    }
}

/// Writers of the Global Zone, and of shard 5050, which go on whatever they are told.
pub struct Load {
    stop: Arc<AtomicBool>,
    elsewhere: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    writers: JoinSet<Vec<String>>,
    pub mark: String,
}

impl Load {
    /// Two of each for every one of `clients`.
    pub async fn start(clients: Vec<[Conn; 4]>) -> Load {
        let (elsewhere, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, mark) = (Arc::new(AtomicBool::new(false)), marker());
        let mut writers = JoinSet::new();
        for (number, mut client) in clients.into_iter().flatten().enumerate() {
            let (stop, mark) = (Arc::clone(&stop), mark.clone());
            let (elsewhere, refused) = (Arc::clone(&elsewhere), Arc::clone(&refused));
            writers.spawn(async move {
                let mut acknowledged = Vec::new();
                for count in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let name = format!("{mark} {number} {count}");
                    let (is_global, alone) = (number % 2 == 0, count % 2 == 0);
                    let insert = match is_global {
                        true => format!("INSERT INTO product (name) VALUES ('{name}')"),
                        false => format!("INSERT INTO orders (user_id, item) VALUES (5050, '{name}')"),
                    };
                    if !alone {
                        client.query_drop("BEGIN").await.unwrap();
                    }
                    match client.query_drop(insert).await {
                        Ok(()) => {}
                        Err(mysql_async::Error::Server(error)) if is_global && error.code == 1290 => {
                            refused.fetch_add(1, Ordering::SeqCst);
                            client.query_drop("ROLLBACK").await.unwrap();
                            continue;
                        }
                        Err(error) => panic!("{name}: {error}"),
                    }
                    if !alone {
                        // So that some are open whenever a forbid comes: their COMMIT passes it.
                        client.query_drop("DO SLEEP(0.03)").await.unwrap();
                        client.query_drop("COMMIT").await.unwrap_or_else(|error| panic!("{name}: {error}"));
                    }
                    if is_global {
                        acknowledged.push(name);
                    } else {
                        elsewhere.fetch_add(1, Ordering::SeqCst);
                    }
                }
                acknowledged
            });
        }
        let load = Load { stop, elsewhere, refused, writers, mark };
        load.goes_on_elsewhere(20).await;
        load
    }

    /// Waits for so many writes more of what is not forbidden.
    pub async fn goes_on_elsewhere(&self, more: usize) {
        let reached = self.elsewhere.load(Ordering::SeqCst) + more;
        until("what is not forbidden goes on", PATIENCE, async || self.elsewhere.load(Ordering::SeqCst) >= reached)
            .await;
    }

    /// Waits for so many refusals more.
    pub async fn is_refused(&self, more: usize) {
        let reached = self.refused.load(Ordering::SeqCst) + more;
        until("what is forbidden is refused", PATIENCE, async || self.refused.load(Ordering::SeqCst) >= reached).await;
    }

    /// Ends it; what was acknowledged of the Global Zone.
    pub async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.writers.join_all().await.concat()
    }
}

/// The one row of an answer.
fn only(mut rows: Vec<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Under the load of a node: the Global Zone, which hz owns, is fenced three times and given back.
async fn is_fenced_under_load(node: &Node, hz: &RootAccess) {
    let mut console = node.console("hz").await;
    for kind in ["WRITES", "ALL", "WRITES"] {
        let mut log = Logged::from_now(hz).await;
        let clients =
            [node.client("hz").await, node.client("hz").await, node.client("bj").await, node.client("bj").await];
        let load = Load::start(vec![clients]).await;
        let fence = format!("FORBID {kind} ON GLOBAL ZONE REASON 'copy' WAIT FENCED");
        let told = only(rows(&mut console, &fence).await);
        assert_eq!((told["instance"].as_str(), told["shut_out"].as_str()), ("hz-main-1", "NULL"));
        load.is_refused(20).await;
        load.goes_on_elsewhere(20).await;
        // Once more: it holds already, and the position is a later one of the same.
        let again = only(rows(&mut console, &fence).await);
        assert_eq!(again["instance"], "hz-main-1");
        assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
        let mark = load.mark.clone();
        load.goes_on_elsewhere(5).await;
        let mut acknowledged = load.end().await;
        let (mut ahead, behind) = log.around(&told["position"], &mark).await;
        ahead.retain(|name| !is_of_orders(name));
        ahead.sort_unstable();
        acknowledged.sort_unstable();
        assert_eq!(ahead, acknowledged, "ahead of {}", told["position"]);
        let of_zone: Vec<&String> = behind.iter().filter(|name| !is_of_orders(name)).collect();
        assert!(of_zone.is_empty(), "behind {}: {of_zone:?}", told["position"]);
        assert!(acknowledged.len() > 5, "{acknowledged:?}");
        rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
        let mut client = node.client("bj").await;
        client.query_drop(WRITE_GLOBAL).await.unwrap();
    }
}

/// Writers with odd numbers write orders.
fn is_of_orders(name: &str) -> bool {
    name.split(' ').nth(1).and_then(|number| number.parse::<usize>().ok()).unwrap() % 2 == 1
}

async fn node_with(turn: &Turn, moves: &str, fence: &str) -> Node {
    forget_rows(turn).await;
    let mut setup = turn.setup(moves);
    setup.keys = format!("{fence}{}", setup.keys);
    Node::start(setup).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_ahead_of_the_position_and_nothing_is_behind_it_under_load() {
    let turn = Turn::wait().await;
    for fence in ["", "fence = \"row\"\n"] {
        let node = node_with(&turn, PATIENT, fence).await;
        is_fenced_under_load(&node, &turn.databases.root_access("hz")).await;
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_ahead_of_the_position_and_nothing_is_behind_it_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let setting = "--binlog-rows-query-log-events=ON";
    let (hz, bj) = (primary(&tree, 1, setting).await, primary(&tree, 2, setting).await);
    let wish = Wish { applications: vec!["app".to_owned()], caller: "meridian_monitor".to_owned() };
    for server in [&hz, &bj] {
        let prepared = statements(&mut server.root().connect().await.unwrap(), &wish).await.unwrap();
        server.root().run(&prepared).await.unwrap();
    }
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let shop = shop_on(&hz, &bj).await;
    for fence in ["", "fence = \"row\"\n"] {
        let mut setup = crate::scenarios::node::Setup::over(shop.databases.clone(), &shop.version);
        setup.family = "mysql";
        setup.limits = format!("[moves]\n{PATIENT}");
        setup.backend = "tls = \"required\"\n".to_owned();
        setup.keys = format!("{fence}{}", setup.keys);
        for server in [&hz, &bj] {
            let forget = ["SET SESSION sql_log_bin = 0", "DELETE FROM meridian.fence"];
            server.root().run(&forget.map(str::to_owned)).await.unwrap();
        }
        let node = Node::start(setup).await;
        is_fenced_under_load(&node, &hz.root()).await;
        node.stop().await;
    }
}

#[tokio::test]
async fn each_scope_is_fenced_where_it_is_written_and_given_back_by_allow() {
    let turn = Turn::wait().await;
    for fence in ["", "fence = \"row\"\n", "fence = \"row+lease\"\n"] {
        let node = node_with(&turn, PATIENT, fence).await;
        let mut console = node.console("bj").await;
        let mut client = node.client("hz").await;
        let write = |key: u32| format!("UPDATE orders SET item = item WHERE user_id = {key} AND item = 'nothing'");
        let writes = [write(50), write(6000), write(16_000), WRITE_GLOBAL.to_owned()];
        for (scope, at, covered) in [
            ("UNIT 'bj'", &["bj-main-1"][..], [false, true, true, false]),
            ("UNIT 'hz'", &["hz-main-1"], [true, false, false, true]),
            ("GROUP 'main'", &["bj-main-1", "hz-main-1"], [true, true, true, true]),
            ("SHARDS 4000-6000", &["bj-main-1", "hz-main-1"], [false, true, true, false]),
            ("KEY 6000", &["bj-main-1"], [false, true, false, false]),
            ("GLOBAL ZONE", &["hz-main-1"], [false, false, false, true]),
        ] {
            let before: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
            let told = rows(&mut console, &format!("FORBID ON {scope} REASON 'each' WAIT FENCED")).await;
            let mut places: Vec<&str> = told.iter().map(|row| row["instance"].as_str()).collect();
            places.sort_unstable();
            assert_eq!(places, at, "{scope}");
            assert!(told.iter().all(|row| row["position"].contains('-')), "{told:?}");
            // The forbid, and giving back.
            assert_eq!(told[0]["epoch"], (before + 2).to_string());
            let history = rows(&mut console, "SHOW HISTORY").await;
            let [ended, begun] = [&history[0]["what"], &history[1]["what"]];
            assert!(begun.starts_with("forbade writes on ") && begun.ends_with(": each; began to fence it"), "{begun}");
            assert!(ended.contains(": fenced ") && ended.contains(&told[0]["position"]), "{ended}");
            assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
            for (write, is_covered) in writes.iter().zip(covered) {
                match is_covered {
                    true => assert_eq!(error_of(&mut client, write).await.0, 1290, "{scope}: {write}"),
                    false => client.query_drop(write).await.unwrap_or_else(|error| panic!("{scope}: {write}: {error}")),
                }
            }
            rows(&mut console, &format!("ALLOW WRITES ON {scope}")).await;
            for write in &writes {
                client.query_drop(write).await.unwrap_or_else(|error| panic!("{scope} lifted: {write}: {error}"));
            }
        }
        let (_, text) = error_of(&mut console, "FORBID UPDATES ON UNIT 'bj' REASON 'each' WAIT FENCED").await;
        assert!(text.contains("inserts go on under FORBID UPDATES"), "{text}");
        let epoch = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].clone();
        let stale = "FORBID WRITES ON UNIT 'bj' REASON 'each' WAIT FENCED IF EPOCH = 1";
        assert!(error_of(&mut console, stale).await.1.contains("look again"));
        assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], epoch, "nothing was forbidden by either");
        // A key that was placed alone.
        rows(&mut console, "MOVE KEY 6000 TO 'hz'").await;
        let told = only(rows(&mut console, "FORBID ON KEY 6000 REASON 'each' WAIT FENCED").await);
        assert_eq!(told["instance"], "hz-main-1");
        rows(&mut console, "ALLOW WRITES ON KEY 6000").await;
        rows(&mut console, "MOVE KEY 6000 TO 'bj'").await;
        client.query_drop(&writes[1]).await.unwrap();
        node.stop().await;
    }
}

#[tokio::test]
async fn an_open_transaction_is_waited_for_and_ended_when_its_time_is_over() {
    let turn = Turn::wait().await;
    let node = turn.node("drain_deadline = \"2s\"\nend_deadline = \"20s\"\n").await;
    let mut console = node.console("hz").await;
    let (early, late) = (marker(), marker());
    let mut log = Logged::from_now(&turn.databases.root_access("hz")).await;
    let (mut ends, mut stays) = (node.client("hz").await, node.client("bj").await);
    for (client, name) in [(&mut ends, &early), (&mut stays, &late)] {
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop(format!("INSERT INTO product (name) VALUES ('{name}')")).await.unwrap();
    }
    let fencing = begin_fencing(node.console("bj").await, "FORBID WRITES ON GLOBAL ZONE REASON 'copy' WAIT FENCED");
    at_step(&mut console, "drain").await;
    // In force before anything is waited for, and nobody waits for it to end.
    let refused = within("it is refused", Duration::from_secs(1), async {
        let mut other = node.client("hz").await;
        error_of(&mut other, WRITE_GLOBAL).await
    });
    assert_eq!(refused.await.0, 1290);
    let shown = only(rows(&mut console, "SHOW MOVES").await);
    assert_eq!(shown["what"], "the Global Zone of hz, forbidden");
    ends.query_drop("COMMIT").await.unwrap();
    let told = only(within("it is fenced", PATIENCE, fencing).await.unwrap().unwrap());
    stays.query_drop("COMMIT").await.unwrap_err();
    let (ahead, _) = log.around(&told["position"], &early).await;
    assert_eq!(ahead.concat(), early);
    let (ahead, behind) = log.around(&told["position"], &late).await;
    assert!(ahead.is_empty() && behind.is_empty(), "{ahead:?} {behind:?}");
    // By an operator who gives it up, the one who waits is told.
    let mut open = node.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO orders (user_id, item) VALUES (50, 'given up')").await.unwrap();
    let fencing = begin_fencing(node.console("bj").await, "FORBID WRITES ON SHARDS 0-99 REASON 'copy' WAIT FENCED");
    at_step(&mut console, "drain").await;
    rows(&mut console, "ALLOW WRITES ON SHARDS 0-99").await;
    let refused = within("it has ended", PATIENCE, fencing).await.unwrap().unwrap_err();
    assert!(refused.contains("the forbid was lifted before it was fenced"), "{refused}");
    open.query_drop("COMMIT").await.unwrap();
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
}

/// Asks for a fencing on a console of its own.
pub fn begin_fencing(mut console: Conn, command: &str) -> JoinHandle<Result<Vec<BTreeMap<String, String>>, String>> {
    let command = command.to_owned();
    tokio::spawn(async move {
        let told: Result<Vec<Row>, _> = console.query(&command).await;
        println!("{command}: {told:?}");
        told.map(|rows| rows.into_iter().map(by_column).collect()).map_err(|error| error.to_string())
    })
}

/// Deadlines that pass soon, for what never ends by itself.
const IMPATIENT: &str =
    "drain_deadline = \"300ms\"\nend_deadline = \"500ms\"\ncatch_up_deadline = \"1s\"\nhold_deadline = \"60s\"\n";

#[tokio::test]
async fn what_is_prepared_is_named_by_the_deadline_and_the_forbid_stays() {
    let turn = Turn::wait().await;
    let node = turn.node(IMPATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    let mut root = turn.databases.root("hz").await;
    for statement in [
        "SET SESSION sql_log_bin = 0",
        "XA START 'kept'",
        "INSERT INTO shop.product (name) VALUES ('prepared')",
        "XA END 'kept'",
        "XA PREPARE 'kept'",
    ] {
        root.query_drop(statement).await.unwrap();
    }
    let fence = "FORBID WRITES ON GLOBAL ZONE REASON 'copy' WAIT FENCED";
    let (_, text) = error_of(&mut console, fence).await;
    assert!(text.contains("1 XA transactions are prepared at hz-main-1"), "{text}");
    assert!(
        text.starts_with("it is forbidden, but not fenced: ") && text.contains("the forbid stays in force"),
        "{text}"
    );
    assert_eq!(error_of(&mut client, WRITE_GLOBAL).await.0, 1290);
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
    root.query_drop("XA ROLLBACK 'kept'").await.unwrap();
    assert_eq!(only(rows(&mut console, fence).await)["instance"], "hz-main-1");
    rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
    client.query_drop(WRITE_GLOBAL).await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_fences_leaves_a_forbid_and_the_next_one_gives_the_scopes_back() {
    let turn = Turn::wait().await;
    let program = Program::start(turn.setup(PATIENT)).await;
    let mut open = program.setup.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('of a killed process')").await.unwrap();
    let fence = "FORBID WRITES ON GLOBAL ZONE REASON 'copy' WAIT FENCED";
    let fencing = begin_fencing(program.setup.console("hz").await, fence);
    at_step(&mut program.setup.console("bj").await, "drain").await;
    let (directory, setup) = program.kill();
    within("the one who asked is told", PATIENCE, fencing).await.unwrap().unwrap_err();
    let program = Program::start_in(directory, setup).await;
    let (mut console, mut client) = (program.setup.console("hz").await, program.setup.client("bj").await);
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
    assert_eq!(error_of(&mut client, WRITE_GLOBAL).await.0, 1290);
    until("what was begun has ended", PATIENCE, async || rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    assert_eq!(only(rows(&mut console, fence).await)["instance"], "hz-main-1");
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'of a killed process'";
    assert_eq!(value(&mut turn.databases.root("hz").await, count).await, "0");
    rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
    client.query_drop(WRITE_GLOBAL).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_cannot_be_ended_is_named_by_the_deadline_and_the_forbid_stays() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(IMPATIENT);
    let port = setup.databases.iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let mut way = crate::nodes::ways::Ways::to(&[port], Duration::ZERO).await;
    setup.databases.iter_mut().find(|place| place.name == "hz-main-1").unwrap().port = way.begin_of(port);
    let node = Node::start(setup).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("bj").await);
    let session = value(&mut open, "SELECT CONNECTION_ID()").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('not to be ended')").await.unwrap();
    way.cut();
    let fence = "FORBID WRITES ON GLOBAL ZONE REASON 'copy' WAIT FENCED";
    let (_, text) = error_of(&mut console, fence).await;
    assert!(
        text.contains(&format!("1 older writes did not end in time (sessions {session}; SHOW SESSIONS)")),
        "{text}"
    );
    assert!(
        text.starts_with("it is forbidden, but not fenced: ") && text.contains("the forbid stays in force"),
        "{text}"
    );
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
    way.heal().await;
    // Somebody has to end it first.
    let mut fenced = Vec::new();
    until("it is fenced", PATIENCE, async || {
        match begin_fencing(node.console("hz").await, fence).await.unwrap() {
            Ok(rows) => fenced = rows,
            Err(why) => println!("not yet: {why}"),
        }
        !fenced.is_empty()
    })
    .await;
    open.query_drop("COMMIT").await.unwrap_err();
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'not to be ended'";
    assert_eq!(value(&mut turn.databases.root("hz").await, count).await, "0");
    for unit in UNITS {
        assert_eq!(error_of(&mut node.client(unit).await, WRITE_GLOBAL).await.0, 1290);
    }
}
