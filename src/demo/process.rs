//! Server processes: started so that they never outlive us, stopped gently, and found again by their data directory.
//!
//! It knows nothing of what they serve but that each is told by a flag where it is at home.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::process::{Child, ChildStdin, Command};

use super::DemoError;

/// The shell between us and a server. It ends the server when its standard input closes: that happens on a wish, and also when we die in
/// whatever way. The parent-death signal of the kernel would be shorter, but a server that changes its user loses it.
const SUPERVISE: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r line <&3; kill -TERM "$server"; } 2>/dev/null &
watch=$!
exec 3<&-
wait "$server"
status=$?
kill -KILL "$watch" 2>/dev/null
exit "$status"
"#;

/// A running server process. Dropping it kills the server at once.
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    /// Open as long as the server shall run.
    lifeline: Option<ChildStdin>,
    group: Option<Pid>,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts `program` with `arguments`; what it says goes to the file `log`. Errors: the system's.
    pub fn spawn(program: &Path, arguments: &[OsString], log: &Path) -> Result<Supervised, DemoError> {
        let output = File::options().append(true).create(true).open(log).map_err(DemoError::file("open", log))?;
        let errors = output.try_clone().map_err(DemoError::file("open", log))?;
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(SUPERVISE)
            .arg("supervise")
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // A group of its own: Ctrl-C in the terminal is for us, who end the servers in order.
            .process_group(0)
            .spawn()
            .map_err(DemoError::file("start", program))?;
        let lifeline = child.stdin.take();
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Supervised { child, lifeline, group, ended: None })
    }

    /// How it ended, if it did.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Asks the server to end, waits `patience`, then kills it. Errors: it does not even die.
    pub async fn stop(&mut self, patience: Duration) -> Result<(), DemoError> {
        if self.exit_status().is_some() {
            return Ok(());
        }
        drop(self.lifeline.take());
        if let Ok(Ok(status)) = tokio::time::timeout(patience, self.child.wait()).await {
            self.ended = Some(status);
            return Ok(());
        }
        self.kill();
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => {
                self.ended = Some(status);
                Ok(())
            }
            _ => Err(DemoError::Unkillable(self.group.map_or(0, |group| group.as_raw_nonzero().get()))),
        }
    }

    /// Kills the server and its shell at once, as a power cut would; says nothing when they are gone already.
    pub fn kill(&mut self) {
        if let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if self.exit_status().is_some() {
            return;
        }
        self.kill();
        // The caller removes the data directory next; wait until nobody writes to it any more.
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Some(group) = self.group
            && rustix::process::test_kill_process_group(group).is_ok()
            && Instant::now() < deadline
        {
            let _ = self.child.try_wait();
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The processes whose data directory lies below `directory`, whoever started them.
pub fn servers_below(directory: &Path) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| serves_below(*pid, directory))
        .collect()
}

fn serves_below(pid: Pid, directory: &Path) -> bool {
    let Ok(command_line) = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) else { return false };
    // Databases, etcd and nodes, by the flag that says where they are at home.
    ["--datadir=", "--data-dir=", "--config="].iter().any(|flag| {
        let wanted = [flag.as_bytes(), directory.as_os_str().as_bytes(), b"/"].concat();
        command_line.split(|byte| *byte == 0).any(|argument| argument.starts_with(&wanted))
    })
}

/// The process of `program` of which an argument ends with `argument`; not the shell that watches over it.
pub fn find(program: &str, argument: &str) -> Option<Pid> {
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).find(|pid| {
        let command_line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        let mut arguments = command_line.split(|byte| *byte == 0);
        let own = arguments.next().is_some_and(|first| first.ends_with(program.as_bytes()));
        own && arguments.any(|one| one.ends_with(argument.as_bytes()))
    })
}

/// Ends every server whose data directory lies below `directory`: asks, waits `patience`, then kills. Errors: one does not even die.
pub async fn end_servers_below(directory: &Path, patience: Duration) -> Result<(), DemoError> {
    // Again until none is found: a shell may have been about to start its server.
    loop {
        let found = servers_below(directory);
        if found.is_empty() {
            return Ok(());
        }
        for pid in found {
            let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
            // The handle now names one process for good; only here is it certain that it is still the one that was found.
            if serves_below(pid, directory) {
                end(pid, handle, patience).await?;
            }
        }
    }
}

/// Ends the process `pid`: asks, waits `patience`, then kills. Errors: it does not even die.
pub async fn end(pid: Pid, handle: OwnedFd, patience: Duration) -> Result<(), DemoError> {
    let ended = tokio::task::spawn_blocking(move || {
        [Signal::TERM, Signal::KILL].into_iter().any(|signal| {
            rustix::process::pidfd_send_signal(handle.as_fd(), signal).is_err() || ends_within(&handle, patience)
        })
    });
    match ended.await {
        Ok(true) => Ok(()),
        _ => Err(DemoError::Unkillable(pid.as_raw_nonzero().get())),
    }
}

/// Whether the process ends in time: its handle then becomes readable.
fn ends_within(handle: &OwnedFd, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let Ok(left) = Timespec::try_from(deadline.saturating_duration_since(Instant::now())) else { return false };
        match rustix::event::poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(events) => return events > 0,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn sleeper(directory: &Path) -> Supervised {
        // `sh -c` takes what follows as $0 …, so that the sleeper carries the argument a server would.
        let datadir = format!("--datadir={}/data", directory.display());
        let arguments = ["-c", "while :; do sleep 0.2; done", &datadir].map(OsString::from);
        Supervised::spawn(Path::new("/bin/sh"), &arguments, &directory.join("log")).unwrap()
    }

    /// Waits until servers are found below `directory`, or none any more. The kernel shows a process a moment before its arguments, and a
    /// killed one a moment after its end.
    async fn until_found(directory: &Path, expected: Found) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while servers_below(directory).is_empty() != (expected == Found::None) {
            assert!(Instant::now() < deadline, "not within 20 s: {expected:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Found {
        Some,
        None,
    }

    #[tokio::test]
    async fn a_server_ends_when_its_lifeline_closes() {
        let directory = tempfile::tempdir().unwrap();
        let mut server = sleeper(directory.path());
        assert_eq!(server.exit_status(), None);
        server.stop(Duration::from_secs(20)).await.unwrap();
        assert!(server.exit_status().is_some());
        until_found(directory.path(), Found::None).await;
    }

    #[tokio::test]
    async fn a_dropped_server_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let server = sleeper(directory.path());
        until_found(directory.path(), Found::Some).await;
        drop(server);
        until_found(directory.path(), Found::None).await;
    }

    #[tokio::test]
    async fn a_stranger_s_server_is_found_and_ended_by_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let mut server = sleeper(directory.path());
        until_found(directory.path(), Found::Some).await;
        end_servers_below(directory.path(), Duration::from_secs(20)).await.unwrap();
        server.child.wait().await.unwrap();
        until_found(directory.path(), Found::None).await;
    }

    #[tokio::test]
    async fn an_early_end_is_seen_with_its_exit_code() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["-c", "exit 7"].map(OsString::from);
        let mut server = Supervised::spawn(Path::new("/bin/sh"), &arguments, &directory.path().join("log")).unwrap();
        assert_eq!(server.child.wait().await.unwrap().code(), Some(7));
    }
}
