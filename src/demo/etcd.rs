//! etcd on one machine: members with their own directories and ports, which end with us.
//!
//! It knows nothing of what is stored there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::DemoError;
use super::ports::free_port;
use super::process::Supervised;
use super::template::last_lines;

/// How long the members may take until each of them answers.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long a member may take to end before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A running cluster of etcd.
#[derive(Debug)]
pub struct Etcd {
    program: PathBuf,
    directory: PathBuf,
    scheme: &'static str,
    further: Vec<OsString>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    client_port: u16,
    /// Where the others reach it.
    peer_port: u16,
    /// Where it listens for them.
    peer_listens_at: u16,
    process: Option<Supervised>,
}

impl Etcd {
    /// The installed etcd, if it is.
    pub fn program() -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|program| program.is_file())
    }

    /// `count` members below `directory`, all of them serving. Errors: etcd is not installed, a member does not start.
    pub async fn start(directory: &Path, count: usize) -> Result<Etcd, DemoError> {
        Etcd::start_with(directory, count, "http", Vec::new()).await
    }

    /// As [`Etcd::start`], with clients served by `scheme` and further flags for each member.
    pub async fn start_with(
        directory: &Path,
        count: usize,
        scheme: &'static str,
        further: Vec<OsString>,
    ) -> Result<Etcd, DemoError> {
        let missing = DemoError::MissingProgram { program: "etcd", package: "etcd-server" };
        let program = Etcd::program().ok_or(missing)?;
        let member = |number: usize| {
            let (client_port, peer_port) = (free_port()?, free_port()?);
            let name = format!("etcd-{}", number + 1);
            Ok(Member { name, client_port, peer_port, peer_listens_at: peer_port, process: None })
        };
        let members = (0..count).map(member).collect::<Result<_, DemoError>>()?;
        let mut etcd = Etcd { program, directory: directory.to_owned(), scheme, further, members };
        etcd.start_all().await?;
        Ok(etcd)
    }

    /// Where clients connect.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("{}://127.0.0.1:{}", self.scheme, member.client_port)).collect()
    }

    /// The members' names and ports.
    pub fn members(&self) -> impl Iterator<Item = (String, u16)> {
        self.members.iter().map(|member| (member.name.clone(), member.client_port))
    }

    /// Starts members again that have died without being told to. Errors: the system's.
    pub fn revive(&mut self) -> Result<(), DemoError> {
        for number in 0..self.members.len() {
            let ended = self.members[number].process.as_mut().and_then(Supervised::exit_status);
            if let Some(status) = ended {
                println!("{} ended with {status}; it is started again", self.members[number].name);
                self.restart(number)?;
            }
        }
        Ok(())
    }

    /// Kills all members and has them listen for each other elsewhere when they are started again. For each where the others go on reaching it, and
    /// where it will listen: in between is the caller's. Errors: no port is free.
    pub fn put_apart(&mut self) -> Result<Vec<(u16, u16)>, DemoError> {
        for member in &mut self.members {
            member.process = None;
            member.peer_listens_at = free_port()?;
        }
        Ok(self.members.iter().map(|member| (member.peer_port, member.peer_listens_at)).collect())
    }

    /// Starts all members that do not run, and waits until each serves. Errors: the system's; one does not serve.
    pub async fn start_all(&mut self) -> Result<(), DemoError> {
        for number in 0..self.members.len() {
            if self.members[number].process.is_none() {
                self.restart(number)?;
            }
        }
        for number in 0..self.members.len() {
            self.wait_for(number).await?;
        }
        Ok(())
    }

    /// Kills a member at once, as a power cut would; its data stay.
    pub fn kill(&mut self, number: usize) {
        self.members[number].process = None;
    }

    /// Starts a member that was killed, with the data it had. Errors: the system's.
    pub fn restart(&mut self, number: usize) -> Result<(), DemoError> {
        let arguments = self.arguments(number);
        let log = self.log_of(number);
        self.members[number].process = Some(Supervised::spawn(&self.program, &arguments, &log)?);
        Ok(())
    }

    /// The number of the member that leads now; `None` while there is none.
    pub async fn leader(&self) -> Option<usize> {
        let running = self.members.iter().filter(|member| member.process.is_some());
        let leader = leader_of(running.map(|member| (member.name.as_str(), member.client_port))).await?;
        self.members.iter().position(|member| member.name == leader)
    }

    /// Waits until a member serves with a leader.
    pub async fn wait_for(&mut self, number: usize) -> Result<(), DemoError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let port = self.members[number].client_port;
            let serves = match self.scheme {
                // Over TLS the port alone tells: it opens when the member has joined.
                "https" => TcpStream::connect(("127.0.0.1", port)).await.is_ok(),
                _ => metric(port, "etcd_server_has_leader").await == Some(1),
            };
            if serves {
                return Ok(());
            }
            let ended = self.members[number].process.as_mut().and_then(Supervised::exit_status);
            if ended.is_some() || Instant::now() > deadline {
                return Err(DemoError::Instance {
                    name: self.members[number].name.clone(),
                    what: ended.map_or("does not serve in time".to_owned(), |status| format!("ended with {status}")),
                    log: last_lines(
                        &String::from_utf8_lossy(&std::fs::read(self.log_of(number)).unwrap_or_default()),
                        12,
                    ),
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends all members. Errors: one does not even die.
    pub async fn stop(mut self) -> Result<(), DemoError> {
        for member in &mut self.members {
            if let Some(process) = &mut member.process {
                process.stop(STOP_PATIENCE).await?;
            }
        }
        Ok(())
    }

    fn log_of(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{}.log", self.members[number].name))
    }

    fn arguments(&self, number: usize) -> Vec<OsString> {
        let member = &self.members[number];
        let clients = format!("{}://127.0.0.1:{}", self.scheme, member.client_port);
        let peer = |member: &Member| format!("http://127.0.0.1:{}", member.peer_port);
        let cluster: Vec<String> =
            self.members.iter().map(|member| format!("{}={}", member.name, peer(member))).collect();
        let mut data = OsString::from("--data-dir=");
        data.push(self.directory.join(&member.name));
        let mut arguments = vec![data, format!("--name={}", member.name).into()];
        for (flag, value) in [
            ("--listen-client-urls", clients.clone()),
            ("--advertise-client-urls", clients),
            ("--listen-peer-urls", format!("http://127.0.0.1:{}", member.peer_listens_at)),
            ("--initial-advertise-peer-urls", peer(member)),
            ("--initial-cluster", cluster.join(",")),
            ("--initial-cluster-state", "new".to_owned()),
            ("--log-level", "warn".to_owned()),
            ("--logger", "zap".to_owned()),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        arguments.extend(self.further.iter().cloned());
        arguments
    }
}

/// The name of the member that leads, by its own word.
pub async fn leader_of<'a>(members: impl Iterator<Item = (&'a str, u16)>) -> Option<String> {
    for (name, client_port) in members {
        if metric(client_port, "etcd_server_is_leader").await == Some(1) {
            return Some(name.to_owned());
        }
    }
    None
}

/// One number of what a member says of itself over HTTP; `None` when it does not.
async fn metric(port: u16, name: &str) -> Option<u64> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line?.trim().parse().ok()
    };
    tokio::time::timeout(Duration::from_secs(1), asked).await.ok().flatten()
}
