//! Who may log in; replaced whole on a reload.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::config::User;
use crate::net::login::Account;

/// A user and the account its statements run under.
#[derive(Debug)]
pub struct KnownUser {
    /// The user.
    pub user: User,
    /// Its account on the instances.
    pub account: Arc<Account>,
}

/// All users.
#[derive(Debug)]
pub struct Users(ArcSwap<HashMap<String, Arc<KnownUser>>>);

impl Users {
    /// These users.
    pub fn new(users: Vec<User>) -> Users {
        Users(ArcSwap::from_pointee(by_name(users)))
    }

    /// Replaces them all; sessions that are logged in stay.
    pub fn replace(&self, users: Vec<User>) {
        self.0.store(Arc::new(by_name(users)));
    }

    /// The user called `name`.
    pub fn find(&self, name: &str) -> Option<Arc<KnownUser>> {
        self.0.load().get(name).map(Arc::clone)
    }
}

fn by_name(users: Vec<User>) -> HashMap<String, Arc<KnownUser>> {
    let known = |user: User| {
        let account = Arc::new(Account { user: user.backend_user.clone(), password: user.backend_password.clone() });
        (user.name.clone(), Arc::new(KnownUser { user, account }))
    };
    users.into_iter().map(known).collect()
}
