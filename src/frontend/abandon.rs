//! Writes whose outcome nobody heard: their tickets are kept until their connection is known to be dead.
//!
//! A closed socket is no proof: the server may still be executing. KILL that is answered, with OK or "no such thread", is,
//! and so is a server that was started after the connection was opened. No client waits for it: the server may be gone for long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::{Instant, sleep, timeout};

use super::held::Held;
use super::session::Session;
use super::worker::Node;
use crate::backend::{CheckoutError, Connection, ConnectionError, PoolId, SessionState, Wanted};
use crate::control::WriteTicket;
use crate::model::InstanceId;
use crate::wire::command::Command;
use crate::wire::scanner::ReplyKind;

/// ER_NO_SUCH_THREAD.
const NO_SUCH_THREAD: u16 = 1094;

/// How long a KILL may take until it counts as unanswered.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// The longest pause between two attempts to confirm that a connection is dead.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far a server's own uptime, in whole seconds, may be from ours without meaning anything.
const UPTIME_SLACK: Duration = Duration::from_secs(2);

impl Session {
    /// Closes the connection and drops `tickets` once the server confirms that its thread is gone. Without tickets nothing
    /// depends on when the server notices. The session goes on meanwhile.
    pub(super) fn abandon(&mut self, held: Box<Held>, tickets: SmallVec<[WriteTicket; 1]>) {
        let connection = &held.checkout.connection;
        let (instance, thread, born) = (connection.instance, connection.thread_id, connection.born);
        let generation = connection.generation;
        self.presence.entry.runs_no_more();
        drop(held);
        if tickets.is_empty() {
            return;
        }
        let killer = self.killer(instance);
        self.worker.outlive(async move {
            let mut pause = Duration::from_millis(50);
            while !killer.knows_dead(instance, generation) && !killer.confirm_dead(thread, born).await {
                tracing::warn!(
                    instance = instance.0,
                    thread,
                    "a write is abandoned; its connection is not known to be dead"
                );
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            drop(tickets);
        });
    }

    /// As [`Self::abandon`], and ends what runs on the connection, which nobody hears: a server that has nothing to send notices late, or not at
    /// all, that its client is gone.
    pub(super) fn give_up(&mut self, held: Box<Held>, tickets: SmallVec<[WriteTicket; 1]>) {
        if !tickets.is_empty() {
            return self.abandon(held, tickets);
        }
        let connection = &held.checkout.connection;
        let (instance, thread, born) = (connection.instance, connection.thread_id, connection.born);
        self.abandon(held, tickets);
        let killer = self.killer(instance);
        self.worker.outlive(async move {
            if !killer.confirm_dead(thread, born).await {
                tracing::warn!(instance = instance.0, thread, "a statement that nobody hears could not be ended");
            }
        });
    }

    /// What ends threads of an instance, on connections of this session's account.
    pub(super) fn killer(&mut self, instance: InstanceId) -> Killer {
        Killer {
            pool: self.pool_of(instance),
            node: Arc::clone(&self.worker.node),
            worker: self.worker.number,
            state: Arc::clone(&self.state),
            client: self.presence.entry.client,
        }
    }
}

/// Ends threads of one instance.
pub(super) struct Killer {
    node: Arc<Node>,
    worker: usize,
    pool: PoolId,
    state: Arc<SessionState>,
    client: SocketAddr,
}

impl Killer {
    /// Ends the statement that runs in `thread`; no such thread is as good. Errors: the server may not have heard of it.
    pub async fn kill_query(&self, thread: u32) -> Result<(), KillError> {
        let killed = timeout(KILL_PATIENCE, self.kill(&format!("KILL QUERY {thread}"), None)).await;
        killed.unwrap_or(Err(KillError::Unanswered))
    }

    /// Whether all connections of this generation are known to be gone: their account was shut and its threads ended.
    fn knows_dead(&self, instance: InstanceId, generation: usize) -> bool {
        self.node.pools.gauge(instance).has_ended(generation)
    }

    /// Whether the connection that was opened at `born` with `thread` is certain to be gone.
    async fn confirm_dead(&self, thread: u32, born: Instant) -> bool {
        matches!(timeout(KILL_PATIENCE, self.kill(&format!("KILL {thread}"), Some(born))).await, Ok(Ok(())))
    }

    async fn kill(&self, statement: &str, born: Option<Instant>) -> Result<(), KillError> {
        let wanted = Wanted { state: &self.state, client: &self.client, attributes: None };
        let checkout = self.node.pools.checkout(self.worker, self.pool, wanted).await;
        let mut checkout = checkout.map_err(KillError::Checkout)?;
        let connection = &mut checkout.connection;
        // A server that was started again counts its threads anew: the number may be somebody else's by now.
        if let Some(born) = born
            && started_after(connection, born).await.map_err(KillError::Connection)?
        {
            checkout.release();
            return Ok(());
        }
        let killed = connection.confirmed(Command::Query, statement.as_bytes()).await;
        checkout.release();
        match killed {
            Ok(_) => Ok(()),
            Err(ConnectionError::Refused { packet }) if refused_with(&packet) == Some(NO_SUCH_THREAD) => Ok(()),
            Err(error) => Err(KillError::Connection(error)),
        }
    }
}

/// Whether the server was started after `moment`, by its own word.
async fn started_after(connection: &mut Connection, moment: Instant) -> Result<bool, ConnectionError> {
    let reply = connection.ask(Command::Statistics, b"", ReplyKind::Statistics).await?;
    let uptime = uptime_in(&String::from_utf8_lossy(&reply.bytes));
    Ok(uptime.is_some_and(|uptime| uptime + UPTIME_SLACK < moment.elapsed()))
}

/// The uptime in a reply to COM_STATISTICS: `Uptime: 4711  Threads: 1  …`.
fn uptime_in(statistics: &str) -> Option<Duration> {
    let (_, rest) = statistics.split_once("Uptime: ")?;
    rest.split_whitespace().next()?.parse().ok().map(Duration::from_secs)
}

/// Why a KILL was not confirmed.
#[derive(Debug)]
pub(super) enum KillError {
    Checkout(#[allow(dead_code, reason = "shown by Debug in the log")] CheckoutError),
    Connection(#[allow(dead_code, reason = "shown by Debug in the log")] ConnectionError),
    Unanswered,
}

/// The error number of an ERR packet, header included.
fn refused_with(packet: &[u8]) -> Option<u16> {
    let bytes = packet.get(5..7)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_is_read_from_the_statistics() {
        let said = "\x45\0\0\x01Uptime: 4711  Threads: 2  Questions: 9  Slow queries: 0";
        assert_eq!(uptime_in(said), Some(Duration::from_secs(4711)));
        assert_eq!(uptime_in("Threads: 2"), None);
    }
}
