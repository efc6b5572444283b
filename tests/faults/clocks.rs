//! Clocks that do not agree: each node counts its time from another moment, in a time namespace of its own, and its wall clock can be set while it
//! runs, by libfaketime.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How much later than the node before it each node began, by its own count, in seconds.
const APART: u64 = 86_400;

/// The clocks of all nodes.
pub struct Clocks {
    /// One file for each node: by how much its wall clock is wrong.
    directory: PathBuf,
    /// Where libfaketime is; `None` where it is not installed.
    library: Option<PathBuf>,
    has_namespaces: bool,
}

impl Clocks {
    /// Clocks whose files are in `directory`. Tells what cannot be had here.
    pub fn new(directory: &Path) -> Clocks {
        let has_namespaces = Command::new("unshare")
            .args(["--time", "--monotonic", "1", "--boottime", "1", "true"])
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success());
        if !has_namespaces {
            println!("NOT CHECKED: nodes that count their time from different moments: no time namespaces here");
        }
        let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library =
            libraries.map(|place| place.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
        if library.is_none() {
            println!("NOT CHECKED: wall clocks that are set: libfaketime is not installed");
        }
        Clocks { directory: directory.to_owned(), library, has_namespaces }
    }

    /// The command that runs another one by a node's clocks.
    pub fn of(&self, node: usize) -> Vec<String> {
        let mut words = Vec::new();
        if self.has_namespaces {
            let later = (node as u64 * APART).to_string();
            words.extend(["unshare", "--time", "--monotonic", &later, "--boottime", &later].map(str::to_owned));
        }
        if let Some(library) = &self.library {
            self.set(node, 0);
            words.push("env".to_owned());
            words.push(format!("LD_PRELOAD={}", library.display()));
            words.push(format!("FAKETIME_TIMESTAMP_FILE={}", self.file(node).display()));
            // Only what the wall clock says, and anew each second.
            words.extend(["FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_CACHE_DURATION=1"].map(str::to_owned));
        }
        words
    }

    /// Has a node's wall clock be wrong by `seconds`.
    pub fn set(&self, node: usize, seconds: i64) {
        std::fs::write(self.file(node), format!("{seconds:+}\n")).unwrap();
    }

    fn file(&self, node: usize) -> PathBuf {
        self.directory.join(format!("n{node}.clock"))
    }
}
