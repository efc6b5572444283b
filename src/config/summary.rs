//! A configuration in a few lines, for `meridian check`. No secrets.

use std::fmt::Write;

use super::file::{Config, StoreConfig};
use crate::model::{Group, TableClass};

/// What `config` would serve, for people.
pub fn summary(config: &Config) -> String {
    let state = &config.state;
    let mut text =
        format!("node {} (number {}), {} workers\n", config.node.name, config.node.number, config.node.workers);
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    if let StoreConfig::Etcd(etcd) = &config.store {
        let (endpoints, lease) = (etcd.endpoints.join(", "), etcd.lease);
        line(format!("control state in etcd at {endpoints}, under {}, with a lease of {lease:?}", etcd.prefix));
    }
    if let Some(reports) = &config.reports {
        line(format!("other nodes tell it at {} (it listens at {})", reports.advertise, reports.listen));
    }
    for listener in &config.listeners {
        let unit = &state.unit(listener.unit).name;
        line(format!("unit {unit}: clients at {}, as {}", listener.address, listener.server_version));
    }
    for console in &config.consoles {
        let accounts: Vec<&str> = console.accounts.iter().map(|account| account.name.as_str()).collect();
        let unit = &state.unit(console.unit).name;
        line(format!("unit {unit}: console at {} for {}", console.address, accounts.join(", ")));
    }
    for group in &state.groups {
        line(group_line(group, &state.unit(group.global_master).name));
        for key_type in &group.key_types {
            for (first, last) in key_type.gaps() {
                line(format!("  keys {first} to {last} of key type {} lie in no shard", key_type.name));
            }
        }
        for owned in &group.shards.ranges {
            line(format!("  shards {} owned by {}", owned.range, state.unit(owned.owner).name));
        }
    }
    line(format!("{} instances, {} users", state.instances.len(), config.users.0.len()));
    text
}

fn group_line(group: &Group, master: &str) -> String {
    let count = |wanted: fn(&TableClass) -> bool| group.tables.iter().filter(|rule| wanted(&rule.class)).count();
    let sharded = count(|class| matches!(class, TableClass::Sharded { .. }));
    let global = count(|class| *class == TableClass::Global);
    let local = count(|class| *class == TableClass::Local);
    format!(
        "group {}: schemas {}; table rules: {sharded} sharded, {global} global (master {master}), {local} local",
        group.name,
        group.schemas.join(", ")
    )
}
