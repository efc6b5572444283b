//! Accounts of this node's own at instances, in place of the applications': open, or shut with all connections that were opened with them.

use super::pool::{Pools, lock};
use crate::model::InstanceId;
use crate::net::login::Account;

/// How a node logs in at an instance where it has accounts of its own, one for each of the applications'.
#[derive(Clone)]
pub(super) struct OwnLogin {
    /// What their names have more than the applications' accounts'.
    suffix: String,
    /// Their password; `None` while they are not open.
    password: Option<String>,
}

impl std::fmt::Debug for OwnLogin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("OwnLogin").field("suffix", &self.suffix).finish_non_exhaustive()
    }
}

impl Pools {
    /// From here on this node logs in at `instance` with accounts of its own alone, whose names end with `suffix`; they are not open yet.
    pub fn use_own_accounts(&self, instance: InstanceId, suffix: &str) {
        *lock(&self.own[instance.index()]) = Some(OwnLogin { suffix: suffix.to_owned(), password: None });
    }

    /// This node's own accounts at `instance` are open, with this password.
    pub fn own_accounts_open(&self, instance: InstanceId, password: &str) {
        if let Some(own) = &mut *lock(&self.own[instance.index()]) {
            own.password = Some(password.to_owned());
        }
    }

    /// This node's own accounts at `instance` are not to be used any more, nor any connection that was opened with them. The generation of
    /// connections from now on.
    pub fn own_accounts_shut(&self, instance: InstanceId) -> usize {
        if let Some(own) = &mut *lock(&self.own[instance.index()]) {
            own.password = None;
        }
        self.gauge(instance).shut_all()
    }

    /// The account that stands for `account` at `instance`; `None` while this node's own are not open there.
    pub fn account_at(&self, instance: InstanceId, account: &Account) -> Option<Account> {
        match &*lock(&self.own[instance.index()]) {
            None => Some(account.clone()),
            Some(OwnLogin { suffix, password }) => {
                Some(Account { user: format!("{}{suffix}", account.user), password: password.clone()? })
            }
        }
    }
}
