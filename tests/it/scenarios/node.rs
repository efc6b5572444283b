//! A Meridian node in this process, over real sockets, from a configuration file as operators write it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::config;
use meridian::demo::ports;
use meridian::demo::schema::{MONITOR_PASSWORD, MONITOR_USER};
use meridian::model::Role;
use meridian::server::Server;
use mysql_async::{Conn, OptsBuilder, SslOpts};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::expect::{rows, until};
use super::world::{APP, Databases};

/// One server a node is to use.
#[derive(Clone, Debug)]
pub struct Database {
    pub name: String,
    pub unit: &'static str,
    pub role: Role,
    pub port: u16,
}

/// A node's configuration: two units, one group. Each part may be replaced before it is written.
#[derive(Clone, Debug)]
pub struct Setup {
    pub databases: Vec<Database>,
    /// Units behind [`UNITS`], in which this node serves nobody.
    pub further_units: Vec<&'static str>,
    pub version: String,
    /// Whose servers they are.
    pub family: &'static str,
    /// In `[node]`: its name and number.
    pub node: (String, u8),
    /// In `[node]`.
    pub workers: usize,
    /// Sections of their own.
    pub sections: String,
    /// In `[[group]]`: shards, key types and owners.
    pub keys: String,
    /// The `[[group.table]]` sections.
    pub tables: String,
    /// In each `[[instance]]`.
    pub instance: String,
    /// In `[backend]`.
    pub backend: String,
    /// In `[limits]`.
    pub limits: String,
    /// The users' file.
    pub users: String,
    /// Variables of the process, where it is one of its own.
    pub environment: Vec<(String, String)>,
    ports: [u16; 4],
}

/// The units, in the order of their ports.
pub const UNITS: [&str; 2] = ["hz", "bj"];

/// User number modulo 10000: hz owns 0-4999, bj 5000-9999.
pub const MOD: &str = "shards = 10000\n\
    [[group.key_type]]\nname = \"user\"\ntransform = \"mod\"\nmodulus = 10000\n\
    [[group.owner]]\nshards = \"0-4999\"\nunit = \"hz\"\n[[group.owner]]\nshards = \"5000-9999\"\nunit = \"bj\"\n";

/// The tables of the scenarios.
pub const TABLES: &str = "[[group.table]]\nname = \"orders\"\nclass = \"sharded\"\nkey = \"user_id\"\n\
    [[group.table]]\nname = \"product\"\nclass = \"global\"\n[[group.table]]\nname = \"account\"\nclass = \"global\"\n\
    [[group.table]]\nname = \"audit_log\"\nclass = \"local\"\n";

impl Setup {
    /// A node of two units over `databases`.
    pub fn over(databases: Vec<Database>, version: &str) -> Setup {
        Setup {
            databases,
            further_units: Vec::new(),
            version: version.to_owned(),
            family: "mariadb",
            node: ("it".to_owned(), 3),
            workers: 2,
            sections: String::new(),
            keys: MOD.to_owned(),
            tables: TABLES.to_owned(),
            instance: String::new(),
            backend: String::new(),
            limits: String::new(),
            users: format!("[[user]]\nname = \"{}\"\npassword = \"{}\"\n", APP.0, APP.1),
            environment: Vec::new(),
            ports: std::array::from_fn(|_| ports::free_port().unwrap()),
        }
    }

    /// A node over the shared databases.
    pub fn shared(databases: &Databases) -> Setup {
        Setup::over(databases.places(), databases.version())
    }

