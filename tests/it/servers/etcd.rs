//! Real etcd for tests; where it is not installed, they say so and pass over.

use meridian::demo::etcd::Etcd;

use super::Place;

/// Members that end with the value.
#[derive(Debug)]
pub struct EtcdServers {
    pub etcd: Etcd,
    _place: Place,
}

impl EtcdServers {
    /// `count` members; `None`, said loudly, where etcd is not installed.
    pub async fn start(count: usize) -> Option<EtcdServers> {
        if !is_installed() {
            return None;
        }
        let place = Place::new();
        let etcd = Etcd::start(place.path(), count).await.unwrap_or_else(|error| panic!("{error}"));
        Some(EtcdServers { etcd, _place: place })
    }

    /// Members that run already in `place`.
    pub fn of(etcd: Etcd, place: Place) -> EtcdServers {
        EtcdServers { etcd, _place: place }
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
