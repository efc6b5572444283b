//! The databases all scenarios share: units hz and bj, each a primary and a replica, started once per test run.
//!
//! Scenarios that kill or pause a server start servers of their own; here every test has keys of its own and takes nobody's rows for its own.

use std::io::Write;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use meridian::demo::layout::{Accounts, InstanceLayout, Layout, UnitLayout};
use meridian::demo::state_file::{Files, State};
use meridian::demo::world::World;
use meridian::model::Role;

use super::general_log::LogReader;
use super::node::{Database, UNITS};

/// The application's account, at Meridian and at the servers.
pub const APP: (&str, &str) = ("app", "apppw");

static SHARED: OnceLock<Databases> = OnceLock::new();

/// Those whose ownership is moved: replication is stopped and delayed there.
static MOVED: OnceLock<Databases> = OnceLock::new();

/// The running databases. Dropped, they are killed.
#[derive(Debug)]
pub struct Databases {
    world: World,
    /// By instance, in the layout's order.
    logs: Mutex<Vec<LogReader>>,
    /// The servers' processes are watched by it.
    _runtime: Watching,
    /// Removes the directory when they are gone, or this process is, however it ends.
    _janitor: Child,
}

/// Databases for one test alone, which may kill them; they end with it.
#[derive(Debug)]
pub struct OwnDatabases(Databases);

impl Deref for OwnDatabases {
    type Target = Databases;

    fn deref(&self) -> &Databases {
        &self.0
    }
}

