//! Under which operating-system user the servers run: ourselves, or `mysql` when we are root.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::DemoError;

/// The user of the servers' processes and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerUser {
    /// The user who runs this program.
    Ourselves,
    /// Another user, because MariaDB is not run as root without need.
    Other {
        /// Its name.
        name: String,
        /// Its number.
        uid: u32,
        /// Its group's number.
        gid: u32,
    },
    /// Root, because the package's user does not exist.
    Root,
}

impl ServerUser {
    /// What fits this machine.
    pub fn detect() -> ServerUser {
        if !rustix::process::geteuid().is_root() {
            return ServerUser::Ourselves;
        }
        match (number_of("-u"), number_of("-g")) {
            (Some(uid), Some(gid)) => ServerUser::Other { name: "mysql".to_owned(), uid, gid },
            _ => ServerUser::Root,
        }
    }

    /// The option a server needs for it; none when it simply runs as ourselves.
    pub fn option(&self) -> Option<String> {
        match self {
            ServerUser::Ourselves => None,
            ServerUser::Other { name, .. } => Some(format!("--user={name}")),
            ServerUser::Root => Some("--user=root".to_owned()),
        }
    }

    /// Gives `path` to the user. Errors: the system's.
    pub fn take(&self, path: &Path) -> Result<(), DemoError> {
        match self {
            ServerUser::Ourselves | ServerUser::Root => Ok(()),
            ServerUser::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(DemoError::file("change the owner of", path))
            }
        }
    }
}

fn number_of(which: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "mysql"]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
