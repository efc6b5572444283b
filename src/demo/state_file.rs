//! The file that says what the demo has started: for `meridian demo down`, the tour, and curious people.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::DemoError;

/// Grows when the file's shape changes.
const VERSION: u32 = 1;

/// What the demo has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The shape of this file.
    version: u32,
    /// The process that runs Meridian and watches over the servers.
    pub process: i32,
    /// Whether the files stay when the demo ends.
    pub files: Files,
    /// The applications' user.
    pub app_user: String,
    /// Its password.
    pub app_password: String,
    /// The schema of the world's tables.
    pub schema: String,
    /// Where Meridian listens.
    pub units: Vec<UnitEntry>,
    /// The nodes of Meridian, each a process of its own; none where one process serves all units.
    #[serde(default)]
    pub nodes: Vec<NodeEntry>,
    /// The members of etcd, if the nodes share it.
    #[serde(default)]
    pub etcd: Vec<EtcdEntry>,
    /// The servers; complete only when all have been started.
    pub instances: Vec<InstanceEntry>,
}

/// Whether the files of the demo stay when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Files {
    /// They are removed.
    Remove,
    /// They stay, for people who want to read logs; the next demo in this directory removes them.
    Keep,
}

/// Meridian's ports of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitEntry {
    /// The unit.
    pub name: String,
    /// Where applications connect.
    pub mysql_port: u16,
    /// Where operators connect.
    pub console_port: u16,
}

/// One node of Meridian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Where applications connect.
    pub mysql_port: u16,
    /// Where operators connect.
    pub console_port: u16,
    /// Its configuration.
    pub config: PathBuf,
}

impl NodeEntry {
    /// The argument by which its process is known.
    pub fn argument(&self) -> String {
        format!("--config={}", self.config.display())
    }
}

/// One member of etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EtcdEntry {
    /// Its name.
    pub name: String,
    /// Where clients connect.
    pub client_port: u16,
}

impl EtcdEntry {
    /// How an argument of its process ends, and of no other's.
    pub fn argument(&self) -> String {
        format!("//127.0.0.1:{}", self.client_port)
    }
}

/// One database server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceEntry {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// `primary` or `replica`.
    pub role: String,
    /// The GTID domain of what it writes.
    pub domain: u32,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    /// Its directory, with `server.sock`, `error.log` and `general.log`.
    pub directory: PathBuf,
}

/// Where the state file of a demo directory lies.
pub fn path_in(directory: &Path) -> PathBuf {
    directory.join("demo.json")
}

impl State {
    /// A state with the present version and this process.
    pub fn new(layout: &super::layout::Layout, files: Files) -> State {
        let unit = |unit: &super::layout::UnitLayout| UnitEntry {
            name: unit.name.to_owned(),
            mysql_port: unit.mysql_port,
            console_port: unit.console_port,
        };
        State {
            version: VERSION,
            process: rustix::process::getpid().as_raw_nonzero().get(),
            files,
            app_user: layout.accounts.app_user.clone(),
            app_password: layout.accounts.app_password.clone(),
            schema: layout.accounts.schema.clone(),
            units: layout.units.iter().map(unit).collect(),
            nodes: Vec::new(),
            etcd: Vec::new(),
            instances: Vec::new(),
        }
    }

    /// Writes the file, whole or not at all. Errors: the system's.
    pub fn write(&self, directory: &Path) -> Result<(), DemoError> {
        let path = path_in(directory);
        let text = serde_json::to_string_pretty(self).map_err(|error| unreadable(&path, error.to_string()))?;
        super::directory::write_private(&path, &text)
    }

    /// Reads the file. Errors: there is none, or it is not of this version.
    pub fn read(directory: &Path) -> Result<State, DemoError> {
        let path = path_in(directory);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DemoError::NotRunning(directory.to_path_buf()));
            }
            Err(error) => return Err(DemoError::file("read", &path)(error)),
        };
        let state: State = serde_json::from_str(&text).map_err(|error| unreadable(&path, error.to_string()))?;
        if state.version != VERSION {
            return Err(unreadable(&path, format!("version {}, expected {VERSION}", state.version)));
        }
        Ok(state)
    }
}

fn unreadable(path: &Path, reason: String) -> DemoError {
    DemoError::StateFile { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::layout::{Accounts, Layout};
    use super::*;

    #[test]
    fn a_state_file_of_another_version_is_refused() {
        let base = tempfile::tempdir().unwrap();
        assert!(matches!(State::read(base.path()), Err(DemoError::NotRunning(_))));
        let accounts = Accounts { app_user: "a".into(), app_password: "b".into(), schema: "c".into() };
        let mut state = State::new(
            &Layout { units: Vec::new(), accounts, servers: Default::default(), nodes: Default::default() },
            Files::Remove,
        );
        state.write(base.path()).unwrap();
        assert_eq!(State::read(base.path()).unwrap(), state);
        state.version = VERSION + 1;
        state.write(base.path()).unwrap();
        assert!(matches!(State::read(base.path()), Err(DemoError::StateFile { .. })));
    }
}
