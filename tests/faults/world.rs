//! Three units with two nodes each, an etcd of three members, and the databases: everything real, each node in its own network namespace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meridian::demo::etcd::Etcd;
use meridian::demo::layout::{Accounts, Layout, UnitLayout};
use meridian::demo::replication::{LOCAL_CHANNEL, channel_from, follow};
use meridian::demo::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER, MONITOR_PASSWORD, MONITOR_USER};
use meridian::demo::state_file::{Files, State};
use meridian::demo::template::Servers;
use meridian::demo::world::World as Databases;
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};
use rustix::process::{Pid, Signal};
use tokio::sync::Mutex;

use super::clocks::Clocks;
use super::disks::Disk;
use super::fencing::Fencing;
use super::gtids::Origins;
use super::left_behind::LeftBehind;
use super::network::{Direction, Network};
use super::relay::relay;
use super::revived::Revived;

/// The units, the center first.
pub const UNITS: [&str; 3] = ["hz", "bj", "sh"];

/// Nodes; two serve each unit.
pub const NODES: usize = 6;

/// Shards of one scope of the workload; there are five such scopes and the Global Zone.
pub const SHARDS_PER_SCOPE: u32 = 2000;

/// Where applications and operators connect, in each node's namespace.
const PORTS: (u16, u16) = (4406, 4407);

const TABLES: [&str; 4] = [
    "CREATE TABLE shop.spine (user_id BIGINT PRIMARY KEY, version BIGINT NOT NULL, last VARCHAR(40) NOT NULL)",
    "CREATE TABLE shop.zone (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, last VARCHAR(40) NOT NULL)",
    "CREATE TABLE shop.appends (id VARCHAR(40), user_id BIGINT, PRIMARY KEY (id, user_id))",
    "CREATE TABLE shop.bank (user_id BIGINT, slot INT, balance BIGINT NOT NULL, PRIMARY KEY (user_id, slot))",
];

/// The workload's tables, in which all units must be equal.
pub const CHECKED: [&str; 4] = ["spine", "zone", "appends", "bank"];

/// The running world.
pub struct World {
    pub network: Network,
    pub databases: Databases,
    pub etcd: Mutex<Etcd>,
    nodes: std::sync::Mutex<Vec<Option<Child>>>,
    directory: PathBuf,
    ports: Vec<(String, u16)>,
    etcd_ports: Vec<u16>,
    pub is_mariadb: bool,
    /// The group's fence.
    pub fence: String,
    /// Whose a GTID is.
    pub origins: Origins,
    /// What forced changes left behind, one after another.
    pub left_behind: std::sync::Mutex<Vec<LeftBehind>>,
    /// Primaries that were killed and run again, by unit.
    revived: std::sync::Mutex<BTreeMap<&'static str, Revived>>,
    /// The nodes' clocks.
    pub clocks: Clocks,
    /// The nodes' fencing command.
    pub fencing: Fencing,
    /// What [`SMALL_UNIT`]'s primary and [`SMALL_MEMBER`] write to; `None` where nothing can be mounted.
    pub disks: Option<Disks>,
}

/// The small disks.
pub struct Disks {
    pub primary: Disk,
    pub etcd: Disk,
}

/// Whose primary keeps its files on a small disk.
pub const SMALL_UNIT: &str = "sh";

/// The member of etcd that does.
pub const SMALL_MEMBER: usize = 2;

