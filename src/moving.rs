//! The wiring of moves: whose transactions they end, what a former process left, and how operators read of them.

mod preview;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::admin::operations::{ChangeRefused, ChangeReport, FencedReport, MoveRow};
use crate::config::Config;
use crate::control::{Controller, Former, Nodes, past};
use crate::cutover::event;
use crate::cutover::server::ControlTls;
use crate::cutover::{
    Board, ControlAccount, EndSession, EndSessions, FenceRows, KillTarget, Leftovers, Lines, MoveEnd, MoveError,
    MoveInbox, MoveOutcome, MoveRequests, Mover, OwnRecords, Peers, Tools, requests,
};
use crate::frontend::registry::SessionEntry;
use crate::frontend::worker::Node;
use crate::model::{ControlState, FencePosition, MovePhase, MoveRecord, ReservedPorts, Snapshot};
use crate::monitor::ProbeTls;
use crate::net::tls::TlsError;
use crate::operations::refused;
use crate::server::home::{backend_accounts, control_account};
use crate::shutdown::Shutdown;

pub use preview::{lag_rows, ownership_rows, preview_rows, schema_faults};

/// The movers and the ways to them.
pub struct Moving {
    /// Carries moves out.
    pub mover: Arc<Mover>,
    /// The way for operators.
    pub requests: MoveRequests,
    /// The nodes that share the store, where it is shared.
    pub nodes: Option<Arc<Nodes>>,
    board: Arc<Board>,
}

impl Moving {
    /// Everything moves need, with what has to be served. If the process before this one vanished, what it left at the servers is marked
    /// before any connection of this process is opened there.
    pub async fn begin(
        config: &Config,
        controller: &Arc<Controller>,
        node: &Arc<Node>,
        former: Former,
        (peers, rows): (Option<Arc<Peers>>, Arc<FenceRows>),
        (tasks, stopped): (&mut JoinSet<()>, &Shutdown),
    ) -> Result<(Moving, MoveInbox), TlsError> {
        let webhook = config.webhook.as_ref().map(event::Way::to).transpose()?;
        let tls = ProbeTls::of(&config.backend).map(|tls| tls.options());
        let account = control_account(config);
        let leftovers = match former {
            Former::SignedOff => Leftovers::none(),
            Former::Vanished => {
                let state = Arc::clone(&controller.snapshots().load().state);
                Leftovers::mark(&state, &account, backend_accounts(config)).await
            }
        };
        let administrator = ControlAccount {
            user: config.administrator.user.clone(),
            password: config.administrator.password.clone(),
            tls: tls.clone(),
            reserved: Arc::clone(&config.reserved),
        };
        let applications = backend_accounts(config).into_iter().map(|account| account.user).collect();
        let sessions = Arc::new(Sessions { node: Arc::clone(node), tls, reserved: Arc::clone(&config.reserved) });
        let nodes = peers.as_ref().map(|peers| Arc::clone(peers.nodes()));
        let controller = Arc::clone(controller);
        let lines = Arc::new(Lines::new(account.clone()));
        let records = OwnRecords { node: config.node.name.clone(), pools: Arc::clone(&node.pools) };
        let tools = Tools {
            controller,
            account,
            lines,
            administrator,
            applications,
            strict_checks: config.strict_checks.clone(),
            sessions,
            leftovers,
            peers,
            rows,
            records,
        };
        let board = Arc::new(Board::default());
        let (events, told) = event::events();
        tasks.spawn(event::deliver(webhook, config.node.name.clone(), told, stopped.clone()));
        let mover = Arc::new(Mover::new(tools, config.moves, config.force.clone(), Arc::clone(&board), events));
        let (requests, inbox) = requests();
        Ok((Moving { mover, requests, nodes, board }, inbox))
    }

    /// A move as operators see it. A move this process has not met yet is at the step its record tells.
    pub fn row(&self, snapshot: &Snapshot, record: &MoveRecord, held: u64) -> MoveRow {
        let state = &snapshot.state;
        let progress = self.board.of(record.id);
        let recorded = match record.phase {
            MovePhase::Fenced => "drain",
            MovePhase::Recorded(_) => "catch-up",
        };
        let since = progress.as_ref().map_or_else(Instant::now, |known| known.since);
        MoveRow {
            id: record.id.0,
            what: past::parts(state, &record.parts),
            step: progress.as_ref().map_or(recorded, |known| known.step).to_owned(),
            in_flight: progress.as_ref().map_or(0, |known| known.in_flight as u64),
            held,
            lag: preview::farthest_behind(snapshot, record),
            milliseconds: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            by: record.by.clone(),
            detail: progress.map(|known| known.detail).unwrap_or_default(),
        }
    }
}

