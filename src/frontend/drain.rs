//! A node that ends: what a session does while it may still finish, and how it says good-bye.
//!
//! Transactions and pinned sessions go on until the deadline of the whole node. The others end when they have been idle for a
//! moment, and from some point on they begin nothing new. When that is, the server says; see [`super::registry::Registry::begin_drain`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::client::ReceivedCommand;
use super::error_reply;
use super::next_command::{pressure_on, received};
use super::session::{Session, SessionEnd};
use crate::wire::command::Command;

/// How long a session without a transaction may say nothing before it is ended: who has just connected, or read an answer, may be about
/// to ask.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);

impl Session {
    /// Whether it has begun something that only it can finish.
    pub(super) fn is_in_earnest(&self) -> bool {
        self.transaction.is_begun() || self.held.as_deref().is_some_and(|held| !held.pins.is_empty())
    }

    /// The next command while the node ends.
    pub(super) async fn next_command_in_drain(&mut self, refuse_after: Instant) -> Result<ReceivedCommand, SessionEnd> {
        let max_packet = self.worker.node.limits.load().max_packet;
        loop {
            let entry = Arc::clone(&self.presence.entry);
            let wanted = self.comfort().map(|held| Arc::clone(held.gauge()));
            let in_earnest = self.is_in_earnest();
            let patience = match (in_earnest, Instant::now() >= refuse_after) {
                (true, _) => None,
                (false, true) => Some(Duration::ZERO),
                (false, false) => Some(IDLE_PATIENCE),
            };
            let idle = async {
                match patience {
                    Some(patience) => sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = entry.end.told() => {
                    if entry.is_killed() {
                        return Err(SessionEnd::Killed);
                    }
                }
                command = self.client.read_command(&self.worker, max_packet) => {
                    let command = received(command)?;
                    let quits = command.frame.payload(&command.packet).first() == Some(&(Command::Quit as u8));
                    return if in_earnest || quits || Instant::now() < refuse_after {
                        Ok(command)
                    } else {
                        Err(SessionEnd::Drained)
                    };
                }
                () = pressure_on(wanted) => self.give_up_comfort().await,
                () = idle => return Err(SessionEnd::Drained),
            }
        }
    }

    /// Says that the node ends. It is numbered as the answer to the client's next command, so that a client which sends one all the
    /// same reads why it is not carried out.
    pub(super) async fn say_good_bye(&mut self) {
        if self.send(&error_reply::shutting_down(1)).await.is_err() {
            tracing::debug!(session = self.presence.entry.id, "the client did not stay to read why");
        }
    }
}
