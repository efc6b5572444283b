//! The demo on a shared store: three members of etcd, and two nodes of Meridian in each unit as processes of their own. Whatever dies is started
//! again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::DemoError;
use super::command::log_in;
use super::etcd::Etcd;
use super::layout::Layout;
use super::meridian_config::{self, CONSOLE_PASSWORD, CONSOLE_USER, NodeFile};
use super::ports::free_port;
use super::process::Supervised;
use super::state_file::{EtcdEntry, NodeEntry, State};

/// How many members etcd has: one may die.
const MEMBERS: usize = 3;

/// How many nodes each unit has.
const NODES_PER_UNIT: usize = 2;

/// How long a paused node keeps the others waiting. Short, so that people see it.
const LEASE: &str = "4s";

/// How long a node may take to end its sessions before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// How long a node may take until it lets clients in; one that died waits for its own lease first.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at whether something has died.
const ROUND: Duration = Duration::from_millis(200);

/// etcd and the nodes. Dropping it kills them.
#[derive(Debug)]
pub struct Nodes {
    program: PathBuf,
    directory: PathBuf,
    etcd: Etcd,
    nodes: Vec<(NodeEntry, Supervised)>,
}

impl Nodes {
    /// Starts etcd, and `program` once for each node, in `directory`, and waits until every node lets its users in; `state` is kept on disk. Errors: the first thing that
    /// went wrong.
    pub async fn start(
        program: &Path,
        layout: &Layout,
        state: &mut State,
        server_version: &str,
        directory: &Path,
        progress: impl Fn(&str),
    ) -> Result<Nodes, DemoError> {
        progress(&format!("starting {MEMBERS} members of etcd"));
        let etcd = Etcd::start(directory, MEMBERS).await?;
        let entry = |(name, client_port): (String, u16)| EtcdEntry { name, client_port };
        state.etcd = etcd.members().map(entry).collect();
        state.nodes = entries(layout, directory)?;
        state.write(directory)?;
        progress(&format!("starting {} nodes of Meridian", state.nodes.len()));
        let control =
            format!("store = \"etcd\"\nendpoints = {:?}\ncluster = \"demo\"\nlease = \"{LEASE}\"\n", etcd.endpoints());
        for (number, entry) in (1..).zip(&state.nodes) {
            let doors = [(entry.unit.as_str(), entry.mysql_port, entry.console_port)];
            // Nobody else has the number: this one is UDP's.
            let control = format!("{control}reports_listen = \"127.0.0.1:{}\"\n", entry.console_port);
            let file = NodeFile { name: &entry.name, number, control: Some(&control), doors: &doors };
            meridian_config::write_node(layout, state, server_version, &entry.config, &file)?;
        }
        let mut nodes = Nodes { program: program.to_owned(), directory: directory.to_owned(), etcd, nodes: Vec::new() };
        for entry in &state.nodes {
            let process = nodes.spawn(entry)?;
            nodes.nodes.push((entry.clone(), process));
        }
        for (entry, _) in &nodes.nodes {
            wait_until_ready(layout, entry).await?;
        }
        Ok(nodes)
    }

    /// Starts again what has died, until it is cancelled. Errors: something cannot be started again.
    pub async fn watch_over(&mut self) -> Result<(), DemoError> {
        loop {
            sleep(ROUND).await;
            self.etcd.revive()?;
            for index in 0..self.nodes.len() {
                let (entry, process) = &mut self.nodes[index];
                if let Some(status) = process.exit_status() {
                    println!("node {} ended with {status}; it is started again", entry.name);
                    let entry = entry.clone();
                    self.nodes[index].1 = self.spawn(&entry)?;
                }
            }
        }
    }

    /// The members of the shared store.
    pub fn etcd(&mut self) -> &mut Etcd {
        &mut self.etcd
    }

    /// Ends the nodes, which sign off, and then etcd. Errors: something does not even die.
    pub async fn stop(self) -> Result<(), DemoError> {
        let mut ending = tokio::task::JoinSet::new();
        for (_, mut process) in self.nodes {
            ending.spawn(async move { process.stop(STOP_PATIENCE).await });
        }
        let ended: Result<Vec<()>, DemoError> = ending.join_all().await.into_iter().collect();
        ended.and(self.etcd.stop().await)
    }

    fn spawn(&self, entry: &NodeEntry) -> Result<Supervised, DemoError> {
        let arguments = ["serve".into(), entry.argument().into()];
        Supervised::spawn(&self.program, &arguments, &self.directory.join(format!("{}.log", entry.name)))
    }
}

/// The first node of a unit has the unit's ports; the others have free ones.
fn entries(layout: &Layout, directory: &Path) -> Result<Vec<NodeEntry>, DemoError> {
    let mut entries = Vec::new();
    for unit in &layout.units {
        for number in 1..=NODES_PER_UNIT {
            let (mysql_port, console_port) = match number {
                1 => (unit.mysql_port, unit.console_port),
                _ => (free_port()?, free_port()?),
            };
            let name = format!("{}-{number}", unit.name);
            let config = directory.join(format!("{name}.toml"));
            entries.push(NodeEntry { name, unit: unit.name.to_owned(), mysql_port, console_port, config });
        }
    }
    Ok(entries)
}

async fn wait_until_ready(layout: &Layout, entry: &NodeEntry) -> Result<(), DemoError> {
    let deadline = Instant::now() + READY_DEADLINE;
    let accounts = &layout.accounts;
    let application = (entry.mysql_port, accounts.app_user.as_str(), accounts.app_password.as_str());
    for (port, user, password) in [application, (entry.console_port, CONSOLE_USER, CONSOLE_PASSWORD)] {
        while let Err(error) = log_in(port, user, password, None).await {
            if Instant::now() > deadline {
                return Err(DemoError::sql("waiting until a node lets a user in", &entry.name)(error));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}