impl World {
    /// Starts everything in `directory`, the group with this `fence`. Errors: what did not start.
    pub async fn start(
        network: Network,
        directory: &Path,
        servers: Servers,
        fence: &str,
        round_trip: Duration,
    ) -> Result<World, String> {
        let told = |error: meridian::demo::DemoError| error.to_string();
        let is_mariadb = servers == Servers::MariaDb;
        let unit = |(number, name)| UnitLayout { name, number, mysql_port: 0, console_port: 0 };
        let accounts = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
        let layout =
            Layout { units: (1..).zip(UNITS).map(unit).collect(), accounts, servers, nodes: Default::default() };
        let mut state = State::new(&layout, Files::Remove);
        let databases = Databases::start(&layout, directory, &mut state, |_| {}).await.map_err(told)?;
        let center = databases.instance(UNITS[0], Role::Primary).unwrap().root();
        center.run(&TABLES.map(str::to_owned)).await.map_err(told)?;
        center.run(&rows()).await.map_err(told)?;
        databases.wait_until_equal().await.map_err(told)?;
        let etcd = Etcd::start(directory, 3).await.map_err(told)?;
        let etcd_ports = etcd.members().map(|(_, port)| port).collect();
        let ports = state.instances.iter().map(|instance| (instance.unit.clone(), instance.port)).collect();
        let origins = Origins::of(&databases, is_mariadb).await?;
        let mut world = World {
            network,
            databases,
            etcd: Mutex::new(etcd),
            nodes: std::sync::Mutex::new((0..NODES).map(|_| None).collect()),
            directory: directory.to_owned(),
            ports,
            etcd_ports,
            is_mariadb,
            fence: fence.to_owned(),
            origins,
            left_behind: std::sync::Mutex::default(),
            revived: std::sync::Mutex::default(),
            clocks: Clocks::new(directory),
            fencing: Fencing::new(directory),
            disks: None,
        };
        if !is_mariadb && fence != "connection" {
            world.let_servers_tell_who_holds_rows().await?;
        }
        world.disks = world.make_disks().await.inspect_err(|why| println!("NOT CHECKED: full disks: {why}")).ok();
        if !round_trip.is_zero() {
            world.put_apart(round_trip / 2).await?;
        }
        for unit in UNITS {
            for other in UNITS.into_iter().filter(|other| *other != unit) {
                world.turn(unit, Role::Primary, &channel_from(other), other).await?;
            }
            world.turn(unit, Role::Replica, LOCAL_CHANNEL, unit).await?;
        }
        for node in 0..NODES {
            world.write_config(node, &state, fence);
        }
        Ok(world)
    }

    /// Starts all nodes, and waits until they let operators in. Errors: one does not.
    pub async fn start_nodes(&self) -> Result<(), String> {
        (0..NODES).for_each(|node| self.start_node(node));
        for node in 0..NODES {
            self.wait_for_node(node).await?;
        }
        Ok(())
    }

    /// MySQL tells it in its performance schema alone, without which the demo starts its servers.
    async fn let_servers_tell_who_holds_rows(&self) -> Result<(), String> {
        for unit in UNITS {
            let mut killed = self.kill_primary(unit).await;
            killed.start_with(&["--performance-schema=ON"]);
            self.keep_revived(unit, killed);
            self.wait_for_primary(unit).await?;
        }
        Ok(())
    }

    /// Moves what may fill to disks of its own, while nobody uses it.
    async fn make_disks(&self) -> Result<Disks, String> {
        let mut killed = self.kill_primary(SMALL_UNIT).await;
        let primary = Disk::under(&self.directory_of(SMALL_UNIT).join("data"));
        killed.start();
        self.keep_revived(SMALL_UNIT, killed);
        self.wait_for_primary(SMALL_UNIT).await?;
        let told = |error: meridian::demo::DemoError| error.to_string();
        let mut members = self.etcd.lock().await;
        members.kill(SMALL_MEMBER);
        let etcd = Disk::under(&self.directory.join(format!("etcd-{}", SMALL_MEMBER + 1)));
        members.restart(SMALL_MEMBER).map_err(told)?;
        members.wait_for(SMALL_MEMBER).await.map_err(told)?;
        Ok(Disks { primary: primary?, etcd: etcd? })
    }

    /// Puts the units this far from each other, one way. A member of etcd stands in each; a primary's own replica is as far from it as the others.
    async fn put_apart(&self, one_way: Duration) -> Result<(), String> {
        let members = self.etcd_ports.iter().zip(UNITS).map(|(port, unit)| (unit.to_owned(), *port));
        for (unit, port) in self.ports.iter().cloned().chain(members) {
            let relay = relay(0, port, one_way).await;
            let far: Vec<usize> = (0..NODES).filter(|node| World::unit_of(*node) != unit).collect();
            self.network.lead_through(relay, port, &far)?;
        }
        Ok(())
    }

    /// Kills a unit's primary as a power cut would.
    pub async fn kill_primary(&self, unit: &'static str) -> Revived {
        let killed = Revived::kill(&self.directory_of(unit)).await;
        // Whoever was started in its stead before; MySQL takes one that nobody waited for to be alive.
        drop(self.take_revived(unit));
        killed
    }

    /// The one that was started last in the stead of a unit's primary.
    pub fn take_revived(&self, unit: &'static str) -> Option<Revived> {
        self.revived.lock().unwrap().remove(unit)
    }

    /// Keeps one that was started again.
    pub fn keep_revived(&self, unit: &'static str, started: Revived) {
        self.revived.lock().unwrap().insert(unit, started);
    }

