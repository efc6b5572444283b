//! Two units whose servers a test may kill, freeze and start again: the primaries do not replicate from each other, hz has a replica.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::demo::instance::{Instance, InstanceSettings};
use meridian::demo::layout::Accounts;
use meridian::demo::process::Supervised;
use meridian::demo::replication::{LOCAL_CHANNEL, follow, wait_until_applied};
use meridian::demo::root_access::RootAccess;
use meridian::demo::template::Template;
use meridian::demo::{ports, schema};
use meridian::model::Role;
use rustix::process::{Pid, Signal};

use crate::scenarios::expect::until;
use crate::scenarios::node::{Database, Setup};
use crate::scenarios::world::APP;
use crate::servers::Place;

/// The servers: the primaries of hz and bj, and the replica of hz.
pub struct Fragile {
    pub hz: Server,
    pub bj: Server,
    pub hz_replica: Server,
    version: String,
    /// Removed last.
    _place: Place,
}

/// One server.
pub struct Server {
    instance: Instance,
    unit: &'static str,
    /// The process that was started in place of the instance's own.
    again: Option<Supervised>,
}

impl Fragile {
    /// All running, with the tables of the scenarios.
    pub async fn start() -> Fragile {
        let place = Place::new();
        let template = tokio::task::spawn_blocking(Template::prepare).await.unwrap().unwrap();
        let (hz, bj, hz_replica) = tokio::join!(
            server(&template, place.path(), "hz", Role::Primary, 11),
            server(&template, place.path(), "bj", Role::Primary, 21),
            server(&template, place.path(), "hz", Role::Replica, 12),
        );
        for primary in [&hz, &bj] {
            let statements = [schema::shared_tables("shop"), schema::local_tables("shop")].concat();
            primary.root().run(&statements).await.unwrap();
        }
        hz.root().run(&schema::center_rows("shop")).await.unwrap();
        follow(&hz_replica.root(), LOCAL_CHANNEL, hz.instance.port()).await.unwrap();
        wait_until_applied(&hz.root(), &hz_replica.root(), None, Duration::from_secs(60)).await.unwrap();
        Fragile { hz, bj, hz_replica, version: template.version().to_owned(), _place: place }
    }

    /// A node in front of them.
    pub fn setup(&self) -> Setup {
        let database = |server: &Server| Database {
            name: server.instance.name().to_owned(),
            unit: server.unit,
            role: server.instance.settings().role,
            port: server.instance.port(),
        };
        let databases = [&self.hz, &self.hz_replica, &self.bj].map(database).to_vec();
        let mut setup = Setup::over(databases, &self.version);
        setup.backend = "connect_deadline = \"1s\"\nqueue_deadline = \"3s\"\nconnections_per_instance = 8".to_owned();
        setup
    }
}

impl Server {
    /// The way in as root.
    pub fn root(&self) -> RootAccess {
        self.instance.root()
    }

    /// The first value of `query`, asked of the server itself.
    pub async fn value(&self, query: &str) -> String {
        self.root().value(query).await.unwrap().unwrap_or_else(|| "NULL".to_owned())
    }

    /// Ends it, by KILL as a power cut would or by TERM as an operator would; gives the command that starts it again.
    pub async fn end(&mut self, signal: Signal) -> Vec<OsString> {
        let pid = self.pid();
        let command = command_of(pid);
        rustix::process::kill_process(pid, signal).unwrap();
        until("the server is gone", Duration::from_secs(20), async || command_of(pid).is_empty()).await;
        command
    }

    /// Starts it again and waits until it answers.
    pub async fn start_again(&mut self, command: Vec<OsString>) {
        let log = self.directory().join("error.log");
        self.again = Some(Supervised::spawn(Path::new(&command[0]), &command[1..], &log).unwrap());
        until("the server answers again", Duration::from_secs(30), async || self.root().run(&[]).await.is_ok()).await;
    }

    /// Freezes it until the guard is dropped: its sockets stay open and say nothing.
    pub fn freeze(&self) -> Frozen {
        let pid = self.pid();
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        Frozen(pid)
    }

    fn directory(&self) -> PathBuf {
        self.instance.socket().parent().unwrap().to_owned()
    }

    fn pid(&self) -> Pid {
        let text = std::fs::read_to_string(self.directory().join("server.pid")).unwrap();
        Pid::from_raw(text.trim().parse().unwrap()).unwrap()
    }
}

/// A server that goes on when this is dropped.
pub struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.0, Signal::CONT);
    }
}

/// The command line of a process; empty when it has ended, waited for or not.
fn command_of(pid: Pid) -> Vec<OsString> {
    let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| OsString::from_vec(word.to_vec())).collect()
}

async fn server(template: &Template, base: &Path, unit: &'static str, role: Role, server_id: u32) -> Server {
    let settings = InstanceSettings {
        name: format!("{unit}-{server_id}"),
        role,
        server_id,
        domain: server_id / 10,
        id_stride: 4,
        port: ports::free_port().unwrap(),
        ignored: Vec::new(),
        options: Vec::new(),
    };
    let instance = Instance::start(template, base, settings).await.unwrap();
    let accounts = Accounts { app_user: APP.0.into(), app_password: APP.1.into(), schema: "shop".into() };
    instance.root().run(&schema::accounts(&accounts)).await.unwrap();
    Server { instance, unit, again: None }
}
