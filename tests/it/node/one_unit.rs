//! One unit, `hz`: a primary and a replica of one family, and a node in front of them.

use meridian::demo::root_access::RootAccess;
use meridian::demo::schema::{MONITOR_PASSWORD, MONITOR_USER};

use super::plan::{NodePlan, PASSWORD, USER, UnitPlan};
use super::running::{Node, app_options};
use crate::servers::{MariaDb, Mysql9, Mysql9Tree};

/// Which servers stand behind the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The machine's MariaDB.
    MariaDb,
    /// Oracle MySQL 9.
    Mysql9,
}

/// The servers. Never read but for their drop: they live as long as the unit.
#[derive(Debug)]
enum Servers {
    MariaDb { primary: MariaDb, replica: MariaDb },
    Mysql9 { primary: Mysql9, replica: Mysql9 },
}

/// The unit. Nothing in it is managed; the user may do everything in the schemas `plain` and `plain_…`, and has the grant `escapes`.
#[derive(Debug)]
pub struct OneUnit {
    /// The node; it ends before the servers do.
    pub node: Node,
    pub kind: Kind,
    plan: NodePlan,
    servers: Servers,
}

/// No table is managed, so that routines and texts nobody can read pass too.
const GROUP: &str = "schemas = [\"plain\"]\nglobal_master = \"hz\"\n";

impl OneUnit {
    /// The unit over servers of `kind`; `adapt` may change the node's plan. `None`, said aloud, where the servers cannot be had.
    pub async fn start(kind: Kind, adapt: impl FnOnce(&mut NodePlan)) -> Option<OneUnit> {
        OneUnit::start_with(kind, &[], adapt).await
    }

    /// As [`OneUnit::start`], the primary with further `options`.
    pub async fn start_with(kind: Kind, options: &[&str], adapt: impl FnOnce(&mut NodePlan)) -> Option<OneUnit> {
        let servers = Servers::start(kind, options).await?;
        servers.primary().run(&set_up(kind)).await.unwrap();
        servers.wait_until_replicated().await;
        let version = servers.primary().value("SELECT VERSION()").await.unwrap().unwrap();
        let (family, version) = match kind {
            // What a build appends to its version is not part of a greeting's version.
            Kind::MariaDb => ("mariadb", version.split_inclusive("-MariaDB").next().unwrap_or(&version).to_owned()),
            Kind::Mysql9 => ("mysql", version),
        };
        let (primary, replica) = servers.ports();
        let unit = UnitPlan { name: "hz", primary, replicas: vec![replica] };
        let mut plan = NodePlan::new(family, &version, vec![unit], GROUP.to_owned());
        plan.users.push_str("grants = [\"escapes\"]\n");
        adapt(&mut plan);
        Some(OneUnit { node: Node::start(&plan).await, kind, plan, servers })
    }

    /// A further node over the same servers, its plan changed by `adapt`.
    pub async fn another_node(&self, adapt: impl FnOnce(&mut NodePlan)) -> Node {
        let mut plan = self.plan.clone();
        adapt(&mut plan);
        Node::start(&plan).await
    }

    /// Where applications connect.
    pub fn port(&self) -> u16 {
        self.node.port("hz")
    }

    /// The primary's own port.
    pub fn direct_port(&self) -> u16 {
        self.servers.ports().0
    }

    /// The primary as `root`.
    pub fn root(&self) -> RootAccess {
        self.servers.primary()
    }

    /// The replica as `root`.
    pub fn replica_root(&self) -> RootAccess {
        match &self.servers {
            Servers::MariaDb { replica, .. } => replica.root(),
            Servers::Mysql9 { replica, .. } => replica.root(),
        }
    }

    /// Waits until the replica has everything the primary has.
    pub async fn wait_until_replicated(&self) {
        self.servers.wait_until_replicated().await;
    }

    /// The application's user at the primary itself.
    pub async fn connect_direct(&self, schema: Option<&str>) -> Result<mysql_async::Conn, mysql_async::Error> {
        mysql_async::Conn::new(app_options(self.direct_port(), schema)).await
    }

    /// The application's user at the node.
    pub async fn connect(&self, schema: Option<&str>) -> Result<mysql_async::Conn, mysql_async::Error> {
        self.node.connect("hz", schema).await
    }
}

impl Servers {
    async fn start(kind: Kind, options: &[&str]) -> Option<Servers> {
        let options = &[&["--max-allowed-packet=64M", "--local-infile=ON"], options].concat();
        match kind {
            Kind::MariaDb => {
                let primary = MariaDb::start(options).await;
                let replica = primary.replica(2).await;
                Some(Servers::MariaDb { primary, replica })
            }
            Kind::Mysql9 => {
                let tree = Mysql9Tree::find().await?;
                let primary = Mysql9::start(&tree, 1, options).await;
                let replica = primary.replica(&tree, 2).await;
                Some(Servers::Mysql9 { primary, replica })
            }
        }
    }

    fn primary(&self) -> RootAccess {
        match self {
            Servers::MariaDb { primary, .. } => primary.root(),
            Servers::Mysql9 { primary, .. } => primary.root(),
        }
    }

    fn ports(&self) -> (u16, u16) {
        match self {
            Servers::MariaDb { primary, replica } => (primary.port(), replica.port()),
            Servers::Mysql9 { primary, replica } => (primary.port(), replica.port()),
        }
    }

    async fn wait_until_replicated(&self) {
        match self {
            Servers::MariaDb { primary, replica } => primary.wait_until_applied_at(replica).await,
            Servers::Mysql9 { primary, replica } => primary.wait_until_applied_at(replica).await,
        }
    }
}

fn set_up(kind: Kind) -> Vec<String> {
    let monitor = match kind {
        Kind::MariaDb => "SELECT, PROCESS, SHOW VIEW, BINLOG MONITOR, REPLICA MONITOR",
        Kind::Mysql9 => "SELECT, PROCESS, SHOW VIEW, REPLICATION CLIENT",
    };
    vec![
        "CREATE DATABASE plain CHARACTER SET utf8mb4".to_owned(),
        format!("CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'"),
        // Nothing global that would let it write where `read_only` is on.
        format!("GRANT PROCESS ON *.* TO {USER}@'%'"),
        format!("GRANT ALL ON `plain`.* TO {USER}@'%'"),
        format!("GRANT ALL ON `plain\\_%`.* TO {USER}@'%'"),
        format!("CREATE USER {MONITOR_USER}@'%' IDENTIFIED BY '{MONITOR_PASSWORD}'"),
        format!("GRANT {monitor} ON *.* TO {MONITOR_USER}@'%'"),
    ]
}
