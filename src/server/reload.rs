//! Reading the configuration again while the node serves: what can change does, all of it or nothing.

use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::frontend::listener::Listener;
use crate::frontend::worker::Node;
use crate::server::home::new_account;
use crate::telemetry;

/// What a running node can take from a changed configuration.
pub struct Reload {
    node: Arc<Node>,
    listeners: Vec<Arc<Listener>>,
    started_from: Config,
}

impl Reload {
    /// For a node that was started from `config`.
    pub fn new(node: Arc<Node>, listeners: Vec<Arc<Listener>>, config: Config) -> Reload {
        Reload { node, listeners, started_from: config }
    }

    /// Reads the files again: users, limits, certificates and the log's filter change. What was done, and what waits for a restart.
    ///
    /// Errors: every fault of the files; then nothing has changed.
    pub fn run(&self) -> Result<String, String> {
        let config = config::load(self.file()).map_err(|errors| errors.to_string())?;
        if let Some(account) = new_account(&self.started_from, &config.users) {
            return Err(waits_for_a_restart(&account));
        }
        let mut certificates = Vec::new();
        for listener in &self.listeners {
            let read = listener.read_certificates();
            certificates.push(read.map_err(|error| format!("{}: {error}", listener.config.address))?);
        }
        // From here on nothing can fail.
        for (listener, read) in self.listeners.iter().zip(certificates) {
            listener.renew_certificates(read);
        }
        let users = config.users.0.len();
        self.node.users.replace(config.users.0.clone());
        self.node.limits.store(Arc::new(config.limits.clone()));
        telemetry::set_filter(&config.log.filter);
        let waiting = self.waiting(&config);
        let rest = if waiting.is_empty() {
            String::new()
        } else {
            format!("; these differ from what the node was started with and wait for a restart: {}", waiting.join(", "))
        };
        Ok(format!("reloaded: {users} users, limits, certificates, log filter{rest}"))
    }

    /// Reads the users' file alone, again. How many there are. Errors: every fault of it; then nothing has changed.
    pub fn run_users(&self) -> Result<usize, String> {
        let users = config::load_users(&self.started_from.users_file).map_err(|errors| errors.to_string())?;
        let state = Arc::clone(&self.node.snapshots.load().state);
        if let Some(unit) = users.units().find(|unit| state.unit_named(unit).is_none()) {
            return Err(format!("user.unit: found \"{unit}\", expected a unit of the control state"));
        }
        if let Some(account) = new_account(&self.started_from, &users) {
            return Err(waits_for_a_restart(&account));
        }
        let count = users.0.len();
        self.node.users.replace(users.0);
        Ok(count)
    }

    fn file(&self) -> &Path {
        &self.started_from.file
    }

    fn waiting(&self, now: &Config) -> Vec<&'static str> {
        let was = &self.started_from;
        let parts = [
            ("[node]", now.node != was.node),
            ("units, groups and instances", now.state != was.state),
            ("instance.proxy_protocol", now.announcing != was.announcing),
            ("[[listener]]", now.listeners != was.listeners),
            ("[[console]]", now.consoles != was.consoles),
            ("[backend]", now.backend != was.backend || now.monitor != was.monitor),
            ("[control]", now.store != was.store),
            ("[moves]", now.hold != was.hold),
            ("limits.plan_cache", now.limits.plan_cache != was.limits.plan_cache),
            ("log.format", now.log.format != was.log.format),
            ("users_file", now.users_file != was.users_file),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

fn waits_for_a_restart(account: &str) -> String {
    format!(
        "account '{account}' on the instances is new, or has a new password, and waits for a restart: the other nodes must know whose threads are whose"
    )
}
