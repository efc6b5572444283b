//! Instructions a process executed, by `perf stat`, where the machine can count them.

use std::io;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const EVENT: &str = "instructions";

/// Whether instructions can be counted here: `perf` is installed, allowed, and the processor's counters are visible.
pub fn are_countable() -> bool {
    let tried = Command::new("perf").args(["stat", "-x,", "-e", EVENT, "--", "true"]).output();
    tried.is_ok_and(|output| counted(&output.stderr).is_some())
}

/// A running count.
pub struct Count(Child);

impl Count {
    /// Begins to count for all threads of a process.
    pub fn start(pid: u32) -> io::Result<Count> {
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x,", "-e", EVENT, "-p", &pid.to_string()]);
        perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map(Count)
    }

    /// Ends and gives the count; `None` when perf gave none.
    pub fn finish(self) -> io::Result<Option<u64>> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or_else(|| io::Error::other("perf has no process id"))?, Signal::INT)?;
        Ok(counted(&self.0.wait_with_output()?.stderr))
    }
}

/// The number in perf's `-x,` output: the first field of the line that names the event.
fn counted(output: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().find(|line| line.split(',').nth(2).is_some_and(|name| name.starts_with(EVENT)))?;
    line.split(',').next()?.parse().ok()
}
