//! What a switch cannot be quicker than on this machine at this moment: four compare-and-swaps in etcd with their watch, and one row's way to the
//! other unit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meridian::config;
use meridian::control::{EtcdConfig, EtcdStore, Store};
use meridian::demo::state_file::State;
use meridian::demo::world::World;
use meridian::model::{ControlState, Epoch, Role};
use meridian::shutdown;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::sync::Mutex;

/// Measures it.
pub struct Floor {
    store: Arc<EtcdStore>,
    state: Mutex<ControlState>,
    source: Mutex<Conn>,
    target: Mutex<Conn>,
    _stop: shutdown::Stop,
}

impl Floor {
    /// A store of its own beside the nodes', and connections to both primaries.
    pub async fn open(state: &State, world: &World) -> Floor {
        let endpoints = state.etcd.iter().map(|one| format!("http://127.0.0.1:{}", one.client_port)).collect();
        let prefix = "/meridian/floor/".to_owned();
        let lease = Duration::from_secs(10);
        let etcd = EtcdConfig { endpoints, prefix, lease, login: None, authority: None, identity: None };
        let store = Arc::new(EtcdStore::open(&etcd).await.unwrap());
        let (stop, stopped) = shutdown::channel();
        tokio::spawn(Arc::clone(&store).follow(stopped));
        let first = config::load(&state.nodes[0].config).unwrap().state;
        store.compare_and_swap(None, &first).await.unwrap();
        let root = |unit| {
            let socket = world.instance(unit, Role::Primary).unwrap().socket();
            let options = OptsBuilder::default().socket(Some(socket.display().to_string())).user(Some("root"));
            Conn::new(options)
        };
        let (source, target) = (root("hz").await.unwrap(), root("bj").await.unwrap());
        Floor { store, state: Mutex::new(first), source: Mutex::new(source), target: Mutex::new(target), _stop: stop }
    }

    /// Once.
    pub async fn measure(&self) -> Duration {
        let (mut state, mut source, mut target) =
            (self.state.lock().await, self.source.lock().await, self.target.lock().await);
        let began = Instant::now();
        for _ in 0..4 {
            let last = state.epoch;
            state.epoch = Epoch(last.0 + 1);
            self.store.compare_and_swap(Some(last), &state).await.unwrap();
        }
        self.store.newer_than(Epoch(state.epoch.0 - 1)).await.unwrap();
        let position: Option<String> = source.query_first("SELECT @@GLOBAL.gtid_binlog_pos").await.unwrap();
        let domain = "1-";
        let own: Vec<&str> = position.as_deref().unwrap().split(',').filter(|part| part.starts_with(domain)).collect();
        if !own.is_empty() {
            let wait = format!("SELECT MASTER_GTID_WAIT('{}', 10)", own.join(","));
            let _: Option<i64> = target.query_first(wait).await.unwrap();
        }
        began.elapsed()
    }
}
