//! The rows of the fence at the primaries: closed at the source of a move, opened for the owner.
//!
//! The instance decides, in the procedures that `meridian ctl fence-schema` makes, by the rules of [`crate::model::FenceRow`]. Who holds a row in
//! a transaction is waited for, and ended when its time is over. What runs outside transactions (DDL, CALL, packets of several statements)
//! holds a *guard* in place of a row, a user lock of its connection: whoever has all guards of a group knows that nothing of the kind runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::fence_leases::LATE;
use super::server::{ControlAccount, Family, Server, ServerError};
use crate::control::row_fences::{GUARDS, guard_name};
use crate::control::{RowFences, Snapshots};
use crate::model::{ControlState, Epoch, GroupId, Instance, MoveRecord, Rows, UnitId, fence_row};
use crate::shutdown::Shutdown;

/// How long whoever holds a row may take to let go of it before it is ended. Nobody who may write holds one for longer when rows are closed:
/// those that began before the move have ended, or their time is over.
const HOLDERS: Duration = Duration::from_millis(100);

/// How long whoever opens rows for their owner waits: those that hold them have been let in nowhere and are about to go.
const COMPARERS: Duration = Duration::from_secs(2);

/// Between two questions for whoever holds a row. What InnoDB tells of lock waits is a picture that is taken anew only when nobody has looked at the
/// last one for 100 ms (MariaDB, `trx_i_s_possibly_fetch_data_into_cache`): whoever asks more often is told the same for ever.
const LOOKS: Duration = Duration::from_millis(150);

/// How long setting rows may take, with the rollback of what is ended for it.
const SETTING: Duration = Duration::from_secs(60);

/// What the procedures answer to an epoch that comes too late.
const STALE: u16 = 45103;

/// Who may still run something outside a transaction when rows are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// Nobody: everybody has said so.
    AllHeard,
    /// Nodes that are not heard: their guards are taken.
    Taken,
}

/// The rows.
pub struct FenceRows {
    fences: Arc<RowFences>,
    account: ControlAccount,
}

impl FenceRows {
    /// Those of the groups with `fences`; `account` sets them.
    pub fn new(fences: Arc<RowFences>, account: ControlAccount) -> FenceRows {
        FenceRows { fences, account }
    }

    /// Whether the group has them.
    pub fn covers(&self, group: GroupId) -> bool {
        self.fences.covers(group)
    }

    /// Whether its transactions compare the primary's lease as they commit.
    pub fn leases(&self, group: GroupId) -> bool {
        self.fences.leases(group)
    }

    /// A connection of the account that sets them.
    pub(super) async fn connect(&self, instance: &Instance) -> Result<Server, ServerError> {
        Server::connect(instance, &self.account).await
    }

    /// What is missing of what the fence of the group needs at `instance`; nothing, when it does not answer.
    pub async fn missing_at(&self, instance: &Instance) -> Option<String> {
        let mut server = self.connect(instance).await.ok()?;
        let missing = missing_rows(&mut server).await;
        if missing.is_some() || !self.leases(instance.group) {
            return missing;
        }
        missing_lease(&mut server).await
    }

    /// Closes the rows of everything that moves, each at its source. When it returns, no write that was decided before the fence can be in
    /// flight or come later. Errors: a source does not answer, or knows better.
    pub async fn close(&self, state: &ControlState, record: &MoveRecord, guards: Guards) -> Result<(), ServerError> {
        for (group, source) in record.sources() {
            if self.covers(group) {
                self.close_at(state, record, (group, source), guards).await?;
            }
        }
        Ok(())
    }

    /// As [`Self::close`], at one source.
    pub async fn close_at(
        &self,
        state: &ControlState,
        record: &MoveRecord,
        (group, source): (GroupId, UnitId),
        guards: Guards,
    ) -> Result<(), ServerError> {
        let Some(primary) = state.primary_of(source, group) else { return Ok(()) };
        let (instance, held) = (state.instance(primary), state.group(group));
        let of_source = record.parts.iter().filter(|part| part.extent.group() == group && part.source == source);
        let rows: Vec<Rows> = of_source.flat_map(|part| fence_row::rows_that_move(held, part.extent)).collect();
        let mut server = self.connect(instance).await?;
        if guards == Guards::Taken {
            take_guards(&mut server, &held.name).await?;
        }
        self.set(&mut server, instance, (&held.name, &rows), (record.id.fence(), false), HOLDERS).await
        // The guards go with the connection.
    }

