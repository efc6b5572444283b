//! A directory for servers that other users' server processes can pass through.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary directory with a short path, removed at the end.
#[derive(Debug)]
pub struct Place {
    _directory: TempDir,
    path: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::Builder::new().prefix("meridian-it-").tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let path = directory.path().canonicalize().unwrap();
        Place { _directory: directory, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
