//! Several nodes that share one etcd, as processes of their own: what they agree on, and what becomes of it when nodes, their leases or etcd break.

mod added_unit;
mod agreeing;
mod cut_off;
mod failing;
mod fenced;
mod fenced_mysql9;
mod fencing;
mod many_cuts;
mod procedures;
mod restored;
mod rows;
mod skewed;
mod split;
mod told_directly;
mod unheard_answer;
mod upgraded;
pub mod ways;

use std::time::Duration;

use mysql_async::Conn;

use crate::failures::program::Program;
use crate::moves::Turn;
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::{Setup, UNITS};
use crate::servers::EtcdServers;

/// Nodes over the servers of the tests that move ownership.
pub struct Cluster {
    pub turn: Turn,
    pub servers: EtcdServers,
    pub nodes: Vec<Program>,
    lease: u32,
    moves: &'static str,
    /// In `[[group]]`.
    group: &'static str,
}

impl Cluster {
    /// `nodes` nodes and `members` members of etcd; `None`, said loudly, where etcd is not installed.
    pub async fn start(members: usize, nodes: usize, lease: u32, moves: &'static str) -> Option<Cluster> {
        Cluster::start_with(members, nodes, lease, moves, "").await
    }

    /// As [`Cluster::start`], with this in `[[group]]`.
    pub async fn start_with(
        members: usize,
        nodes: usize,
        lease: u32,
        moves: &'static str,
        group: &'static str,
    ) -> Option<Cluster> {
        let servers = EtcdServers::start(members).await?;
        let turn = Turn::wait().await;
        for unit in UNITS {
            // Numbers are the store's revisions, and each test has a store of its own.
            turn.databases.run_unlogged(unit, "DELETE FROM meridian.account").await;
            turn.databases.run_unlogged(unit, "DELETE FROM meridian.fence").await;
        }
        let mut cluster = Cluster { turn, servers, nodes: Vec::new(), lease, moves, group };
        for number in 1..=nodes {
            let program = Program::start(cluster.setup(number)).await;
            cluster.nodes.push(program);
        }
        Some(cluster)
    }

    /// The configuration of node `n<number>`.
    pub fn setup(&self, number: usize) -> Setup {
        let mut setup = self.turn.setup(self.moves);
        setup.node = (format!("n{number}"), number as u8);
        setup.keys = format!("{}{}", self.group, setup.keys);
        setup.sections = self.servers.control(&format!("lease = \"{}s\"", self.lease));
        setup
    }

    /// An operator's session at a node.
    pub async fn console(&self, node: usize) -> Conn {
        self.nodes[node].setup.console("hz").await
    }

    /// An application's session at a node.
    pub async fn client(&self, node: usize, unit: &str) -> Conn {
        self.nodes[node].setup.client(unit).await
    }
}

/// What SHOW NODES says, as `name#incarnation state`.
pub async fn nodes_shown(console: &mut Conn) -> Vec<String> {
    let rows = rows(console, "SHOW NODES").await;
    rows.iter().map(|row| format!("{}#{} {}", row["node"], row["incarnation"], row["state"])).collect()
}

/// Waits until SHOW NODES says this.
pub async fn shows_nodes(console: &mut Conn, expected: &[&str]) {
    let mut shown = Vec::new();
    until(&format!("SHOW NODES says {expected:?}"), Duration::from_secs(60), async || {
        shown = nodes_shown(console).await;
        shown == expected
    })
    .await;
}
