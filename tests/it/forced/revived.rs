//! A server that is killed as a power cut would, and started again with the very command it had.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::scenarios::expect::until;

/// A killed server, or the process that was started in its stead. Dropping it kills that one.
pub struct Revived {
    command: Vec<String>,
    child: Option<Child>,
}

impl Revived {
    /// Kills the server whose process number stands in the file `server.pid` of `directory`.
    pub async fn kill(directory: &Path) -> Revived {
        let number = std::fs::read_to_string(directory.join("server.pid")).unwrap().trim().to_owned();
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap();
        let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let command: Vec<String> = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        kill_process(Pid::from_raw(number.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
        let (process, arguments) = (format!("/proc/{number}/cmdline"), line.clone());
        until("the server is gone", Duration::from_secs(20), async || {
            std::fs::read(&process).map_or(true, |now| now != arguments)
        })
        .await;
        Revived { command, child: None }
    }

    /// Starts it again; whoever needs it waits until it answers.
    pub fn start(&mut self) {
        let (program, arguments) = self.command.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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
