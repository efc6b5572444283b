//! A MariaDB server for one test, and replicas of it.

use std::path::PathBuf;
use std::time::Duration;

use meridian::demo::instance::{Instance, InstanceSettings};
use meridian::demo::ports;
use meridian::demo::replication::{self, LOCAL_CHANNEL, follow, wait_until_applied};
use meridian::demo::root_access::RootAccess;
use meridian::demo::template::Template;
use meridian::model::Role;

use super::Place;

/// A running MariaDB server. Its `root` has no password and comes through the socket alone.
#[derive(Debug)]
pub struct MariaDb {
    /// Killed before its directory is removed: fields are dropped in this order.
    instance: Instance,
    _place: Place,
}

impl MariaDb {
    /// A primary with `options` added to those of the demo.
    pub async fn start(options: &[&str]) -> MariaDb {
        let server = MariaDb::start_as(Role::Primary, 1, options).await;
        let accounts = ["SET SESSION sql_log_bin = 0".to_owned(), replication::account(), replication::grant()];
        server.root().run(&accounts).await.unwrap();
        server
    }

    /// A read-only replica of this server.
    pub async fn replica(&self, server_id: u32) -> MariaDb {
        let replica = MariaDb::start_as(Role::Replica, server_id, &[]).await;
        follow(&replica.root(), LOCAL_CHANNEL, self.port()).await.unwrap();
        self.wait_until_applied_at(&replica).await;
        replica
    }

    /// Waits until `replica` has everything this server has.
    pub async fn wait_until_applied_at(&self, replica: &MariaDb) {
        wait_until_applied(&self.root(), &replica.root(), None, Duration::from_secs(60)).await.unwrap();
    }

    pub fn root(&self) -> RootAccess {
        self.instance.root()
    }

    pub fn port(&self) -> u16 {
        self.instance.port()
    }

    pub fn socket(&self) -> PathBuf {
        self.instance.socket()
    }

    /// What it executed, as its general log tells it.
    pub fn general_log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.instance.general_log()).unwrap()).into_owned()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.instance.process().kill();
    }

    async fn start_as(role: Role, server_id: u32, options: &[&str]) -> MariaDb {
        let place = Place::new();
        let template = tokio::task::spawn_blocking(Template::prepare).await.unwrap().unwrap();
        let settings = InstanceSettings {
            name: format!("mariadb-{server_id}"),
            role,
            server_id,
            domain: 1,
            id_stride: 1,
            port: ports::free_port().unwrap(),
            ignored: Vec::new(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let instance = Instance::start(&template, place.path(), settings).await.unwrap();
        MariaDb { instance, _place: place }
    }
}
