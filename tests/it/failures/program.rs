//! The program itself as a process of its own: killed as a crash kills it, and read by its log.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::scenarios::expect::until;
use crate::scenarios::node::{Setup, options};

/// A running `meridian serve`. Dropping it kills it.
pub struct Program {
    pub setup: Setup,
    pub directory: TempDir,
    child: Child,
}

impl Program {
    /// A program that lets clients in when this returns.
    pub async fn start(setup: Setup) -> Program {
        Program::start_in(tempfile::tempdir().unwrap(), setup).await
    }

    /// A program whose state file may be there already.
    pub async fn start_in(directory: TempDir, setup: Setup) -> Program {
        let child = spawn(directory.path(), &setup, &[]);
        let mut program = Program { setup, directory, child };
        let console = options(program.setup.console_port("bj")).user(Some("admin")).pass(Some("adminpw"));
        until("the program lets operators in", Duration::from_secs(20), async || {
            if let Some(status) = program.child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", program.log());
            }
            mysql_async::Conn::new(console.clone()).await.is_ok()
        })
        .await;
        program
    }

    /// What a program says that does not start.
    pub async fn refused(directory: &Path, setup: &Setup) -> (ExitStatus, String) {
        let mut child = spawn(directory, setup, &[]);
        let mut ended = None;
        until("the program ends", Duration::from_secs(20), async || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        })
        .await;
        (ended.unwrap(), log(directory))
    }

    /// A further program with the same files, which takes this one's place. It shares the log.
    pub fn successor(&self) -> Child {
        spawn(self.directory.path(), &self.setup, &["--takeover"])
    }

    /// Has a further program take this one's place, and waits until it serves and this one has ended by itself.
    pub async fn replace(&mut self) {
        let served = |log: String| log.matches("serving clients").count();
        let before = served(self.log());
        let successor = self.successor();
        until("the predecessor ends", Duration::from_secs(60), async || self.exit_status().is_some()).await;
        assert!(self.exit_status().unwrap().success(), "{}", self.log());
        self.child = successor;
        until("the successor serves", Duration::from_secs(60), async || served(self.log()) > before).await;
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        signal_to(&self.child, signal);
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    /// Waits until its log holds `text`.
    pub async fn logs(&self, text: &str) {
        until(&format!("a log line with '{text}'"), Duration::from_secs(5), async || self.log().contains(text)).await;
    }

    /// Kills it as a crash would; what remains is its directory.
    pub fn kill(mut self) -> (TempDir, Setup) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        (directory, self.setup.clone())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a program.
pub fn signal_to(child: &Child, signal: rustix::process::Signal) {
    let process = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

fn spawn(directory: &Path, setup: &Setup, further: &[&str]) -> Child {
    let config = setup.write(directory);
    let log = File::options().append(true).create(true).open(directory.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["serve", "--config"])
        .arg(config)
        .args(further)
        .env("MERIDIAN_LOG", "info")
        .envs(setup.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn log(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("log")).unwrap()
}
