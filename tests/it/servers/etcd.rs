//! Real etcd for tests; where it is not installed, they say so and pass over.

use std::path::{Path, PathBuf};
use std::process::Command;

use meridian::demo::etcd::Etcd;

use super::Place;

/// Members that end with the value.
#[derive(Debug)]
pub struct EtcdServers {
    pub etcd: Etcd,
    place: Place,
}

impl EtcdServers {
    /// `count` members; `None`, said loudly, where etcd is not installed.
    pub async fn start(count: usize) -> Option<EtcdServers> {
        if !is_installed() {
            return None;
        }
        let place = Place::new();
        let etcd = Etcd::start(place.path(), count).await.unwrap_or_else(|error| panic!("{error}"));
        Some(EtcdServers { etcd, place })
    }

    /// Members that run already in `place`.
    pub fn of(etcd: Etcd, place: Place) -> EtcdServers {
        EtcdServers { etcd, place }
    }

    /// Everything it holds, in a file, as `etcdctl snapshot save` gives it.
    pub fn snapshot(&self) -> PathBuf {
        let file = self.place.path().join("snapshot");
        etcdctl(&["--endpoints", &self.etcd.endpoints()[0], "snapshot", "save", file.to_str().unwrap()]);
        file
    }

    /// The only member, started anew with nothing but a snapshot.
    pub async fn restore(&mut self, snapshot: &Path) {
        self.etcd.kill(0);
        let data = self.place.path().join(self.etcd.members().next().unwrap().0);
        std::fs::remove_dir_all(&data).unwrap();
        etcdctl(&["snapshot", "restore", snapshot.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
        self.etcd.restart(0).unwrap();
        self.etcd.wait_for(0).await.unwrap();
    }

    /// The `[control]` section of a node that uses them.
    pub fn control(&self, further: &str) -> String {
        let endpoints = self.etcd.endpoints();
        format!("[control]\nstore = \"etcd\"\nendpoints = {endpoints:?}\n{further}\n")
    }
}

/// Whether etcd is there; says so when it is not.
pub fn is_installed() -> bool {
    let installed = Etcd::program().is_some();
    if !installed {
        eprintln!("NOT CHECKED: etcd is not installed (scripts/test installs it as package etcd-server)");
    }
    installed
}

fn etcdctl(arguments: &[&str]) {
    let done = Command::new("etcdctl").env("ETCDCTL_API", "3").args(arguments).output().unwrap();
    assert!(done.status.success(), "etcdctl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
