//! What the kernel says of a process: its time on CPU and its resident memory.

use std::collections::HashMap;
use std::{fs, io};

/// Time on CPU of each thread of a process, in nanoseconds.
///
/// By thread, from the scheduler, because the process's own figures come in ticks of 10 ms. A thread that ends within a turn takes the time it
/// used in it along; the parties measured here keep their threads.
pub struct CpuTime(HashMap<u32, u64>);

impl CpuTime {
    /// Reads it. Errors: there is no such process.
    pub fn of(pid: u32) -> io::Result<CpuTime> {
        let mut threads = HashMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            // A thread may end while the folder is read.
            let Ok(line) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let time: Option<u64> = line.split_whitespace().next().and_then(|word| word.parse().ok());
            let thread: Option<u32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
            threads.extend(thread.zip(time));
        }
        Ok(CpuTime(threads))
    }

    /// The nanoseconds used since `before`.
    pub fn since(&self, before: &CpuTime) -> u64 {
        let used = |(thread, time): (&u32, &u64)| time.saturating_sub(before.0.get(thread).copied().unwrap_or(0));
        self.0.iter().map(used).sum()
    }
}

/// Resident memory of a process in bytes. Errors: there is no such process.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.map(|count| count * 1024).ok_or_else(|| io::Error::other("the process has no resident memory"))
}