    /// Closes every row of the group at the primary of `unit`, which has been left behind since `since`: whoever still believes in what was before
    /// is let in there no more, and can open nothing. Errors: it does not answer, or takes no writes from anybody.
    pub async fn close_left_behind(
        &self,
        state: &ControlState,
        (group, unit): (GroupId, UnitId),
        since: Epoch,
    ) -> Result<(), ServerError> {
        let (Some(primary), true) = (state.primary_of(unit, group), self.covers(group)) else { return Ok(()) };
        let (instance, held) = (state.instance(primary), state.group(group));
        let mut server = self.connect(instance).await?;
        let rows = fence_row::all_rows(held);
        // Asked each second for as long as it is left behind: the rows themselves are read only when one of them is missing.
        let count: u32 = rows.iter().map(|rows| rows.last - rows.first + 1).sum();
        let name = &held.name;
        let closed = format!("SELECT COUNT(*), '' FROM meridian.fence WHERE grp = '{name}' AND epoch >= {since}");
        if server.pairs(&closed).await?.first().is_some_and(|(closed, _)| *closed == count.to_string()) {
            return Ok(());
        }
        let known = epochs(&mut server, name).await?;
        let left: Vec<Rows> = rows.into_iter().flat_map(|rows| behind(rows, since, &known)).collect();
        self.set(&mut server, instance, (name, &left), (since, false), HOLDERS).await?;
        tracing::warn!(instance = instance.name, "the rows of the fence are closed at what was left behind");
        Ok(())
    }

    /// Opens the rows of everything that moves, each at its target, for the epoch at which the target is to own it. Nobody has that epoch yet.
    pub async fn open_targets(
        &self,
        state: &ControlState,
        record: &MoveRecord,
        epoch: Epoch,
    ) -> Result<(), ServerError> {
        for part in record.parts.iter().filter(|part| self.covers(part.extent.group())) {
            let (group, held) = (part.extent.group(), state.group(part.extent.group()));
            let Some(primary) = state.primary_of(part.target, group) else { continue };
            let instance = state.instance(primary);
            let mut server = self.connect(instance).await?;
            let rows = fence_row::rows_that_move(held, part.extent);
            self.set(&mut server, instance, (&held.name, &rows), (epoch, true), HOLDERS).await?;
        }
        Ok(())
    }

    /// Opens what `state` says is to be open at every primary of the groups, where it is not yet. A row that is ahead of the state stays as it is.
    pub async fn open(&self, state: &ControlState) {
        for group in self.fences.groups() {
            for unit in (0..state.units.len()).map(|index| UnitId(index as u16)) {
                if let Err(error) = self.open_at(state, group, unit).await {
                    tracing::warn!(
                        unit = state.unit(unit).name,
                        error = &error as &dyn std::error::Error,
                        "the rows of the fence are not open there yet"
                    );
                }
            }
        }
    }

    async fn open_at(&self, state: &ControlState, group: GroupId, unit: UnitId) -> Result<(), ServerError> {
        let wanted = fence_row::open_rows(state, group, unit);
        let Some(primary) = state.primary_of(unit, group).filter(|_| !wanted.is_empty()) else { return Ok(()) };
        let (instance, name) = (state.instance(primary), &state.group(group).name);
        let mut server = self.connect(instance).await?;
        let known = epochs(&mut server, name).await?;
        for (rows, epoch) in wanted {
            // Only those that are behind: nobody writes under them, so that nobody is waited for.
            for behind in behind(rows, epoch, &known) {
                match self.set(&mut server, instance, (name, &[behind]), (epoch, true), COMPARERS).await {
                    Err(error) if error.code() == Some(STALE) => {
                        tracing::debug!(instance = instance.name, %epoch, "a row of the fence is ahead of this node");
                    }
                    outcome => outcome?,
                }
            }
        }
        Ok(())
    }

    /// Keeps rows open for their owners, as this node knows them, whenever a write was not let in, until shutdown.
    pub async fn keep(self: Arc<Self>, snapshots: Arc<Snapshots>, mut stopped: Shutdown) {
        loop {
            let state = Arc::clone(&snapshots.load().state);
            self.open(&state).await;
            tokio::select! {
                () = stopped.told() => return,
                () = self.fences.missed() => {}
            }
        }
    }

