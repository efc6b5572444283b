//! A worker: one thread, one runtime, and what its sessions share without locks.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use tokio::task::JoinSet;

use crate::backend::Pools;
use crate::control::catalog_requests::CatalogRequests;
use crate::control::mapping_requests::MappingRequests;
use crate::control::{HoldingRoom, RowFences, SeenSnapshot, SnapshotReader, Snapshots, WriteGate};
use crate::net::rsa_key::RsaKey;
use crate::sql::PlanCache;

use super::branches::PreparedBranches;
use super::config::Limits;
use super::mappings::Mappings;
use super::registry::Registry;
use super::tally::Tally;
use super::users::Users;

/// What all sessions of the process share.
#[derive(Debug)]
pub struct Node {
    /// What a decision sees.
    pub snapshots: Arc<Snapshots>,
    /// The gate in the path of every write.
    pub gate: Arc<WriteGate>,
    /// Where writes of moving scopes wait.
    pub room: Arc<HoldingRoom>,
    /// Connections to instances.
    pub pools: Arc<Pools>,
    /// Live sessions.
    pub registry: Arc<Registry>,
    /// Who may log in.
    pub users: Arc<Users>,
    /// Bounds.
    pub limits: Arc<ArcSwap<Limits>>,
    /// Where DDL is told of.
    pub catalog: CatalogRequests,
    /// Who looks up keys that tables map.
    pub mappings: MappingRequests,
    /// Whose writes compare rows.
    pub row_fences: Arc<RowFences>,
    /// Which branches were prepared by this process's sessions, and where.
    pub branches: PreparedBranches,
    /// What was refused, and what would have been.
    pub tally: Tally,
    /// The key for caching_sha2_password on plain TCP.
    pub rsa: RsaKey,
}

/// How much one read takes from a socket.
pub const SCRATCH: usize = 64 * 1024;

/// How many buffers of commands a worker keeps at most, and how large one of them may be: a megabyte in all.
const SPARES: usize = 64;
const SPARE_CAPACITY: usize = 16 * 1024;

/// What the sessions of one thread share.
pub struct Worker {
    /// Its number, which is its shelf in the pools.
    pub number: usize,
    /// What all workers share.
    pub node: Arc<Node>,
    /// Read into and written from within one poll; never held across an await.
    pub scratch: RefCell<Box<[u8]>>,
    /// The plans of this thread's statements.
    pub plans: RefCell<PlanCache>,
    /// What this thread's sessions have looked up.
    pub mappings: RefCell<Mappings>,
    /// Buffers given back, for the next commands: the last one is still in the processor's cache.
    spare: RefCell<Vec<Vec<u8>>>,
    snapshots: SnapshotReader,
    limits: RefCell<Cache<Arc<ArcSwap<Limits>>, Arc<Limits>>>,
    /// What goes on after its session.
    outliving: RefCell<JoinSet<()>>,
}

impl Worker {
    /// A worker without sessions.
    pub fn new(number: usize, node: Arc<Node>) -> Worker {
        let plans = RefCell::new(PlanCache::new(node.limits.load().plan_cache));
        let scratch = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
        let snapshots = SnapshotReader::new(Arc::clone(&node.snapshots));
        let limits = RefCell::new(Cache::new(Arc::clone(&node.limits)));
        let (mappings, spare, outliving) = (RefCell::default(), RefCell::default(), RefCell::default());
        Worker { number, node, scratch, plans, mappings, spare, snapshots, limits, outliving }
    }

    /// Something of the bounds as they are now, at the cost of one load.
    pub fn limit<T>(&self, of: impl FnOnce(&Limits) -> T) -> T {
        of(self.limits.borrow_mut().load())
    }

    /// What decisions see from now on.
    pub fn snapshot(&self) -> SeenSnapshot {
        self.snapshots.load()
    }

    /// Lets `task` go on after its session, as long as the worker lives.
    pub fn outlive(&self, task: impl Future<Output = ()> + 'static) {
        let mut outliving = self.outliving.borrow_mut();
        while let Some(ended) = outliving.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "what outlived a session ended by a panic");
            }
        }
        outliving.spawn_local(task);
    }

    /// An empty buffer for one command; the one last given back, if it is there.
    pub fn buffer(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a buffer back for the next command; a large one is freed, and so is what more sessions left than are busy at once.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if buffer.capacity() <= SPARE_CAPACITY && spare.len() < SPARES {
            buffer.clear();
            spare.push(buffer);
        }
    }
}
