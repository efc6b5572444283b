//! Connections to servers that are kept between the questions of a move: at every moment of it clients wait, and logging in takes longer than
//! most answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::server::{ControlAccount, Server, ServerError};
use crate::model::{Instance, InstanceAddress};

/// Idle connections of one account.
pub struct Lines {
    account: ControlAccount,
    idle: Mutex<HashMap<Way, Vec<Server>>>,
}

/// Where a connection leads, and as which instance it asks there.
type Way = (String, InstanceAddress);

impl Lines {
    /// None yet; they are `account`'s.
    pub fn new(account: ControlAccount) -> Lines {
        Lines { account, idle: Mutex::default() }
    }

    /// A connection to `instance`: one that was kept, which may have broken meanwhile, or a new one. Errors: it does not answer, or refuses.
    pub async fn to(&self, instance: &Instance) -> Result<Server, ServerError> {
        let kept = self.idle().get_mut(&way(instance)).and_then(Vec::pop);
        match kept {
            Some(server) => Ok(server),
            None => Server::connect(instance, &self.account).await,
        }
    }

    /// Keeps a connection whose last question was answered. One that was not may be in the middle of something, and is dropped.
    pub fn keep(&self, instance: &Instance, server: Server) {
        self.idle().entry(way(instance)).or_default().push(server);
    }

    /// Ends all that are idle: for when nobody is waiting any more.
    pub fn hang_up(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Way, Vec<Server>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn way(instance: &Instance) -> Way {
    (instance.name.clone(), instance.address.clone())
}
