//! Connections to servers that are kept between the questions of a move: at every moment of it clients wait, and logging in takes longer than
//! most answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::server::{ControlAccount, Server, ServerError};
use crate::model::{Instance, InstanceAddress};

/// Idle connections of one account.
pub struct Lines {
    account: ControlAccount,
    idle: Mutex<HashMap<Way, Vec<Server>>>,
    users: AtomicUsize,
}

/// Somebody puts several questions.
pub struct InUse(Arc<Lines>);

impl Drop for InUse {
    fn drop(&mut self) {
        if self.0.users.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle().clear();
        }
    }
}

/// Where a connection leads, and as which instance it asks there.
type Way = (String, InstanceAddress);

impl Lines {
    /// None yet; they are `account`'s.
    pub fn new(account: ControlAccount) -> Lines {
        Lines { account, idle: Mutex::default(), users: AtomicUsize::new(0) }
    }

    /// A connection to `instance`: one that was kept, which may have broken meanwhile, or a new one. Errors: it does not answer, or refuses.
    pub async fn to(&self, instance: &Instance) -> Result<Server, ServerError> {
        let kept = self.idle().get_mut(&way(instance)).and_then(Vec::pop);
        match kept {
            Some(server) => Ok(server),
            None => self.open(instance).await,
        }
    }

    async fn open(&self, instance: &Instance) -> Result<Server, ServerError> {
        let mut server = Server::connect(instance, &self.account).await?;
        server.learn_domain().await?;
        Ok(server)
    }

    /// Has `count` idle connections to `instance`, if it answers; to be called while somebody has them kept.
    pub async fn ready(&self, instance: &Instance, count: usize) {
        let idle = self.idle().get(&way(instance)).map_or(0, Vec::len);
        let opened = join_all((idle..count).map(|_| self.open(instance))).await;
        for server in opened {
            match server {
                Ok(server) => self.keep(instance, server),
                Err(error) => {
                    tracing::debug!(instance = instance.name, error = &error as &dyn std::error::Error, "not ready")
                }
            }
        }
    }

    /// Keeps a connection whose last question was answered, while somebody has more of them. One that was not may be in the middle of something, and is dropped.
    pub fn keep(&self, instance: &Instance, server: Server) {
        if self.users.load(Ordering::SeqCst) > 0 {
            self.idle().entry(way(instance)).or_default().push(server);
        }
    }

    /// Idle connections are kept as long as somebody has one of these.
    pub fn in_use(self: &Arc<Self>) -> InUse {
        self.users.fetch_add(1, Ordering::SeqCst);
        InUse(Arc::clone(self))
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Way, Vec<Server>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn way(instance: &Instance) -> Way {
    (instance.name.clone(), instance.address.clone())
}
