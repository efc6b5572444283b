//! One database server: its directory, its options, its start and its end.
//!
//! It knows nothing of units' relations (that is `replication.rs`) nor of tables (`schema.rs`).

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::Role;

use super::DemoError;
use super::mysql;
use super::process::Supervised;
use super::root_access::{RootAccess, socket_in};
use super::server_user::ServerUser;
use super::template::{Family, LOG_FILE_SIZE, Template, last_lines};

/// How long a server may take from its start to its first answer.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long a server may take to end before it is killed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The longest path the kernel takes for a UNIX socket.
const SOCKET_PATH_LIMIT: usize = 107;

/// What an instance is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSettings {
    /// Its unique name, also the name of its directory.
    pub name: String,
    /// Its role: a replica is started read-only.
    pub role: Role,
    /// Its `server_id`.
    pub server_id: u32,
    /// The GTID domain of what it writes: its unit's number.
    pub domain: u32,
    /// The step between automatic ids; the domain is the offset.
    pub id_stride: u32,
    /// Its TCP port on the loopback address.
    pub port: u16,
    /// `(channel, schema.table)`: tables that this channel does not bring in. They filter the unit-to-unit channels only; the channel
    /// between a unit's primary and its replica has none, or local tables would be missing on the replica.
    pub ignored: Vec<(String, String)>,
    /// Further options, as on a command line.
    pub options: Vec<String>,
}

/// A running server. Dropping it kills the server.
#[derive(Debug)]
pub struct Instance {
    settings: InstanceSettings,
    directory: PathBuf,
    process: Supervised,
}

impl Instance {
    /// Makes the instance's directory below `base`, starts the server there and waits until it answers. Errors: the first thing that went
    /// wrong, with the end of the server's log.
    pub async fn start(template: &Template, base: &Path, settings: InstanceSettings) -> Result<Instance, DemoError> {
        let directory = base.join(&settings.name);
        let socket = socket_in(&directory);
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            return Err(DemoError::SocketPath(socket));
        }
        let user = template.user();
        make_directory(template, &directory, &user)?;
        let arguments = arguments(template, &settings, &directory, &user);
        let process = Supervised::spawn(template.server(), &arguments, &directory.join("error.log"))?;
        let mut instance = Instance { settings, directory, process };
        instance.wait_until_it_answers().await?;
        Ok(instance)
    }

    /// Its settings.
    pub fn settings(&self) -> &InstanceSettings {
        &self.settings
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.settings.port
    }

    /// Its UNIX socket, where `root` logs in without a password.
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// Where it writes every statement it executes.
    pub fn general_log(&self) -> PathBuf {
        general_log_in(&self.directory)
    }

    /// The process, for tests that pause or kill it.
    pub fn process(&mut self) -> &mut Supervised {
        &mut self.process
    }

    /// The way in as `root`.
    pub fn root(&self) -> RootAccess {
        RootAccess::new(&self.settings.name, &self.directory)
    }

    /// Ends the server, gently at first. Errors: it does not even die.
    pub async fn stop(mut self) -> Result<(), DemoError> {
        self.process.stop(STOP_PATIENCE).await
    }

    async fn wait_until_it_answers(&mut self) -> Result<(), DemoError> {
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        loop {
            if self.root().run(&[]).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.exit_status() {
                return Err(self.trouble(format!("ended at its start with {status}")));
            }
            if tokio::time::Instant::now() > deadline {
                return Err(self.trouble(format!("does not answer within {} s", START_DEADLINE.as_secs())));
            }
            // A server that starts tells nobody when it is done; its socket is asked.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn trouble(&self, what: String) -> DemoError {
        let log = std::fs::read(self.directory.join("error.log")).unwrap_or_default();
        let log = last_lines(&String::from_utf8_lossy(&log), 12);
        DemoError::Instance { name: self.settings.name.clone(), what, log }
    }
}

/// The general log of the instance whose directory this is.
pub fn general_log_in(directory: &Path) -> PathBuf {
    directory.join("general.log")
}

/// Its temporary tables lie there. A server removes at its start all that lie in this directory, and MariaDB ends by signal 11 when one of its own is
/// gone before it is opened: two servers must not share one.
fn temporary_in(directory: &Path) -> PathBuf {
    directory.join("tmp")
}

fn make_directory(template: &Template, directory: &Path, user: &ServerUser) -> Result<(), DemoError> {
    std::fs::create_dir(directory).map_err(DemoError::file("create", directory))?;
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(directory, closed).map_err(DemoError::file("close", directory))?;
    let temporary = temporary_in(directory);
    std::fs::create_dir(&temporary).map_err(DemoError::file("create", &temporary))?;
    user.take(&temporary)?;
    template.copy_to(&directory.join("data"), user)?;
    user.take(directory)
}

fn arguments(template: &Template, settings: &InstanceSettings, directory: &Path, user: &ServerUser) -> Vec<OsString> {
    let path = |option: &str, file: PathBuf| {
        let mut argument = OsString::from(format!("--{option}="));
        argument.push(file);
        argument
    };
    let mut arguments = vec![
        OsString::from("--no-defaults"),
        path("datadir", directory.join("data")),
        path("tmpdir", temporary_in(directory)),
        path("socket", socket_in(directory)),
        path("pid-file", directory.join("server.pid")),
        path("general-log-file", general_log_in(directory)),
    ];
    let read_only = match settings.role {
        Role::Primary => "--read-only=OFF",
        Role::Replica => "--read-only=ON",
    };
    let mut plain = vec![
        format!("--port={}", settings.port),
        format!("--server-id={}", settings.server_id),
        format!("--auto-increment-increment={}", settings.id_stride),
        format!("--auto-increment-offset={}", settings.domain),
        read_only.to_owned(),
    ];
    let ignored = settings.ignored.iter();
    match template.family() {
        Family::MariaDb => {
            plain.extend([format!("--gtid-domain-id={}", settings.domain), LOG_FILE_SIZE.to_owned()]);
            plain.extend(FIXED_OPTIONS.map(str::to_owned));
            plain.extend(ignored.map(|(channel, table)| format!("--{channel}.replicate-ignore-table={table}")));
        }
        Family::Mysql => {
            plain.extend(mysql::options(template.server()));
            plain.extend(ignored.map(|(channel, table)| format!("--replicate-ignore-table={channel}:{table}")));
        }
    }
    plain.extend(user.option());
    plain.extend(settings.options.iter().cloned());
    arguments.extend(plain.into_iter().map(OsString::from));
    arguments
}

/// What every instance is started with.
const FIXED_OPTIONS: [&str; 17] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--log-bin=binlog",
    "--log-slave-updates=ON",
    "--binlog-format=ROW",
    "--gtid-strict-mode=ON",
    // In a mesh a transaction arrives by several channels; a filter by domain instead would lose transactions.
    "--gtid-ignore-duplicates=ON",
    // Parallel appliers let a replica apply two owners' writes of one row out of order after a move.
    "--slave-parallel-threads=0",
    "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=32M",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--relay-log=relay",
    "--general-log=ON",
    "--log-output=FILE",
    "--max-connections=500",
];
