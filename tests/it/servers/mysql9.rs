//! An Oracle MySQL 9 server for one test, and a replica of it, from the tree that `scripts/mysql9` makes.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use meridian::demo::ports;
use meridian::demo::process::Supervised;
use meridian::demo::root_access::{RootAccess, socket_in};
use meridian::demo::server_user::ServerUser;
use meridian::demo::template::{cache_directory, copy_tree, last_lines, run};
use rustix::fs::FlockOperation;

use super::Place;

/// The tree, once this process has looked for it.
static TREE: OnceLock<Result<Mysql9Tree, String>> = OnceLock::new();

/// A tree with MySQL 9 and an initialised data directory.
#[derive(Clone, Debug)]
pub struct Mysql9Tree {
    root: PathBuf,
    server: PathBuf,
    template: PathBuf,
}

impl Mysql9Tree {
    /// The tree, made if it is not there. `None`, said aloud, where it cannot be had; a test then says what it could not show. With
    /// `MERIDIAN_MYSQL9=required` in the environment that is a failure instead.
    pub async fn find() -> Option<Mysql9Tree> {
        let found = tokio::task::spawn_blocking(|| TREE.get_or_init(Mysql9Tree::prepare).clone()).await.unwrap();
        match found {
            Ok(tree) => Some(tree),
            Err(reason) => {
                assert!(
                    std::env::var_os("MERIDIAN_MYSQL9").is_none_or(|wish| wish != "required"),
                    "MySQL 9 is required, but {reason}"
                );
                // The terminal itself, past the test runner's capture: what was not tested must be seen.
                let notice = format!("NOT TESTED against MySQL 9: {reason}\n");
                let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
                None
            }
        }
    }

    /// The command line client that belongs to the server.
    pub fn client(&self) -> PathBuf {
        self.root.join("run/mysql")
    }

    /// Another of the server's client programs, started as that one is.
    pub fn program(&self, name: &str) -> Command {
        let launcher = std::fs::read_to_string(self.client()).unwrap();
        let of_other = launcher.replace("/usr/bin/mysql\"", &format!("/usr/bin/{name}\""));
        assert_ne!(of_other, launcher, "the launcher names another program");
        let mut command = Command::new("sh");
        // Behind the text stands what it takes for its own name: it looks for the tree from there.
        command.arg("-c").arg(of_other).arg(self.client());
        command
    }

    fn prepare() -> Result<Mysql9Tree, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mysql9");
        let said = run(&mut Command::new(script)).map_err(|error| whole(&error))?;
        let root = PathBuf::from(said.trim());
        let server = root.join("run/mysqld");
        let template = cache_directory().join("mysql9-template");
        let lock = File::create(cache_directory().join("mysql9-template.lock")).map_err(|error| error.to_string())?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
        if !template.exists() {
            initialise(&root, &server, &template)?;
        }
        Ok(Mysql9Tree { root, server, template })
    }
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn initialise(root: &Path, server: &Path, template: &Path) -> Result<(), String> {
    let part = template.with_extension("part");
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(|error| error.to_string())?;
    }
    let mut command = Command::new(server);
    command.arg("--no-defaults").arg("--initialize-insecure").args(in_tree(root)).args(SMALL).args(user_option());
    command.arg(format!("--datadir={}", part.display()));
    run(&mut command).map_err(|error| whole(&error))?;
    // Two servers with one identity would refuse to replicate; each copy makes its own.
    std::fs::remove_file(part.join("auto.cnf")).map_err(|error| error.to_string())?;
    std::fs::rename(&part, template).map_err(|error| error.to_string())
}

/// Files the server would otherwise look for in the machine's own directories, where another server's may lie.
fn in_tree(root: &Path) -> [String; 3] {
    let share = root.join("usr/share/mysql").display().to_string();
    [
        format!("--lc-messages-dir={share}"),
        format!("--character-sets-dir={share}/charsets"),
        // Its default is a directory of the package, which this machine does not have.
        "--secure-file-priv=NULL".to_owned(),
    ]
}

/// As root it stays root: the tree and the template may lie where no other user can go.
fn user_option() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