    /// Waits until a unit's primary answers. Errors: it does not within a minute.
    pub async fn wait_for_primary(&self, unit: &str) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.run(unit, &["DO 1"]).await {
            if Instant::now() > deadline {
                return Err(format!("the primary of {unit} does not answer: {error}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts a node that does not run.
    pub fn start_node(&self, node: usize) {
        let log = File::options().append(true).create(true).open(self.log_of(node)).unwrap();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.network.namespace(node)])
            .args(self.clocks.of(node))
            .args([env!("CARGO_BIN_EXE_meridian"), "serve", "--config"])
            .arg(self.directory.join(format!("n{node}")).join("meridian.toml"))
            .env("MERIDIAN_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.nodes.lock().unwrap()[node] = Some(child);
    }

    /// Kills a node as a crash would.
    pub fn kill_node(&self, node: usize) {
        if let Some(mut child) = self.nodes.lock().unwrap()[node].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a node a signal.
    pub fn signal_node(&self, node: usize, signal: Signal) {
        if let Some(child) = &self.nodes.lock().unwrap()[node] {
            let _ = rustix::process::kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal);
        }
    }

    /// Sends a member of etcd a signal.
    pub fn signal_etcd(&self, member: usize, signal: Signal) {
        let data = self.directory.join(format!("etcd-{}", member + 1)).display().to_string();
        if let Some(pid) = meridian::demo::process::find("etcd", &data) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Waits until a node lets operators in. Errors: it does not within a minute, with the end of its log.
    pub async fn wait_for_node(&self, node: usize) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.console(node).await.is_err() {
            self.start_again(node);
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.log_of(node)).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(15).collect();
                return Err(format!(
                    "node {node} lets nobody in: {}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts a node again that did not find its store when it was started, as whoever supervises processes does. One that ended otherwise stays so.
    fn start_again(&self, node: usize) {
        let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        let ended = self.nodes.lock().unwrap()[node].as_mut().is_some_and(has_ended);
        let log = std::fs::read_to_string(self.log_of(node)).unwrap_or_default();
        let last = log.lines().next_back().unwrap_or_default();
        if ended && last.starts_with("meridian serve: the control store cannot be used") {
            println!("          node {node} did not find its store and is started again");
            self.start_node(node);
        }
    }

    /// An operator's session. Errors: the driver's.
    pub async fn console(&self, node: usize) -> Result<Conn, mysql_async::Error> {
        connect(&self.network.address(node), PORTS.1, ("admin", "adminpw"), None).await
    }

    /// An application's session. Errors: the driver's.
    pub async fn client(&self, node: usize) -> Result<Conn, mysql_async::Error> {
        connect(&self.network.address(node), PORTS.0, ("app", "apppw"), Some("shop")).await
    }

    /// An application's session with a unit's primary itself. Errors: the driver's.
    pub async fn client_past_meridian(&self, unit: &str) -> Result<Conn, mysql_async::Error> {
        let port = self.databases.instance(unit, Role::Primary).unwrap().port();
        connect("127.0.0.1", port, ("app", "apppw"), Some("shop")).await
    }

    /// Runs `meridian ctl` at a node; what it says, and whether it was done.
    pub async fn ctl(&self, node: usize, words: &[&str]) -> (bool, String) {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["ctl", "--console", &format!("{}:{}", self.network.address(node), PORTS.1), "--password", "adminpw"])
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match tokio::time::timeout(Duration::from_secs(90), output).await {
            Ok(Ok(output)) => {
                let said =
                    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
                (output.status.success(), said.join(" "))
            }
            Ok(Err(error)) => (false, error.to_string()),
            Err(_) => (false, "no answer within 90 s".to_owned()),
        }
    }

    /// The unit a node serves.
    pub fn unit_of(node: usize) -> &'static str {
        UNITS[node / 2]
    }

    /// The ports of a unit's servers.
    pub fn ports_of(&self, unit: &str) -> Vec<u16> {
        self.ports.iter().filter(|(of, _)| of == unit).map(|(_, port)| *port).collect()
    }

    /// The ports of etcd's members.
    pub fn etcd_ports(&self) -> &[u16] {
        &self.etcd_ports
    }

    /// The directory of a unit's primary.
    pub fn directory_of(&self, unit: &str) -> PathBuf {
        self.databases.instance(unit, Role::Primary).unwrap().general_log().parent().unwrap().to_owned()
    }

    /// As [`World::run`], at the instance of this role.
    pub async fn run_at(&self, unit: &str, role: Role, statements: &[String]) -> Result<(), String> {
        let root = self.databases.instance(unit, role).unwrap().root();
        root.run(statements).await.map_err(|error| format!("{error} ({:?})", std::error::Error::source(&error)))
    }

    /// What a query says at an instance, past Meridian. Errors: the server's.
    pub async fn value(&self, unit: &str, role: Role, query: &str) -> Result<String, String> {
        let root = self.databases.instance(unit, role).unwrap().root();
        let value =
            root.value(query).await.map_err(|error| format!("{error} ({:?})", std::error::Error::source(&error)));
        Ok(value?.unwrap_or_default())
    }

    /// Runs statements as root at a unit's primary, past Meridian. Errors: the server's.
    pub async fn run(&self, unit: &str, statements: &[&str]) -> Result<(), String> {
        let statements: Vec<String> = statements.iter().map(|one| (*one).to_owned()).collect();
        self.run_at(unit, Role::Primary, &statements).await
    }

    /// Lets an instance follow a unit's primary through `channel`, anew where there was none. Errors: the server's.
    pub async fn follow(&self, at: &str, channel: &str, unit: &str) -> Result<(), String> {
        let told = |error: meridian::demo::DemoError| error.to_string();
        let port = self.databases.instance(unit, Role::Primary).unwrap().port();
        let root = self.databases.instance(at, Role::Primary).unwrap().root();
        follow(&root, channel, port).await.map_err(told)?;
        self.turn(at, Role::Primary, channel, unit).await
    }

    /// Turns a channel to the address by which nodes know what it follows.
    async fn turn(&self, at: &str, role: Role, channel: &str, unit: &str) -> Result<(), String> {
        let (host, port) = (self.network.gateway(), self.databases.instance(unit, Role::Primary).unwrap().port());
        let statements = match self.is_mariadb {
            true => [
                format!("STOP SLAVE '{channel}'"),
                format!("CHANGE MASTER '{channel}' TO MASTER_HOST='{host}', MASTER_PORT={port}"),
                format!("START SLAVE '{channel}'"),
            ],
            false => [
                format!("STOP REPLICA FOR CHANNEL '{channel}'"),
                format!(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port} FOR CHANNEL '{channel}'"
                ),
                format!("START REPLICA FOR CHANNEL '{channel}'"),
            ],
        };
        self.run_at(at, role, &statements).await
    }

    /// The channels of a unit's primary. Errors: the server's.
    pub async fn channels(&self, unit: &str) -> Result<Vec<String>, String> {
        Ok(self.channel_columns(unit, ["Connection_name", "Channel_Name"]).await?.concat())
    }

    /// What the channels of a unit's primary complain of. Errors: the server's.
    pub async fn channel_errors(&self, unit: &str) -> Result<Vec<Vec<String>>, String> {
        let mut told = self.channel_columns(unit, ["Last_IO_Error", "Last_SQL_Error"]).await?;
        told.iter_mut().for_each(|errors| errors.retain(|error| !error.is_empty()));
        Ok(told)
    }

    /// By channel, those of the columns that the server's family has.
    async fn channel_columns(&self, unit: &str, columns: [&str; 2]) -> Result<Vec<Vec<String>>, String> {
        let told = |error: mysql_async::Error| error.to_string();
        let root = self.databases.instance(unit, Role::Primary).unwrap().root();
        let mut connection = root.connect().await.map_err(|error| error.to_string())?;
        let question = if self.is_mariadb { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
        let rows: Vec<Row> = connection.query(question).await.map_err(told)?;
        let column = |row: &Row, name: &str| row.get_opt::<String, _>(name).and_then(Result::ok);
        Ok(rows.iter().map(|row| columns.iter().filter_map(|name| column(row, name)).collect()).collect())
    }

    /// Nodes on either side of a unit's border, and etcd, which stands outside, do not hear each other.
    pub fn split(&self, unit: &str) {
        let others = UNITS.into_iter().filter(|other| *other != unit);
        let mut far: Vec<u16> = others.flat_map(|other| self.ports_of(other)).collect();
        far.extend(self.etcd_ports());
        for node in 0..NODES {
            let lost = if World::unit_of(node) == unit { far.clone() } else { self.ports_of(unit) };
            self.network.cut(node, &lost, Direction::Both).unwrap();
        }
    }

    fn log_of(&self, node: usize) -> PathBuf {
        self.directory.join(format!("n{node}.log"))
    }

    fn write_config(&self, node: usize, state: &State, fence: &str) {
        let place = self.directory.join(format!("n{node}"));
        std::fs::create_dir_all(&place).unwrap();
        let gateway = self.network.gateway();
        let endpoints: Vec<String> = self.etcd_ports.iter().map(|port| format!("http://{gateway}:{port}")).collect();
        let (version, unit) = (self.databases.version(), World::unit_of(node));
        let family = if self.is_mariadb { "mariadb" } else { "mysql" };
        let fencing_command = self.fencing.command();
        let mut text = format!(
            "users_file = \"users.toml\"\n[node]\nname = \"n{number}\"\nnumber = {number}\nstate_file = \"state\"\nworkers = 1\n\
             [control]\nstore = \"etcd\"\nendpoints = {endpoints:?}\nlease = \"3s\"\n\
             reports_listen = \"{address}:7300\"\n\
             [backend]\nmonitor_user = \"{MONITOR_USER}\"\nmonitor_password = \"{MONITOR_PASSWORD}\"\n\
             administrator_user = \"{ADMINISTRATOR_USER}\"\nadministrator_password = \"{ADMINISTRATOR_PASSWORD}\"\n\
             [moves]\nacknowledge_deadline = \"1s\"\ndrain_deadline = \"2s\"\nend_deadline = \"5s\"\ncatch_up_deadline = \"8s\"\n\
             fencing_command = {fencing_command:?}\n",
            number = node + 1,
            address = self.network.address(node)
        );
        for unit in UNITS {
            write!(text, "[[unit]]\nname = \"{unit}\"\n").unwrap();
        }
        write!(
            text,
            "[[group]]\nname = \"main\"\nschemas = [\"shop\"]\nglobal_master = \"hz\"\nfence = \"{fence}\"\nshards = 10000\n\
             [[group.key_type]]\nname = \"user\"\ntransform = \"mod\"\nmodulus = 10000\n"
        )
        .unwrap();
        for (shards, unit) in [("0-3999", "hz"), ("4000-7999", "bj"), ("8000-9999", "sh")] {
            write!(text, "[[group.owner]]\nshards = \"{shards}\"\nunit = \"{unit}\"\n").unwrap();
        }
        for table in ["spine", "appends", "bank", "orders"] {
            write!(text, "[[group.table]]\nname = \"{table}\"\nclass = \"sharded\"\nkey = \"user_id\"\n").unwrap();
        }
        for (table, class) in [("zone", "global"), ("product", "global"), ("account", "global"), ("audit_log", "local")]
        {
            write!(text, "[[group.table]]\nname = \"{table}\"\nclass = \"{class}\"\n").unwrap();
        }
        for instance in &state.instances {
            write!(
                text,
                "[[instance]]\nname = \"{}\"\nunit = \"{}\"\ngroup = \"main\"\nrole = \"{}\"\naddress = \"{gateway}:{}\"\n",
                instance.name, instance.unit, instance.role, instance.port
            )
            .unwrap();
        }
        write!(
            text,
            "[[listener]]\nunit = \"{unit}\"\naddress = \"0.0.0.0:{}\"\nfamily = \"{family}\"\nserver_version = \"{version}\"\n\
             [[console]]\nunit = \"{unit}\"\naddress = \"0.0.0.0:{}\"\n\
             accounts = [{{ name = \"admin\", password = \"adminpw\", role = \"admin\" }}]\n",
            PORTS.0, PORTS.1
        )
        .unwrap();
        std::fs::write(place.join("meridian.toml"), text).unwrap();
        std::fs::write(place.join("users.toml"), "[[user]]\nname = \"app\"\npassword = \"apppw\"\n").unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        (0..NODES).for_each(|node| self.kill_node(node));
    }
}

/// The rows of a table as text, by column.
pub async fn rows_of(connection: &mut Conn, query: &str) -> Result<Vec<Vec<String>>, mysql_async::Error> {
    let rows: Vec<Row> = connection.query(query).await?;
    let text = |value: Value| match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    };
    Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
}

async fn connect(
    address: &str,
    port: u16,
    (user, password): (&str, &str),
    schema: Option<&str>,
) -> Result<Conn, mysql_async::Error> {
    let options = OptsBuilder::default().ip_or_hostname(address).tcp_port(port).prefer_socket(Some(false));
    // No statement behind the harness's back.
    let options = options.stmt_cache_size(Some(0)).max_allowed_packet(Some(64 << 20)).wait_timeout(Some(28_800));
    let connecting = Conn::new(options.user(Some(user)).pass(Some(password)).db_name(schema));
    match tokio::time::timeout(Duration::from_secs(5), connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(mysql_async::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut).into())),
    }
}

/// One spine and ten accounts of 100 in each scope.
fn rows() -> Vec<String> {
    let mut statements = vec!["INSERT INTO shop.zone VALUES (1, 0, '')".to_owned()];
    for scope in 0..5 {
        let user = scope * SHARDS_PER_SCOPE;
        statements.push(format!("INSERT INTO shop.spine VALUES ({user}, 0, '')"));
        let accounts: Vec<String> = (0..10).map(|slot| format!("({user}, {slot}, 100)")).collect();
        statements.push(format!("INSERT INTO shop.bank VALUES {}", accounts.join(", ")));
    }
    statements
}
