//! What operators see and steer, put together from the running node's parts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use crate::admin::operations::{
    AskedUnit, ChangeRefused, ChangeReport, ConsoleChange, DrainReport, ExplainRequest, FencedReport, InstanceRow,
    MoveRow, NodeRow, Operations, PinRow, PoolRow, PreviewRow, SessionRow, TallyRow,
};
use crate::config::Config;
use crate::control::{Author, ChangeError, Command, Controller, Nodes, Outcome};
use crate::cutover::{Check, Difference, FenceStretch, ForceWish, Goal, SkippedChecks, covered_by, parts_of};
use crate::frontend::registry::SessionEntry;
use crate::frontend::tally::{Count, Happening};
use crate::frontend::worker::Node;
use crate::model::{
    ControlState, Epoch, Extent, Forbid, GroupId, InstanceAddress, InstanceId, Life, Member, MoveId, Role, Snapshot,
    UnitId,
};
use crate::monitor::ProbeAccount;
use crate::monitor::precheck::{self, Finding};
use crate::moving::{self, Moving};
use crate::route::{Explanation, Grants, SessionView, TransactionView, asked, explanation};
use crate::server::drain::Drain;
use crate::server::reload::Reload;
use crate::sql::{CharsetClass, Dialect, Hint, SqlContext, SqlMode, analyze};

/// How long the answer to a change waits for writes that began before it.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// A running node as the console sees it.
pub struct NodeOperations {
    node: Arc<Node>,
    controller: Arc<Controller>,
    moving: Moving,
    /// The nodes that share the store, where it is shared.
    nodes: Option<Arc<Nodes>>,
    name: String,
    reload: Arc<Reload>,
    drain: Arc<Drain>,
    dialect: Dialect,
    monitor: ProbeAccount,
}

impl NodeOperations {
    /// The operations of a node that was started from `config`.
    pub fn new(
        node: Arc<Node>,
        controller: Arc<Controller>,
        moving: Moving,
        config: &Config,
        reload: Arc<Reload>,
        drain: Arc<Drain>,
        monitor: ProbeAccount,
    ) -> NodeOperations {
        // Configuration without a listener is refused, so this default explains nothing to anybody.
        let fallback = Dialect { family: crate::sql::Family::MariaDb, version: 101_100 };
        let dialect = config.listeners.first().map_or(fallback, |listener| listener.dialect);
        let (name, nodes) = (config.node.name.clone(), moving.nodes.clone());
        NodeOperations { node, controller, moving, nodes, name, reload, drain, dialect, monitor }
    }

    /// What an operator's wish means to the control state. Errors: an epoch that is not remembered.
    async fn command_of(&self, change: ConsoleChange, author: &Author) -> Result<Command, ChangeRefused> {
        let Author { by, at } = author.clone();
        let epoch = match change {
            ConsoleChange::Forbid { scope, kind, reason } => {
                return Ok(Command::Forbid(Forbid { scope, kind, reason, by, at }));
            }
            ConsoleChange::Allow { scope } => return Ok(Command::Allow { scope }),
            ConsoleChange::RollBackTo { epoch } => epoch,
        };
        let former = self.controller.former(epoch).await.map_err(|error| ChangeRefused::Store(error.to_string()))?;
        let unknown = || ChangeRefused::Invalid(format!("the state of epoch {epoch} is not remembered"));
        Ok(Command::RollBackTo { former: Box::new(former.ok_or_else(unknown)?) })
    }

    /// At which nodes an epoch is in force, where several share the store; as the middle of a sentence.
    async fn everywhere(&self, epoch: Epoch) -> String {
        let Some(nodes) = &self.nodes else { return String::new() };
        let began = Instant::now();
        let behind = nodes.in_force(epoch, DRAIN_PATIENCE).await;
        let took = began.elapsed().as_millis();
        if behind.is_empty() {
            let live = nodes.pictures().borrow().members.iter().filter(|member| member.life == Life::Live).count();
            return format!("; in force at all {live} living nodes after {took} ms");
        }
        let behind: Vec<String> = behind.iter().map(ToString::to_string).collect();
        format!("; NOT YET KNOWN TO BE IN FORCE AT {}", behind.join(", "))
    }

    /// What cannot hold over units in the schemas of what `goal` moves; nothing when nothing moves.
    async fn schema_faults(&self, goal: &Goal) -> Vec<PreviewRow> {
        let state = Arc::clone(&self.node.snapshots.load().state);
        let mut groups: Vec<GroupId> =
            parts_of(goal, &state).unwrap_or_default().iter().map(|part| part.extent.group()).collect();
        groups.dedup();
        let asked = groups.into_iter().map(|group| precheck::of_group(&state, group, &self.monitor));
        join_all(asked).await.into_iter().flat_map(moving::schema_faults).collect()
    }

