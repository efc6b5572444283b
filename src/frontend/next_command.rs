//! Waiting for a client's next command: in as few bytes as possible, and for what may come instead of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::client::{ReadError, ReceivedCommand};
use super::error_reply;
use super::session::{Session, SessionEnd};
use crate::backend::gauge::InstanceGauge;
use crate::sql::Family;

impl Session {
    pub(super) async fn next_command(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        // What nearly all sessions wait for, nearly always, in as few bytes as possible; the rest is boxed.
        let node = &self.worker.node;
        let max_packet = self.worker.limit(|limits| {
            let ordinary =
                self.held.is_none() && self.patience(limits.idle_deadline).is_none() && node.registry.drain().is_none();
            ordinary.then_some(limits.max_packet)
        });
        let Some(max_packet) = max_packet else {
            return Box::pin(self.next_command_otherwise()).await;
        };
        let (end, client, worker) = (&self.presence.entry.end, &mut self.client, &self.worker);
        let command = poll_fn(|context| {
            // First, so that nothing the client sends after a KILL was answered is still carried out.
            if end.is_told() {
                return Poll::Ready(None);
            }
            match client.poll_command(context, worker, max_packet) {
                Poll::Ready(command) => Poll::Ready(Some(command)),
                Poll::Pending => end.poll_told(context).map(|()| None),
            }
        });
        if let Some(command) = command.await {
            return received(command);
        }
        Box::pin(self.next_command_otherwise()).await
    }

    /// The next command of a session that was woken, keeps a connection, may be idle for too long, or is on a node that ends.
    async fn next_command_otherwise(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        let registry = Arc::clone(&self.worker.node.registry);
        if self.presence.entry.is_killed() {
            return Err(SessionEnd::Killed);
        }
        match registry.drain() {
            Some(refuse_after) => self.next_command_in_drain(refuse_after).await,
            None => self.next_command_or_pressure().await,
        }
    }

    async fn next_command_or_pressure(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        loop {
            let entry = Arc::clone(&self.presence.entry);
            // Only a connection kept for comfort is given back while the client thinks; see `held`.
            let wanted = self.comfort().map(|held| Arc::clone(held.gauge()));
            let (max_packet, patience) =
                self.worker.limit(|limits| (limits.max_packet, self.patience(limits.idle_deadline)));
            tokio::select! {
                biased;
                // First, so that nothing the client sends after a KILL was answered is still carried out.
                () = entry.end.told() => {
                    if entry.is_killed() {
                        return Err(SessionEnd::Killed);
                    }
                    if let Some(refuse_after) = self.worker.node.registry.drain() {
                        return self.next_command_in_drain(refuse_after).await;
                    }
                }
                command = self.client.read_command(&self.worker, max_packet) => return received(command),
                () = pressure_on(wanted) => self.give_up_comfort().await,
                () = idle_for(patience) => return self.end_of_patience().await,
            }
        }
    }

    /// How long the client may say nothing: the node's limit, or what it has set as its own `wait_timeout`.
    fn patience(&self, idle_deadline: Option<Duration>) -> Option<Duration> {
        let own = self.state.variables.get("wait_timeout").and_then(|seconds| seconds.parse().ok());
        let own = own.map(Duration::from_secs);
        idle_deadline.into_iter().chain(own).min()
    }

    /// Oracle MySQL tells an idle client why it goes; MariaDB resets the connection, from which drivers know what has happened.
    async fn end_of_patience<T>(&mut self) -> Result<T, SessionEnd> {
        match self.listener.dialect.family {
            Family::MySql => self.send(&error_reply::text(&error_reply::inactive(), 0)).await?,
            Family::MariaDb => {
                if let Err(error) = self.client.stream.close_abruptly() {
                    tracing::debug!(session = self.presence.entry.id, %error, "an idle client is left in order");
                }
            }
        }
        Err(SessionEnd::Idle)
    }
}

pub(super) fn received(command: Result<ReceivedCommand, ReadError>) -> Result<ReceivedCommand, SessionEnd> {
    command.map_err(|error| match error {
        ReadError::Closed => SessionEnd::Left,
        other => SessionEnd::Client(other),
    })
}

/// Resolves when others wait for the instance a connection is kept of for comfort; never without one.
pub(super) async fn pressure_on(gauge: Option<Arc<InstanceGauge>>) {
    match gauge {
        Some(gauge) => {
            let mut told = std::pin::pin!(gauge.pressure.notified());
            // Listen first, then look: who began to wait in between has told nobody else.
            told.as_mut().enable();
            if gauge.waiting() == 0 {
                told.await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Resolves after the idle deadline; never without one.
async fn idle_for(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}
