//! What proves that nobody can write any more at a source that does not answer. What the nodes
//! say and what can be done are tried at once, and the first proof counts.

use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::process::Command as Program;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::force::{ForceError, ForceWish, WithoutProof};
use super::perform;
use super::requests::MoveError;
use super::run::Mover;
use crate::model::fence_lease::CLOSED_AFTER;
use crate::model::{ClosureProof, ControlState, GroupId, Instance, MoveId, MoveRecord};

/// How long the fencing command may take.
const FENCING: Duration = Duration::from_secs(60);

/// How long it is waited until the command is run: mostly nothing is in flight, and nothing has to be powered off.
const GRACE: Duration = Duration::from_millis(300);

/// Why a way to a proof led to none; nothing where it was not open at all.
type NoProof = Vec<String>;

impl Mover {
    /// Every node's writes have ended, or a command says that nobody can write there, or its lease has ended, or the operator takes it upon
    /// himself. The store has said since `left_behind` that the source is.
    pub(super) async fn close_source(
        &self,
        id: MoveId,
        wish: &ForceWish,
        source: &Instance,
        left_behind: Instant,
    ) -> Result<ClosureProof, MoveError> {
        let state = self.state();
        let Some(record) = state.moves.iter().find(|record| record.id == id) else {
            return Err(ForceError::Restless.into());
        };
        let drained = pin!(self.drained(record, wish.without_proof));
        let closed = pin!(async {
            match self.fenced(source).await {
                Ok(proof) => Ok(proof),
                // The stronger proof is asked for first.
                Err(unfenced) => match self.lease_ended(&state, wish.group, left_behind).await {
                    Ok(proof) => Ok(proof),
                    Err(unbound) => Err([unbound, unfenced].concat()),
                },
            }
        });
        let failed = match select(drained, closed).await {
            Either::Left((Ok(proof), _)) | Either::Right((Ok(proof), _)) => return Ok(proof),
            Either::Left((Err(in_flight), closed)) => match closed.await {
                Ok(proof) => return Ok(proof),
                Err(open) => [in_flight, open].concat(),
            },
            Either::Right((Err(open), drained)) => match drained.await {
                Ok(proof) => return Ok(proof),
                Err(in_flight) => [in_flight, open].concat(),
            },
        };
        let what = failed.join(", and ");
        match wish.without_proof {
            WithoutProof::Accept => Ok(ClosureProof::Unfenced),
            WithoutProof::Refuse => Err(ForceError::NotClosed { instance: source.name.clone(), what }.into()),
        }
    }

    /// No node has a write in flight there. Who accepts that there is no proof waits no longer than writes may take to end.
    async fn drained(&self, record: &MoveRecord, without_proof: WithoutProof) -> Result<ClosureProof, NoProof> {
        let all = self.wait_for_nodes(record);
        let in_flight = match without_proof {
            WithoutProof::Refuse => all.await,
            WithoutProof::Accept => timeout(self.deadlines.drain + self.deadlines.end, all).await.unwrap_or(1),
        };
        match in_flight {
            0 => Ok(ClosureProof::Drained),
            left => Err(vec![format!("{left} writes there have not been seen to end")]),
        }
    }

    async fn wait_for_nodes(&self, record: &MoveRecord) -> usize {
        let here = async {
            match perform::drain(&self.tools, record, self.deadlines.drain).await {
                0 => 0,
                _ => perform::end_transactions(&self.tools, record, self.deadlines.end).await,
            }
        };
        // A node that is not heard counts: what it has open at a lost source cannot be ended there.
        let (here, unheard) = tokio::join!(here, perform::unheard(&self.tools, record, self.deadlines.silence));
        here + unheard.len()
    }

    /// Its lease has ended, without which nobody commits in the group. Whatever is still on its way there commits nothing any more.
    async fn lease_ended(
        &self,
        state: &ControlState,
        group: GroupId,
        left_behind: Instant,
    ) -> Result<ClosureProof, NoProof> {
        if !self.tools.rows.leases(group) {
            return Err(NoProof::new());
        }
        let without = self.tools.peers.as_ref().map(|peers| peers.without_leases(&state.group(group).name));
        match without {
            Some(nodes) if !nodes.is_empty() => Err(vec![format!("its lease does not bind {}", nodes.join(", "))]),
            Some(_) | None => {
                sleep_until(left_behind + CLOSED_AFTER).await;
                Ok(ClosureProof::LeaseEnded)
            }
        }
    }

    /// The configured command says so.
    async fn fenced(&self, source: &Instance) -> Result<ClosureProof, NoProof> {
        let Some(command) = &self.force.fencing_command else { return Err(NoProof::new()) };
        sleep(GRACE).await;
        match fence(command, source).await {
            Ok(()) => Ok(ClosureProof::FencingCommand),
            Err(why) => Err(vec![format!("the fencing command {why}")]),
        }
    }
}

/// Runs the fencing command, which is told by its environment what to fence. Errors: what it did instead of exiting with 0.
async fn fence(command: &[String], source: &Instance) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("is empty".to_owned()) };
    let address = match &source.address {
        crate::model::InstanceAddress::Tcp(host, port) => format!("{host}:{port}"),
        crate::model::InstanceAddress::Unix(path) => format!("unix:{path}"),
    };
    let mut program = Program::new(program);
    program.args(arguments).env("MERIDIAN_INSTANCE", &source.name).env("MERIDIAN_ADDRESS", address);
    program.kill_on_drop(true).stdin(Stdio::null());
    match timeout(FENCING, program.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("ended with {status}")),
        Ok(Err(error)) => Err(format!("could not be run: {error}")),
        Err(_) => Err(format!("took more than {} s", FENCING.as_secs())),
    }
}
