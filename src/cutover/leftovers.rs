//! What a former process of this node may have left at the servers: threads that still execute what it sent.
//!
//! A process that ended without signing off may have sent a write that the server is still carrying out, or a transaction it has not yet
//! given up. Its tickets are gone with it, so before a source's position is recorded those threads are ended and seen to be gone.
//! They are told from our own by their numbers: smaller than that of the first connection of this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::server::{ControlAccount, Server, ServerError};
use crate::model::{ControlState, Instance, InstanceId, Role};

/// How far a server's uptime, in whole seconds, may be from ours without meaning anything.
const UPTIME_SLACK: Duration = Duration::from_secs(2);

/// Between two looks at whether ended threads are gone.
const PAUSE: Duration = Duration::from_millis(20);

/// The instances where a former process may still be at work.
#[derive(Debug)]
pub struct Leftovers {
    accounts: Vec<ControlAccount>,
    /// By instance: what is known; absent once it is clean.
    suspects: Mutex<HashMap<InstanceId, Suspect>>,
}

#[derive(Clone, Copy, Debug)]
enum Suspect {
    /// It did not answer when this process began; nothing is known of its threads' numbers.
    Unmarked,
    /// Threads below this number are not ours, unless the server was started since.
    Below { thread: u64, marked: Instant },
}

impl Leftovers {
    /// None: the former process signed off, or there was none.
    pub fn none() -> Leftovers {
        Leftovers { accounts: Vec::new(), suspects: Mutex::default() }
    }

    /// Marks every primary, before this process opens a connection there. `accounts` are those of the applications at the instances.
    pub async fn mark(state: &ControlState, control: &ControlAccount, accounts: Vec<ControlAccount>) -> Leftovers {
        let mut suspects = HashMap::new();
        for (index, instance) in (0u16..).zip(&state.instances) {
            if instance.role == Role::Primary {
                suspects.insert(InstanceId(index), mark(instance, control).await);
            }
        }
        Leftovers { accounts, suspects: Mutex::new(suspects) }
    }

    /// Ends what is left at `id` and returns when it is gone. Errors: the server does not answer, or refuses.
    pub async fn clear(&self, state: &ControlState, id: InstanceId) -> Result<(), ServerError> {
        let suspect = self.suspects.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        let Some(suspect) = suspect else { return Ok(()) };
        for account in &self.accounts {
            end_threads(state.instance(id), account, suspect).await?;
        }
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }
}

async fn mark(instance: &Instance, control: &ControlAccount) -> Suspect {
    let birth = async { Server::connect(instance, control).await?.birth().await };
    match birth.await {
        Ok((thread, _)) => Suspect::Below { thread, marked: Instant::now() },
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(instance = instance.name, error, "what a former process left there is looked at later");
            Suspect::Unmarked
        }
    }
}

/// Ends this account's older threads and waits until none is left. It needs no privilege: an account may end its own threads.
async fn end_threads(instance: &Instance, account: &ControlAccount, suspect: Suspect) -> Result<(), ServerError> {
    let mut server = Server::connect(instance, account).await?;
    let below = match suspect {
        Suspect::Below { thread, marked } => {
            let (_, uptime) = server.birth().await?;
            // A server that was started since has none of the former threads, and counts anew.
            if uptime + UPTIME_SLACK < marked.elapsed() {
                return Ok(());
            }
            thread
        }
        // Ours are among them; ending those costs their clients an error, not ending the others could cost a row.
        Suspect::Unmarked => u64::MAX,
    };
    loop {
        let left: Vec<u64> = server.own_threads().await?.into_iter().filter(|thread| *thread < below).collect();
        if left.is_empty() {
            return Ok(());
        }
        tracing::warn!(instance = instance.name, user = account.user, threads = ?left, "ending what a former process left");
        for thread in left {
            server.kill(thread).await?;
        }
        if below == u64::MAX {
            // New threads of ours come all the time; those that were there have been told to end.
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}