    async fn set(
        &self,
        server: &mut Server,
        instance: &Instance,
        (group, rows): (&str, &[Rows]),
        (epoch, is_open): (Epoch, bool),
        holders: Duration,
    ) -> Result<(), ServerError> {
        server.execute("SET SESSION innodb_lock_wait_timeout = 60").await?;
        let thread = server.birth().await?.0;
        let setting = async {
            for Rows { first, last } in rows {
                let call = format!("meridian.set_fence('{group}', {first}, {last}, {epoch}, {})", u8::from(is_open));
                server.call_within(&call, SETTING).await?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            set = setting => set,
            error = self.end_holders(instance, thread, holders) => Err(error),
        }
    }

    /// Ends whoever holds a row that `thread` waits for after `patience`, again and again. Resolves only when that is not possible.
    async fn end_holders(&self, instance: &Instance, thread: u64, patience: Duration) -> ServerError {
        sleep(patience).await;
        let mut server = match self.connect(instance).await {
            Ok(server) => server,
            Err(error) => return error,
        };
        loop {
            match server.call(&format!("meridian.end_fence_holders({thread})")).await {
                Ok(0) => {}
                Ok(holders) => {
                    tracing::warn!(instance = instance.name, holders, "holders of rows of the fence are ended")
                }
                Err(error) => return error,
            }
            sleep(LOOKS).await;
        }
    }
}

/// What the server lacks of what the rows need.
async fn missing_rows(server: &mut Server) -> Option<String> {
    let asked = async {
        server.pairs("SELECT grp, scope FROM meridian.fence LIMIT 1").await?;
        // A stretch of nothing, for nobody: whether it may be called.
        server.call("meridian.set_fence('', 1, 0, 0, 0)").await?;
        server.call("meridian.end_fence_guards('')").await?;
        server.call("meridian.end_fence_holders(0)").await
    };
    if let Err(refused) = asked.await {
        return not_prepared(&refused);
    }
    let tells = match server.family {
        Family::MariaDb => return None,
        Family::MySql => server.variable("performance_schema").await.ok()??,
    };
    (tells != "ON")
        .then(|| "performance_schema is off, so that nobody can tell who holds a row of the fence".to_owned())
}

/// What the server lacks of what leases need.
async fn missing_lease(server: &mut Server) -> Option<String> {
    let asked = async {
        server.pairs("SELECT grp, valid_until FROM meridian.fence_lease LIMIT 1").await?;
        let asked = server.clock().await?;
        // For no time at all: whether it may be called.
        match server.call(&format!("meridian.renew_lease('', '{asked}', 0)")).await {
            Err(error) if error.code() == Some(LATE) => {}
            answer => drop(answer?),
        }
        server.execute("SET SESSION timestamp = 1").await?;
        let forged = server.pairs("SELECT SYSDATE(6) < '2000-01-01', ''").await?;
        Ok::<_, ServerError>((forged, server.variable("innodb_snapshot_isolation").await?))
    };
    let (forged, snapshot_isolation) = match asked.await {
        Ok(answers) => answers,
        Err(refused) => return not_prepared(&refused),
    };
    if forged.first().is_none_or(|(is_forged, _)| is_forged != "0") {
        return Some(
            "it runs with sysdate-is-now: any session could hold its clock back, and with it the lease".to_owned(),
        );
    }
    (snapshot_isolation.as_deref() == Some("ON")).then(|| {
        "innodb_snapshot_isolation is ON there: no transaction could read a lease renewed since it began".to_owned()
    })
}

fn not_prepared(refused: &ServerError) -> Option<String> {
    refused.code().map(|_| format!("{refused}; run meridian ctl fence-schema"))
}

/// Takes every guard of the group, and ends who keeps one for longer than it may.
async fn take_guards(server: &mut Server, group: &str) -> Result<(), ServerError> {
    for guard in 0..GUARDS {
        let take = format!("SELECT GET_LOCK({}, 0.1), ''", guard_name(group, guard));
        while server.pairs(&take).await?.first().is_none_or(|(taken, _)| taken != "1") {
            let keepers = server.call(&format!("meridian.end_fence_guards('{group}')")).await?;
            tracing::warn!(group, keepers, "statements outside transactions are ended by a move");
        }
    }
    Ok(())
}

/// The epoch of each row of a group at a server.
async fn epochs(server: &mut Server, group: &str) -> Result<BTreeMap<u32, u64>, ServerError> {
    let rows = server.pairs(&format!("SELECT scope, epoch FROM meridian.fence WHERE grp = '{group}'")).await?;
    Ok(rows.iter().filter_map(|(scope, epoch)| Some((scope.parse().ok()?, epoch.parse().ok()?))).collect())
}

/// The stretches of `rows` that are not there or are of an older epoch than `epoch`.
fn behind(rows: Rows, epoch: Epoch, known: &BTreeMap<u32, u64>) -> Vec<Rows> {
    let mut stretches: Vec<Rows> = Vec::new();
    for row in (rows.first..=rows.last).filter(|row| known.get(row).is_none_or(|has| *has < epoch.0)) {
        match stretches.last_mut().filter(|stretch| stretch.last + 1 == row) {
            Some(stretch) => stretch.last = row,
            None => stretches.push(Rows { first: row, last: row }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_or_older_is_behind() {
        let known = BTreeMap::from([(0, 5), (1, 4), (2, 4), (4, 6), (5, 1)]);
        let stretch = |first, last| Rows { first, last };
        assert_eq!(behind(stretch(0, 6), Epoch(5), &known), [stretch(1, 3), stretch(5, 6)]);
        assert_eq!(behind(stretch(0, 0), Epoch(5), &known), []);
    }
}
