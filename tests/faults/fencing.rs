//! The fencing command of the nodes: it kills a unit's primary for certain, where the run has it do so, and can do nothing otherwise.

use std::path::{Path, PathBuf};

/// What the nodes are configured with.
pub struct Fencing {
    directory: PathBuf,
}

/// Told by its environment which instance; its arguments are a directory of one file for each instance it may kill, which holds where that one
/// keeps the file with its process number.
const COMMAND: &str = "\
place=$(cat \"$0/$MERIDIAN_INSTANCE\" 2>/dev/null) || exit 1
pid=$(cat \"$place\") || exit 1
kill -9 \"$pid\" 2>/dev/null
while [ -r \"/proc/$pid/exe\" ] && [ -n \"$(tr -d '\\0' <\"/proc/$pid/cmdline\")\" ]; do sleep 0.02; done
exit 0
";

impl Fencing {
    /// One that may kill nobody yet.
    pub fn new(directory: &Path) -> Fencing {
        let directory = directory.join("fencing");
        std::fs::create_dir(&directory).unwrap();
        Fencing { directory }
    }

    /// The program and its arguments.
    pub fn command(&self) -> Vec<String> {
        vec!["/bin/sh".to_owned(), "-c".to_owned(), COMMAND.to_owned(), self.directory.display().to_string()]
    }

    /// Lets it kill the server `instance`, whose process number stands in `pid_file`.
    pub fn permit(&self, instance: &str, pid_file: &Path) {
        std::fs::write(self.directory.join(instance), pid_file.display().to_string()).unwrap();
    }

    /// It may not any more.
    pub fn withdraw(&self, instance: &str) {
        std::fs::remove_file(self.directory.join(instance)).unwrap();
    }
}
