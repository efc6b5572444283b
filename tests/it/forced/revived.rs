//! A server that is killed as a power cut would, and started again with the very command it had.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A killed server, or the process that was started in its stead. Dropping it kills that one.
pub struct Revived {
    directory: PathBuf,
    /// The number of the process it was, and the line it was started with.
    number: String,
    line: Vec<u8>,
    command: Vec<String>,
    child: Option<Child>,
}

impl Revived {
    /// Kills the server whose process number stands in the file `server.pid` of `directory`.
    pub async fn kill(directory: &Path) -> Revived {
        let killed = Revived::watched(directory);
        kill_process(Pid::from_raw(killed.number.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !killed.is_gone() {
            assert!(Instant::now() < deadline, "the killed server is not gone");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        killed
    }

    /// That server as it runs: somebody else may kill it.
    pub fn watched(directory: &Path) -> Revived {
        let number = std::fs::read_to_string(directory.join("server.pid")).unwrap().trim().to_owned();
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap();
        let mut command: Vec<String> = Vec::new();
        for word in line.split(|byte| *byte == 0).filter(|word| !word.is_empty()) {
            let word = String::from_utf8_lossy(word);
            match command.last_mut() {
                // MySQL cuts these arguments of its own at the colon, in place.
                Some(last) if last.starts_with("--replicate-ignore-table=") && !last.contains(':') => {
                    last.push_str(&format!(":{word}"));
                }
                Some(_) | None => command.push(word.into_owned()),
            }
        }
        Revived { directory: directory.to_owned(), number, line, command, child: None }
    }

    /// Whether the process it was is gone.
    pub fn is_gone(&self) -> bool {
        !std::fs::read(format!("/proc/{}/cmdline", self.number)).is_ok_and(|now| now == self.line)
    }

    /// Starts it again; whoever needs it waits until it answers.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// As [`Revived::start`], with further options.
    pub fn start_with(&mut self, options: &[&str]) {
        let (program, arguments) = self.command.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).args(options).stdin(Stdio::null());
        // What it says belongs behind what it said before.
        let log = File::options().append(true).create(true).open(self.directory.join("error.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }
}

impl Drop for Revived {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
