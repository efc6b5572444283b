//! What the operators set about a console: where it listens and who may use it.

use std::net::SocketAddr;

use crate::model::UnitId;

/// What an account of the console may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsoleRole {
    /// SHOW and EXPLAIN ROUTE.
    Viewer,
    /// FORBID, ALLOW and RELOAD as well.
    Operator,
    /// Everything.
    Admin,
}

impl ConsoleRole {
    /// The word for it in the configuration and in errors.
    pub fn word(self) -> &'static str {
        match self {
            ConsoleRole::Viewer => "viewer",
            ConsoleRole::Operator => "operator",
            ConsoleRole::Admin => "admin",
        }
    }
}

/// One account of the console; unrelated to the users of the applications.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The name it logs in with.
    pub name: String,
    /// Its password; never printed.
    pub password: String,
    /// What it may do.
    pub role: ConsoleRole,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Account").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// One console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The unit EXPLAIN ROUTE speaks for when the operator names none.
    pub unit: UnitId,
    /// The address to listen on; traffic is not encrypted, so it should be a loopback or management address.
    pub address: SocketAddr,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// How many operators may be connected at once.
    pub connections: usize,
}