    fn session_row(&self, entry: &SessionEntry, snapshot: &Snapshot) -> SessionRow {
        let shown = entry.shown();
        let identity = entry.identity();
        let running = entry.running();
        let backend = running.map(|(instance, thread)| format!("{} #{thread}", snapshot.state.instance(instance).name));
        let state = if backend.is_some() { "holds a connection" } else { "idle" };
        SessionRow {
            id: u64::from(entry.id),
            user: identity.user.to_string(),
            client: entry.client.to_string(),
            program: identity.program.to_string(),
            unit: snapshot.state.unit(entry.unit).name.clone(),
            schema: shown.schema,
            state: state.to_owned(),
            transaction: if shown.in_transaction { "open" } else { "none" }.to_owned(),
            pinned: shown.pin.map(|reason| format!("{reason:?}")),
            statements: entry.statements.load(Ordering::Relaxed),
            backend,
        }
    }
}

#[async_trait]
impl Operations for NodeOperations {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.node.snapshots.load()
    }

    fn pools(&self) -> Vec<PoolRow> {
        let snapshot = self.node.snapshots.load();
        let row = |count: crate::backend::pool::PoolCount| {
            let gauge = self.node.pools.gauge(count.key.instance);
            PoolRow {
                instance: snapshot.state.instance(count.key.instance).name.clone(),
                user: count.key.account.user.clone(),
                class: format!("{:x}/{}", count.key.class.0, count.key.collation),
                idle: count.idle as u64,
                used: gauge.in_use() as u64,
                waiting: gauge.waiting() as u64,
                opened: gauge.opened() as u64,
                limit: gauge.limit as u64,
            }
        };
        self.node.pools.counts().into_iter().map(row).collect()
    }

    fn sessions(&self) -> Vec<SessionRow> {
        let snapshot = self.node.snapshots.load();
        let mut entries = self.node.registry.all();
        entries.sort_by_key(|entry| entry.id);
        entries.iter().map(|entry| self.session_row(entry, &snapshot)).collect()
    }

    fn pins(&self) -> Vec<PinRow> {
        let entries = self.node.registry.all();
        let now = |reason| entries.iter().filter(|entry| entry.shown().pin == Some(reason)).count() as u64;
        let row = |(reason, since_start)| PinRow { reason: format!("{reason:?}"), sessions: now(reason), since_start };
        self.node.registry.pin_counts().into_iter().map(row).collect()
    }

    fn nodes(&self) -> Vec<NodeRow> {
        let state = &self.node.snapshots.load().state;
        let milliseconds = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let Some(nodes) = &self.nodes else {
            let alone = NodeRow {
                node: self.name.clone(),
                incarnation: 0,
                units: state.units.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>().join(", "),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                state: "this".to_owned(),
                lease_left: None,
                in_force: Some(self.controller.gate().epoch().0),
                acknowledged: String::new(),
            };
            return vec![alone];
        };
        let own = nodes.own();
        let lease_left = self.controller.gate().lease_left().map(milliseconds);
        let picture = Arc::clone(&nodes.pictures().borrow());
        let went_back = nodes.store_went_back();
        let row = |member: &Member| {
            let (is_own, is_live) = (own.as_ref() == Some(&member.incarnation), member.life == Life::Live);
            let state = match (is_own, is_live) {
                _ if went_back && member.incarnation.node == self.name => "estranged",
                (_, true) if member.is_shut_out => "shut-out",
                (true, true) => "this",
                (false, true) => "live",
                (_, false) => "silent",
            };
            let drained = member.report.drained.iter().map(ToString::to_string);
            NodeRow {
                node: member.incarnation.node.clone(),
                incarnation: member.incarnation.number,
                units: member.about.units.join(", "),
                version: member.about.version.clone(),
                state: state.to_owned(),
                lease_left: lease_left.filter(|_| is_own),
                in_force: is_live.then_some(member.report.seen.0),
                acknowledged: drained.collect::<Vec<_>>().join(", "),
            }
        };
        picture.members.iter().map(row).collect()
    }

    fn instances(&self) -> Vec<InstanceRow> {
        let snapshot = self.node.snapshots.load();
        let state = &snapshot.state;
        let row = |(index, instance): (usize, &crate::model::Instance)| {
            let id = InstanceId(index as u16);
            let gauge = self.node.pools.gauge(id);
            InstanceRow {
                name: instance.name.clone(),
                unit: state.unit(instance.unit).name.clone(),
                group: state.group(instance.group).name.clone(),
                role: match instance.role {
                    Role::Primary => "primary",
                    Role::Replica => "replica",
                }
                .to_owned(),
                address: match &instance.address {
                    InstanceAddress::Tcp(host, port) => format!("{host}:{port}"),
                    InstanceAddress::Unix(path) => format!("unix:{path}"),
                },
                health: match state.left_out_of(id) {
                    Some(_) => "left out".to_owned(),
                    None => format!("{:?}", snapshot.observations.health_of(id)).to_lowercase(),
                },
                detail: format!("{} of {} connections open", gauge.open(), gauge.limit),
            }
        };
        state.instances.iter().enumerate().map(row).collect()
    }

    async fn change(
        &self,
        change: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        let author = author(by);
        let command = self.command_of(change, &author).await?;
        let changed = self.controller.change(&command, &author, if_epoch).await.map_err(refused)?;
        let extents = extents_of(&self.node.snapshots.load().state, &command);
        let everywhere = self.everywhere(changed.epoch).await;
        let result = match changed.outcome {
            // Writes that entered earlier are let through; the answer waits a moment for their outcome.
            Outcome::Changed => {
                match timeout(DRAIN_PATIENCE, self.controller.gate().drained(&extents, changed.epoch)).await {
                    Ok(()) => format!("changed{everywhere}; no older write is in flight"),
                    Err(_) => {
                        let older = self.controller.gate().hindering(&extents, changed.epoch).len();
                        format!("changed{everywhere}; {older} writes that began before it are still in flight")
                    }
                }
            }
            Outcome::AlreadySo => format!("nothing to do: it holds already{everywhere}"),
        };
        Ok(ChangeReport { epoch: changed.epoch, result })
    }

    async fn fence(
        &self,
        forbid: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<FencedReport, ChangeRefused> {
        let author = author(by);
        let Command::Forbid(forbid) = self.command_of(forbid, &author).await? else {
            return Err(ChangeRefused::Invalid("only a forbid can be waited for".to_owned()));
        };
        let outcome = self.moving.requests.fence(forbid, author, if_epoch).await;
        moving::fenced(&self.node.snapshots.load().state, outcome)
    }

    fn moves(&self) -> Vec<MoveRow> {
        let snapshot = self.node.snapshots.load();
        let held = self.controller.room().writes() as u64;
        snapshot.state.moves.iter().map(|record| self.moving.row(&snapshot, record, held)).collect()
    }

    async fn preview_move(&self, goal: Goal, by: &str) -> Result<Vec<PreviewRow>, String> {
        let preview = self.moving.mover.preview(&goal, &author(by)).await.map_err(|error| error.to_string())?;
        let snapshot = self.node.snapshots.load();
        let mut rows = moving::preview_rows(preview);
        // Behind what moves.
        rows.splice(1..1, moving::ownership_rows(&goal, &snapshot.state));
        rows.extend(self.schema_faults(&goal).await.into_iter().map(|mut row| {
            row.result.insert_str(0, "REFUSED: ");
            row
        }));
        rows.extend(moving::lag_rows(&goal, &snapshot));
        Ok(rows)
    }

    async fn carry_out_move(
        &self,
        goal: Goal,
        skipped: Option<SkippedChecks>,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        if skipped.as_ref().is_none_or(|skipped| !skipped.checks.contains(&Check::Schema)) {
            let faults = self.schema_faults(&goal).await;
            if !faults.is_empty() {
                let told: Vec<String> =
                    faults.into_iter().map(|row| format!("{} ({}): {}", row.instance, row.check, row.result)).collect();
                return Err(ChangeRefused::Invalid(told.join("; ")));
            }
        }
        moving::reported(self.moving.requests.carry_out(goal, skipped, author(by), if_epoch).await)
    }

    async fn roll_back_move(
        &self,
        id: MoveId,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        let command = Command::RollBackMove { id, reason: format!("by command of {by}") };
        let changed = self.controller.change(&command, &author(by), if_epoch).await.map_err(refused)?;
        Ok(ChangeReport { epoch: changed.epoch, result: format!("move {id} is rolled back") })
    }

    async fn force(&self, wish: ForceWish, if_epoch: Option<Epoch>, by: &str) -> Result<ChangeReport, ChangeRefused> {
        moving::reported(self.moving.requests.force(wish, author(by), if_epoch).await)
    }

    async fn rejoin(&self, group: GroupId, unit: UnitId, by: &str) -> Result<ChangeReport, ChangeRefused> {
        let outcome = self.moving.mover.rejoin(group, unit, &author(by)).await;
        outcome.map_err(|error| ChangeRefused::Invalid(error.to_string()))?;
        let state = Arc::clone(&self.node.snapshots.load().state);
        let result = format!("unit '{}' takes part again", state.unit(unit).name);
        Ok(ChangeReport { epoch: state.epoch, result })
    }

    async fn restore_state(
        &self,
        reason: &str,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused> {
        let refused = |why: &dyn std::fmt::Display| ChangeRefused::Invalid(why.to_string());
        let Some(nodes) = &self.nodes else {
            return Err(refused(
                &"only what is kept in etcd can be restored; a control file has its former state beside it",
            ));
        };
        let known = self.node.snapshots.load().state.epoch;
        if let Some(expected) = if_epoch.filter(|expected| *expected != known) {
            return Err(ChangeRefused::EpochMoved { expected, found: known });
        }
        let epoch = nodes.restore(reason, &author(by)).await.map_err(|error| refused(&error))?;
        Ok(ChangeReport { epoch, result: "the state is restored; start every node again, this one too".to_owned() })
    }

    async fn reconcile(&self, group: GroupId, unit: UnitId) -> Result<Vec<Difference>, String> {
        self.moving.mover.reconcile(group, unit).await.map_err(|error| error.to_string())
    }

    async fn explain(&self, request: ExplainRequest) -> Explanation {
        let snapshot = self.node.snapshots.load();
        // Without a schema every name would be nobody's; operators mean the applications' own.
        let default = &snapshot.state.group(snapshot.state.default_group).schemas;
        let schema = request.schema.as_deref().or(default.first().map(String::as_str));
        let context = SqlContext {
            schema,
            mode: SqlMode::default(),
            charset: CharsetClass::default(),
            dialect: self.dialect,
            state: &snapshot.state,
            catalog: &snapshot.catalog,
        };
        let statement = analyze(request.sql.as_bytes(), &context);
        let statement = match &request.parameters {
            Some(values) => statement.bind(values),
            None => statement,
        };
        let user = request.user.as_deref().and_then(|name| self.node.users.find(name));
        let known = user.as_ref().map(|known| &known.user);
        let own = known.and_then(|user| snapshot.state.unit_named(user.unit.as_deref()?));
        let hint = Hint::default();
        let mut looked_up = Vec::new();
        let mut session = SessionView {
            looked_up: &[],
            branch_at: None,
            unit: own.filter(|_| request.at == AskedUnit::Console).unwrap_or(request.unit),
            attributes: None,
            schema_group: schema.and_then(|schema| snapshot.state.group_of_schema(schema)),
            hint: &hint,
            transaction: TransactionView::None,
            written: &[],
            observed_at: None,
            schema_changed_at: None,
            pin: None,
            user: request.user.as_deref().unwrap_or_default(),
            grants: known.map_or_else(Grants::default, |user| user.grants),
            level: known.map(|user| user.level).unwrap_or_default(),
            statement_bytes: request.sql.len(),
        };
        let missing = asked(&snapshot.state, &session, &statement);
        if !missing.is_empty() {
            looked_up.extend(self.node.mappings.look_up(session.unit, missing.into_vec()).await);
            session.looked_up = &looked_up;
        }
        explanation(&snapshot, &session, &statement).1
    }

    async fn fences(&self) -> Vec<FenceStretch> {
        self.moving.mover.fences().await
    }

    async fn check_schema(&self, group: GroupId) -> Vec<Finding> {
        precheck::of_group(&self.node.snapshots.load().state, group, &self.monitor).await
    }

    fn tally(&self) -> Vec<TallyRow> {
        let row = |(happening, count): (Happening, Count)| TallyRow {
            group: happening.group,
            what: happening.what.to_owned(),
            detail: happening.detail,
            times: count.times,
            user: count.user,
            digest: count.digest,
            example: count.example,
        };
        self.node.tally.all().into_iter().map(row).collect()
    }

    async fn reload(&self) -> Result<String, String> {
        let reload = Arc::clone(&self.reload);
        // Files are read, and keys made.
        tokio::task::spawn_blocking(move || reload.run()).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn drain(&self) -> DrainReport {
        let (blockers, deadline) = self.drain.begin();
        DrainReport { blockers, deadline }
    }

    async fn reload_users(&self) -> Result<usize, String> {
        self.reload.run_users()
    }
}

/// Who asks, and when: shown to people only; nothing is decided by it, so a clock before 1970 may well show as 0.
fn author(by: &str) -> Author {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Author { by: by.to_owned(), at: since.as_secs() }
}

/// The scopes a forbid closes: whose older writes its answer waits for.
fn extents_of(state: &ControlState, command: &Command) -> Vec<Extent> {
    let Command::Forbid(Forbid { scope, .. }) = command else { return Vec::new() };
    covered_by(scope, state).into_iter().map(|part| part.extent).collect()
}

pub(crate) fn refused(error: ChangeError) -> ChangeRefused {
    match error {
        ChangeError::EpochMoved { expected, current } => ChangeRefused::EpochMoved { expected, found: current },
        ChangeError::Apply(error) => ChangeRefused::Invalid(error.to_string()),
        error @ (ChangeError::Store(_) | ChangeError::Lost | ChangeError::Contended) => {
            ChangeRefused::Store(error.to_string())
        }
    }
}