/// A runtime that may be dropped where a test runs on another.
#[derive(Debug)]
struct Watching(Option<tokio::runtime::Runtime>);

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Databases {
    /// The databases of this test run.
    pub async fn shared() -> &'static Databases {
        tokio::task::spawn_blocking(|| SHARED.get_or_init(|| Databases::start(&UNITS))).await.unwrap()
    }

    /// The databases of the tests that move ownership.
    pub async fn moved() -> &'static Databases {
        tokio::task::spawn_blocking(|| MOVED.get_or_init(|| Databases::start(&UNITS))).await.unwrap()
    }

    /// Databases for one test alone.
    pub async fn own() -> OwnDatabases {
        Databases::of(&UNITS).await
    }

    /// As [`Databases::own`], of these units.
    pub async fn of(units: &'static [&'static str]) -> OwnDatabases {
        tokio::task::spawn_blocking(|| OwnDatabases(Databases::start(units))).await.unwrap()
    }

    /// A connection of root's to a unit's primary, past Meridian.
    pub async fn root(&self, unit: &str) -> mysql_async::Conn {
        self.world.instance(unit, Role::Primary).unwrap().root().connect().await.unwrap()
    }

    /// Root's way to a unit's primary.
    pub fn root_access(&self, unit: &str) -> meridian::demo::root_access::RootAccess {
        self.world.instance(unit, Role::Primary).unwrap().root()
    }

    /// The general log of a server.
    pub fn general_log(&self, unit: &str, role: Role) -> PathBuf {
        self.world.instance(unit, role).unwrap().general_log()
    }

    /// The replication channels of a unit's primary, by name.
    pub async fn channels(&self, unit: &str) -> Vec<String> {
        let mut root = self.world.instance(unit, Role::Primary).unwrap().root().connect().await.unwrap();
        let rows: Vec<mysql_async::Row> =
            mysql_async::prelude::Queryable::query(&mut root, "SHOW ALL SLAVES STATUS").await.unwrap();
        rows.iter().map(|row| row.get("Connection_name").unwrap()).collect()
    }

    /// Runs a statement as root at a server, past Meridian.
    pub async fn run_at(&self, unit: &str, role: Role, statement: &str) {
        self.world.instance(unit, role).unwrap().root().run(&[statement.to_owned()]).await.unwrap();
    }

    fn start(units: &[&'static str]) -> Databases {
        let directory = tempfile::Builder::new().prefix("meridian-it-world-").tempdir().unwrap().keep();
        let passable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&directory, passable).unwrap();
        let janitor = janitor(&directory);
        let unit = |(name, number): (&&'static str, u32)| UnitLayout { name, number, mysql_port: 0, console_port: 0 };
        let accounts = Accounts { app_user: APP.0.into(), app_password: APP.1.into(), schema: "shop".into() };
        let layout = Layout {
            units: units.iter().zip(1..).map(unit).collect(),
            accounts,
            servers: Default::default(),
            nodes: Default::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let world = runtime
            .block_on(World::start(&layout, &directory, &mut State::new(&layout, Files::Remove), |_| {}))
            .unwrap();
        let logs = world.instances().map(|_| LogReader::default()).collect();
        Databases { world, logs: Mutex::new(logs), _runtime: Watching(Some(runtime)), _janitor: janitor }
    }

    /// Where a node finds them.
    pub fn places(&self) -> Vec<Database> {
        let place = |(layout, instance): (InstanceLayout, &meridian::demo::instance::Instance)| Database {
            name: layout.name,
            unit: layout.unit,
            role: layout.role,
            port: instance.port(),
        };
        self.world.instances().map(place).collect()
    }

    /// The servers' version.
    pub fn version(&self) -> &str {
        self.world.version()
    }

    /// Where statements that hold `marker` were executed for an application, one entry per execution, for example `hz primary`.
    pub fn executed(&self, marker: &str) -> Vec<String> {
        let mut logs = self.logs.lock().unwrap();
        let mut places = Vec::new();
        for ((layout, instance), log) in self.world.instances().zip(logs.iter_mut()) {
            log.read(&instance.general_log());
            let is_application = |user: &str| user == APP.0 || user.starts_with(&format!("{}-n", APP.0));
            let executions = log.with(marker).into_iter().filter(|execution| is_application(&execution.user));
            places.extend(executions.map(|_| format!("{} {}", layout.unit, word(layout.role))));
        }
        places
    }

    /// The first value of `query`, asked of a server itself.
    pub async fn value(&self, unit: &str, role: Role, query: &str) -> String {
        let instance = self.world.instance(unit, role).unwrap();
        instance.root().value(query).await.unwrap().unwrap_or_else(|| "NULL".to_owned())
    }

    /// The first value of the last of several statements, asked of a server itself.
    pub async fn last_value(&self, unit: &str, role: Role, statements: &str) -> String {
        let mut root = self.world.instance(unit, role).unwrap().root().connect().await.unwrap();
        let (ahead, query) = statements.rsplit_once("; ").unwrap();
        mysql_async::prelude::Queryable::query_drop(&mut root, ahead).await.unwrap();
        let value: Option<Option<String>> =
            mysql_async::prelude::Queryable::query_first(&mut root, query).await.unwrap();
        value.flatten().unwrap_or_default()
    }

    /// Runs a statement as root at a unit's primary, past Meridian.
    pub async fn run(&self, unit: &str, statement: &str) {
        self.world.instance(unit, Role::Primary).unwrap().root().run(&[statement.to_owned()]).await.unwrap();
    }

    /// As [`Databases::run`], for that primary alone.
    pub async fn run_unlogged(&self, unit: &str, statement: &str) {
        let statements = ["SET SESSION sql_log_bin = 0".to_owned(), statement.to_owned()];
        self.world.instance(unit, Role::Primary).unwrap().root().run(&statements).await.unwrap();
    }

    /// Waits until every server has every row.
    pub async fn converge(&self) {
        self.world.wait_until_equal().await.unwrap();
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Replica => "replica",
    }
}

/// A shell that waits for our end by the pipe between us, then for the servers', then removes their files.
fn janitor(directory: &PathBuf) -> Child {
    const TIDY: &str = r#"read -r line
        for try in $(seq 100); do ls "$1"/*/server.pid >/dev/null 2>&1 || break; sleep 0.1; done
        rm -rf "$1""#;
    let mut child = Command::new("/bin/sh")
        .args(["-c", TIDY, "janitor"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().flush().unwrap();
    child
}

/// A mark that no other statement carries.
pub fn marker() -> String {
    format!("mark{:016x}", rand::random::<u64>())
}