    /// Writes the files into `directory` and gives the path of the configuration.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let mut text = format!(
            "users_file = \"users.toml\"\n[node]\nname = \"{}\"\nnumber = {}\nstate_file = \"state\"\nworkers = {}\n{}\n\
             [backend]\nmonitor_user = \"{MONITOR_USER}\"\nmonitor_password = \"{MONITOR_PASSWORD}\"\n{}\n[limits]\n{}\n",
            self.node.0,
            self.node.1,
            self.workers,
            self.sections,
            self.backend,
            crate::node::limits_text(&self.limits)
        );
        for unit in UNITS.iter().chain(&self.further_units) {
            write!(text, "[[unit]]\nname = \"{unit}\"\n").unwrap();
        }
        let keys = &self.keys;
        write!(text, "[[group]]\nname = \"main\"\nschemas = [\"shop\"]\nglobal_master = \"hz\"\n{keys}{}", self.tables)
            .unwrap();
        for database in &self.databases {
            let role = match database.role {
                Role::Primary => "primary",
                Role::Replica => "replica",
            };
            let Database { name, unit, port, .. } = database;
            write!(
                text,
                "[[instance]]\nname = \"{name}\"\nunit = \"{unit}\"\ngroup = \"main\"\nrole = \"{role}\"\n\
                 address = \"127.0.0.1:{port}\"\n{}\n",
                self.instance
            )
            .unwrap();
        }
        for (unit, port) in UNITS.iter().zip(&self.ports[..2]) {
            let Setup { version, family, .. } = self;
            write!(text, "[[listener]]\nunit = \"{unit}\"\naddress = \"127.0.0.1:{port}\"\nfamily = \"{family}\"\nserver_version = \"{version}\"\n")
                .unwrap();
        }
        for (unit, port) in UNITS.iter().zip(&self.ports[2..]) {
            write!(
                text,
                "[[console]]\nunit = \"{unit}\"\naddress = \"127.0.0.1:{port}\"\n\
                 accounts = [{{ name = \"admin\", password = \"adminpw\", role = \"admin\" }}]\n"
            )
            .unwrap();
        }
        std::fs::write(directory.join("users.toml"), &self.users).unwrap();
        let config = directory.join("meridian.toml");
        std::fs::write(&config, text).unwrap();
        config
    }

    /// Where applications of `unit` connect.
    pub fn port(&self, unit: &str) -> u16 {
        self.ports[UNITS.iter().position(|name| *name == unit).unwrap()]
    }

    /// Where operators of `unit` connect.
    pub fn console_port(&self, unit: &str) -> u16 {
        self.ports[2 + UNITS.iter().position(|name| *name == unit).unwrap()]
    }

    /// What an application of `unit` connects with.
    pub fn options(&self, unit: &str) -> OptsBuilder {
        options(self.port(unit)).user(Some(APP.0)).pass(Some(APP.1)).db_name(Some("shop"))
    }

    /// An application's session at `unit`.
    pub async fn client(&self, unit: &str) -> Conn {
        Conn::new(self.options(unit)).await.unwrap()
    }

    /// An operator's session at `unit`.
    pub async fn console(&self, unit: &str) -> Conn {
        let options = options(self.console_port(unit)).user(Some("admin")).pass(Some("adminpw"));
        Conn::new(options).await.unwrap()
    }
}

/// A connection to `port` by TCP; no statement is prepared or sent behind the test's back.
pub fn options(port: u16) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .prefer_socket(Some(false))
        .stmt_cache_size(Some(0))
        .max_allowed_packet(Some(64 << 20))
        .wait_timeout(Some(28_800))
}

/// A login, over TLS where the server wants it.
pub fn login(port: u16, user: &str, password: &str, tls: Option<SslOpts>) -> OptsBuilder {
    options(port).user(Some(user)).pass(Some(password)).ssl_opts(tls)
}

/// A node that serves in this process. It ends with the test's runtime, or on [`Node::stop`].
pub struct Node {
    pub setup: Setup,
    directory: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Node {
    /// A node over the shared databases, with the configuration as it comes.
    pub async fn shared() -> Node {
        Node::start(Setup::shared(Databases::shared().await)).await
    }

    /// A node that serves when this returns.
    pub async fn start(setup: Setup) -> Node {
        Node::start_in(tempfile::tempdir().unwrap(), setup).await.unwrap()
    }

    /// A node whose state file may be there already. Errors: what it says when it does not start.
    pub async fn start_in(directory: tempfile::TempDir, setup: Setup) -> Result<Node, String> {
        let config = config::load(&setup.write(directory.path())).unwrap_or_else(|errors| panic!("{errors}"));
        let server = Server::start(config).await.map_err(|error| error.to_string())?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        let node = Node { setup, directory, stop, serving };
        node.sees_its_replicas().await;
        Ok(node)
    }

    /// Reads go to the primary until the first probe of the replica has come back.
    async fn sees_its_replicas(&self) {
        let mut console = self.console("hz").await;
        until("all instances are healthy", Duration::from_secs(20), async || {
            rows(&mut console, "SHOW INSTANCES").await.iter().all(|row| row["health"] == "healthy")
        })
        .await;
    }

    /// Ends it as SIGTERM would; what remains is its directory.
    pub async fn stop(self) -> (tempfile::TempDir, Setup) {
        drop(self.stop);
        self.serving.await.unwrap();
        (self.directory, self.setup)
    }

    /// Waits until it has ended by itself; what remains is its directory.
    pub async fn ended(self) -> (tempfile::TempDir, Setup) {
        self.serving.await.unwrap();
        (self.directory, self.setup)
    }

    /// An application's session at `unit`.
    pub async fn client(&self, unit: &str) -> Conn {
        self.setup.client(unit).await
    }

    /// An operator's session at `unit`.
    pub async fn console(&self, unit: &str) -> Conn {
        self.setup.console(unit).await
    }
}
