//! Disks that fill: a unit's primary and a member of etcd keep their files on small file systems of their own, in memory.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is left on a disk beside what it holds at first; a run writes less.
const SPARE_MIB: u64 = 256;

/// A file system of its own, below a directory. Dropping it unmounts it.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Puts the directory `at`, which nobody uses meanwhile, on a disk of its own. Errors: why there can be none here.
    pub fn under(at: &Path) -> Result<Disk, String> {
        let (path, aside) = (at.display().to_string(), format!("{}-aside", at.display()));
        let holds = said("du", &["--summarize", "--block-size=1M", "--apparent-size", &path])?;
        let holds: u64 = holds.split_whitespace().next().and_then(|mib| mib.parse().ok()).ok_or(holds)?;
        said("mv", &[&path, &aside])?;
        said("mkdir", &[&path])?;
        let size = format!("size={}m", holds + SPARE_MIB);
        said("mount", &["-t", "tmpfs", "-o", &size, "meridian-faults", &path])?;
        let disk = Disk { at: at.to_owned() };
        said("cp", &["--archive", "--no-target-directory", &aside, &path])?;
        said("rm", &["--recursive", &aside])?;
        Ok(disk)
    }

    /// Leaves no byte of room on it.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            match filler.write_all(&vec![7; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("filling {}: {error}", self.at.display()),
            }
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = said("umount", &["--lazy", &self.at.display().to_string()]);
    }
}

fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
