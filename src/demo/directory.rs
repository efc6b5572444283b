//! The demo's directory: claimed by one demo at a time, and removed only if a demo made what is in it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::DemoError;
use super::state_file;

/// Where the demo lives unless it is told otherwise: one place per user, with a short path because sockets lie below it.
pub fn default_directory() -> PathBuf {
    std::env::temp_dir().join(format!("meridian-demo-{}", rustix::process::geteuid().as_raw()))
}

/// The claim on a directory; it ends with the process that holds it, however that ends.
#[derive(Debug)]
pub struct Claim {
    directory: PathBuf,
    _lock: File,
}

impl Claim {
    /// Makes the directory if there is none and claims it. Errors: another demo runs there, or it is not ours.
    pub fn take(directory: &Path) -> Result<Claim, DemoError> {
        std::fs::create_dir_all(directory).map_err(DemoError::file("create", directory))?;
        let directory = directory.canonicalize().map_err(DemoError::file("find", directory))?;
        refuse_foreign(&directory)?;
        // The servers run under a user of their own, who must be able to pass; each instance's directory is closed.
        let passable = std::fs::Permissions::from_mode(0o711);
        std::fs::set_permissions(&directory, passable).map_err(DemoError::file("open to the servers", &directory))?;
        match lock(&directory)? {
            Some(lock) => Ok(Claim { directory, _lock: lock }),
            None => Err(DemoError::AlreadyRunning(directory)),
        }
    }

    /// Claims the directory of a demo that has ended without tidying up. `None` while that demo lives, or when there is nothing.
    pub fn take_abandoned(directory: &Path) -> Result<Option<Claim>, DemoError> {
        if !state_file::path_in(directory).exists() {
            return Ok(None);
        }
        refuse_foreign(directory)?;
        let lock = lock(directory)?;
        Ok(lock.map(|lock| Claim { directory: directory.to_path_buf(), _lock: lock }))
    }

    /// The claimed directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes everything in it but the lock. Errors: the system's.
    pub fn clear(&self) -> Result<(), DemoError> {
        for entry in std::fs::read_dir(&self.directory).map_err(DemoError::file("read", &self.directory))? {
            let path = entry.map_err(DemoError::file("read", &self.directory))?.path();
            if path == lock_path(&self.directory) || path == state_file::path_in(&self.directory) {
                continue;
            }
            remove(&path)?;
        }
        // Last, because it is what lets a second attempt find the rest.
        let state = state_file::path_in(&self.directory);
        if state.exists() { remove(&state) } else { Ok(()) }
    }

    /// Removes the directory and everything in it. Errors: the system's.
    pub fn remove(self) -> Result<(), DemoError> {
        self.clear()?;
        remove(&self.directory)
    }
}

/// Writes a file only its owner can read, because it holds passwords; whoever reads it meanwhile finds the old file or the new one, whole. Errors: the system's.
pub fn write_private(path: &Path, text: &str) -> Result<(), DemoError> {
    let part = path.with_extension("part");
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| std::fs::rename(&part, path)).map_err(DemoError::file("write", path))
}

fn remove(path: &Path) -> Result<(), DemoError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(DemoError::file("remove", path))
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.join("lock")
}

fn lock(directory: &Path) -> Result<Option<File>, DemoError> {
    let path = lock_path(directory);
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(DemoError::file("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(DemoError::file("lock", &path)(error.into())),
    }
}

/// A directory in a place everybody can write to may have been laid out by somebody else.
fn refuse_foreign(directory: &Path) -> Result<(), DemoError> {
    let metadata = std::fs::symlink_metadata(directory).map_err(DemoError::file("read", directory))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || !metadata.is_dir() {
        return Err(DemoError::NotOurDirectory(directory.to_path_buf()));
    }
    if state_file::path_in(directory).exists() {
        return Ok(());
    }
    let lock = lock_path(directory);
    let entries = std::fs::read_dir(directory).map_err(DemoError::file("read", directory))?;
    if entries.flatten().any(|entry| entry.path() != lock) {
        return Err(DemoError::ForeignDirectory(directory.to_path_buf()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_directory_has_one_demo_at_a_time() {
        let base = tempfile::tempdir().unwrap();
        let claim = Claim::take(base.path()).unwrap();
        assert!(matches!(Claim::take(base.path()), Err(DemoError::AlreadyRunning(_))));
        drop(claim);
        Claim::take(base.path()).unwrap().remove().unwrap();
        assert!(!base.path().exists());
    }

    #[test]
    fn a_file_that_is_written_again_is_never_seen_empty() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("users.toml");
        write_private(&path, "first").unwrap();
        let mut opened_before = File::open(&path).unwrap();
        write_private(&path, "second").unwrap();
        let mut seen = String::new();
        std::io::Read::read_to_string(&mut opened_before, &mut seen).unwrap();
        assert_eq!((seen.as_str(), std::fs::read_to_string(&path).unwrap().as_str()), ("first", "second"));
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn somebody_s_files_are_never_taken_for_ours() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("thesis.txt"), "precious").unwrap();
        assert!(matches!(Claim::take(base.path()), Err(DemoError::ForeignDirectory(_))));
        assert!(base.path().join("thesis.txt").exists());
    }
}