/// This node's sessions, as a move ends them.
struct Sessions {
    node: Arc<Node>,
    tls: Option<ControlTls>,
    reserved: Arc<ReservedPorts>,
}

/// While it is there, the connection a session runs on is used for nothing else.
struct Killer(Arc<SessionEntry>);

impl Drop for Killer {
    fn drop(&mut self) {
        self.0.killers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl EndSession for Killer {
    fn tell(&self) {
        self.0.kill();
    }
}

impl EndSessions for Sessions {
    fn target_of(&self, session: u32) -> Option<KillTarget> {
        let entry = self.node.registry.find(session)?;
        let known = self.node.users.find(&entry.identity().user)?;
        entry.killers.fetch_add(1, Ordering::SeqCst);
        let session = Box::new(Killer(Arc::clone(&entry)));
        let (instance, thread) = entry.running()?;
        let account = self.node.pools.account_at(instance, &known.account)?;
        let (tls, reserved) = (self.tls.clone(), Arc::clone(&self.reserved));
        let account = ControlAccount { user: account.user, password: account.password, tls, reserved };
        Some(KillTarget { instance, thread, account, session })
    }
}

/// The answer to a move that has ended, or has not begun.
pub fn reported(outcome: Result<MoveEnd, MoveError>) -> Result<ChangeReport, ChangeRefused> {
    match outcome {
        Ok(MoveEnd { epoch, what, outcome: MoveOutcome::Moved, closed_for, .. }) => {
            let result = format!("moved {what}; closed for {} ms", closed_for.as_millis());
            Ok(ChangeReport { epoch, result })
        }
        Ok(MoveEnd { epoch, what, outcome: MoveOutcome::Forced(proof), closed_for, .. }) => {
            let result = format!(
                "forced {what}; proof of closure: {proof}; closed for {} ms; SHOW QUARANTINES tells what is lost once the source is back",
                closed_for.as_millis()
            );
            Ok(ChangeReport { epoch, result })
        }
        Ok(MoveEnd { epoch, what, outcome: MoveOutcome::Fenced { positions, shut_out }, closed_for, .. }) => {
            let at: Vec<&str> = positions.iter().map(|found| found.position.as_str()).collect();
            let (at, shut_out) = (at.join("; "), shut_out.join(", "));
            let result = format!("fenced {what}; at {at}; shut out: {shut_out}; took {} ms", closed_for.as_millis());
            Ok(ChangeReport { epoch, result })
        }
        Ok(MoveEnd { epoch, outcome: MoveOutcome::AlreadySo, .. }) => {
            Ok(ChangeReport { epoch, result: "nothing to do: it holds already".to_owned() })
        }
        Ok(MoveEnd { what, outcome: MoveOutcome::RolledBack(why), epoch, .. }) => {
            Err(ChangeRefused::Invalid(format!("the move of {what} was rolled back at epoch {epoch}: {why}")))
        }
        Ok(MoveEnd { what, outcome: MoveOutcome::HandedOver(runner), .. }) => {
            Err(ChangeRefused::Invalid(format!("the move of {what} is carried on by {runner}; SHOW MOVES there")))
        }
        Err(MoveError::Change(error)) => Err(refused(error)),
        Err(error) => Err(ChangeRefused::Invalid(error.to_string())),
    }
}

/// The answer to a forbid that was waited for.
pub fn fenced(state: &ControlState, outcome: Result<MoveEnd, MoveError>) -> Result<FencedReport, ChangeRefused> {
    let (found, shut_out) = match &outcome {
        Ok(MoveEnd { outcome: MoveOutcome::Fenced { positions, shut_out }, .. }) => {
            (positions.clone(), shut_out.clone())
        }
        Ok(_) | Err(_) => (Vec::new(), Vec::new()),
    };
    let at = |found: FencePosition| {
        let primary = state.primary_of(found.source, found.group)?;
        Some((state.instance(primary).name.clone(), found.position))
    };
    let positions = found.into_iter().filter_map(at).collect();
    Ok(FencedReport { report: reported(outcome)?, positions, shut_out })
}