/// What keeps a test's server small. The kernel has few places for native AIO (fs.aio-max-nr), and a server that gets none does not start.
const SMALL: [&str; 3] =
    ["--innodb-redo-log-capacity=16M", "--innodb-buffer-pool-size=64M", "--innodb-use-native-aio=OFF"];

const OPTIONS: [&str; 13] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--mysqlx=OFF",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--log-bin=binlog",
    "--log-replica-updates=ON",
    "--relay-log=relay",
    "--performance-schema=OFF",
    "--general-log=ON",
    "--log-output=FILE",
    "--caching-sha2-password-auto-generate-rsa-keys=ON",
    "--max-connections=500",
];

/// A running MySQL 9 server. Its `root` has no password and is used through the socket.
#[derive(Debug)]
pub struct Mysql9 {
    /// Killed before its directory is removed: fields are dropped in this order.
    process: Supervised,
    port: u16,
    directory: PathBuf,
    _place: Place,
}

const REPLICATION_USER: &str = "repl";

impl Mysql9 {
    /// A primary with `options` added.
    pub async fn start(tree: &Mysql9Tree, server_id: u32, options: &[&str]) -> Mysql9 {
        let place = Place::new();
        let directory = place.path().join("mysql9");
        std::fs::create_dir_all(directory.join("tmp")).unwrap();
        copy_tree(&tree.template, &directory.join("data"), &ServerUser::Ourselves).unwrap();
        let port = ports::free_port().unwrap();
        let path = |option: &str, file: &str| format!("--{option}={}", directory.join(file).display());
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            path("datadir", "data"),
            path("tmpdir", "tmp"),
            format!("--socket={}", socket_in(&directory).display()),
            path("pid-file", "server.pid"),
            path("general-log-file", "general.log"),
            format!("--port={port}"),
            format!("--server-id={server_id}"),
        ];
        arguments.extend(in_tree(&tree.root));
        arguments.extend(SMALL.iter().chain(&OPTIONS).chain(options).map(|option| (*option).to_owned()));
        arguments.extend(user_option().map(str::to_owned));
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        let process = Supervised::spawn(&tree.server, &arguments, &directory.join("error.log")).unwrap();
        let mut server = Mysql9 { process, port, directory, _place: place };
        server.wait_until_it_answers().await;
        server
    }

    /// A read-only replica of this server.
    pub async fn replica(&self, tree: &Mysql9Tree, server_id: u32) -> Mysql9 {
        let account = [
            "SET SESSION sql_log_bin = 0".to_owned(),
            format!("CREATE USER IF NOT EXISTS {REPLICATION_USER}@'%' IDENTIFIED BY 'replpw'"),
            format!("GRANT REPLICATION SLAVE ON *.* TO {REPLICATION_USER}@'%'"),
        ];
        self.root().run(&account).await.unwrap();
        let replica = Mysql9::start(tree, server_id, &["--read-only=ON"]).await;
        let follow = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={}, SOURCE_USER='{REPLICATION_USER}', \
             SOURCE_PASSWORD='replpw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1",
            self.port
        );
        replica.root().run(&[follow, "START REPLICA".to_owned()]).await.unwrap();
        self.wait_until_applied_at(&replica).await;
        replica
    }

    /// Waits until `replica` has everything this server has.
    pub async fn wait_until_applied_at(&self, replica: &Mysql9) {
        let executed = self.root().value("SELECT @@GLOBAL.gtid_executed").await.unwrap().unwrap_or_default();
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 60)");
        let outcome = replica.root().value(&wait).await.unwrap();
        assert_eq!(outcome.as_deref(), Some("0"), "{}", replica.log_end());
    }

    pub fn root(&self) -> RootAccess {
        RootAccess::new("mysql9", &self.directory)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it executed, as its general log tells it.
    pub fn general_log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.directory.join("general.log")).unwrap()).into_owned()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn log_end(&self) -> String {
        let log = std::fs::read(self.directory.join("error.log")).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), 20)
    }

    async fn wait_until_it_answers(&mut self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
        while let Err(error) = self.root().run(&[]).await {
            assert!(self.process.exit_status().is_none(), "mysqld ended:\n{}", self.log_end());
            assert!(tokio::time::Instant::now() < deadline, "mysqld does not answer: {error:?}\n{}", self.log_end());
            // A server that starts tells nobody when it is done; its socket is asked.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
