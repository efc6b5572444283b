//! Whoever keeps a quarantine may know of it from before it ended: what takes part again by then is neither left closed nor cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use meridian::backend::{Pools, Reached};
use meridian::config;
use meridian::control::{Author, Command, Controller, MemoryStore, RowFences, Store, StoreError, apply};
use meridian::cutover::{
    Board, ControlAccount, EndSessions, FenceRows, ForceConfig, KillTarget, Leftovers, Lines, Mover, OwnRecords, Tools,
    event, goal, requests,
};
use meridian::demo::root_access::RootAccess;
use meridian::demo::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER, MONITOR_PASSWORD, MONITOR_USER};
use meridian::model::{
    AcknowledgedLoss, ClosureProof, ControlState, Epoch, Fence, GroupId, MoveId, MoveKind, Role, UnitId,
};
use meridian::shutdown;

use super::Revived;
use crate::scenarios::expect::until;
use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const GROUP: GroupId = GroupId(0);
const HZ: UnitId = UnitId(0);
const BJ: UnitId = UnitId(1);

/// A store in which hz takes part again right behind a look at it, so that whoever looked knows what is so no more.
struct Turning {
    kept: MemoryStore,
    /// Whether it happens behind the next look.
    is_due: AtomicBool,
    /// The looks since.
    looks: AtomicUsize,
    hz: RootAccess,
}

#[async_trait]
impl Store for Turning {
    async fn load(&self) -> Result<Option<ControlState>, StoreError> {
        let seen = self.kept.load().await?;
        self.looks.fetch_add(1, Ordering::SeqCst);
        if let Some(state) = seen.as_ref().filter(|_| self.is_due.swap(false, Ordering::SeqCst)) {
            let rejoined = apply(state, &Command::Rejoin { group: GROUP, unit: HZ }, &author()).unwrap();
            self.kept.compare_and_swap(Some(state.epoch), &rejoined).await?;
            // As REJOIN does; one that is dead stays as it is.
            drop(self.hz.run(&["SET GLOBAL read_only = 0".to_owned()]).await);
        }
        Ok(seen)
    }

    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
        self.kept.compare_and_swap(expected, next).await
    }

    async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        self.kept.former(epoch).await
    }

    async fn newer_than(&self, epoch: Epoch) -> Result<ControlState, StoreError> {
        self.kept.newer_than(epoch).await
    }
}

/// No transactions to end.
struct Nobody;

impl EndSessions for Nobody {
    fn target_of(&self, _session: u32) -> Option<KillTarget> {
        None
    }
}

fn author() -> Author {
    Author { by: "it".to_owned(), at: 0 }
}

fn account(user: &str, password: &str) -> ControlAccount {
    ControlAccount { user: user.to_owned(), password: password.to_owned(), tls: None, reserved: Arc::default() }
}

/// Leaves hz behind in a store of its own and keeps its quarantine, from the look behind which it ends until three later ones.
async fn keep_what_has_rejoined(databases: &Databases) {
    let directory = tempfile::tempdir().unwrap();
    let config = config::load(&Setup::shared(databases).write(directory.path())).unwrap();
    let (kept, is_due, looks) = (MemoryStore::default(), AtomicBool::new(false), AtomicUsize::new(0));
    let store = Arc::new(Turning { kept, is_due, looks, hz: databases.root_access("hz") });
    let shared: Arc<dyn Store> = Arc::<Turning>::clone(&store);
    let controller = Arc::new(Controller::start(shared, config.state.clone(), config.hold).await.unwrap());
    let parts = goal::owned_by(&controller.newest(), GROUP, HZ, BJ);
    let begin = Command::BeginMove { parts, kind: MoveKind::Forced, runner: String::new(), skipped: None };
    let begun = controller.change(&begin, &author(), None).await.unwrap();
    let (id, proof, reason) = (MoveId(begun.epoch.0), ClosureProof::Drained, "a drill".to_owned());
    let node = config.node.name.clone();
    let publish = Command::PublishForced { id, proof, cut: String::new(), nodes: vec![node.clone()], reason };
    controller.change(&publish, &author(), None).await.unwrap();
    // Said already, so that nothing but the keeping itself reads or changes what is stored.
    let said = AcknowledgedLoss::NotKnown;
    let record = Command::RecordAcknowledged { group: GROUP, unit: HZ, node: node.clone(), said };
    controller.change(&record, &author(), None).await.unwrap();
    assert_eq!(controller.newest().quarantines.len(), 1);

    let reached = config.state.instances.iter();
    let reached = reached.map(|instance| Reached { address: instance.address.clone(), announce: None });
    let pools = Pools::new(config.backend.clone(), reached.collect(), 1, None);
    let monitor = account(MONITOR_USER, MONITOR_PASSWORD);
    let tools = Tools {
        controller: Arc::clone(&controller),
        account: monitor.clone(),
        lines: Arc::new(Lines::new(monitor.clone())),
        administrator: account(ADMINISTRATOR_USER, ADMINISTRATOR_PASSWORD),
        applications: Vec::new(),
        strict_checks: Vec::new(),
        sessions: Arc::new(Nobody),
        leftovers: Leftovers::none(),
        peers: None,
        rows: Arc::new(FenceRows::new(Arc::new(RowFences::new(&[Fence::None])), monitor)),
        records: OwnRecords { node, pools },
    };
    let (events, _told) = event::events();
    let mover = Mover::new(tools, config.moves, ForceConfig::default(), Arc::new(Board::default()), events);
    let ((_requests, inbox), (stop, stopped)) = (requests(), shutdown::channel());
    store.looks.store(0, Ordering::SeqCst);
    store.is_due.store(true, Ordering::SeqCst);
    let keeping = tokio::spawn(Arc::new(mover).serve(inbox, stopped));
    // Nobody tells this process of newer states, so that it believes in the quarantine until it reads otherwise.
    let knows_better = || controller.newest().quarantines.is_empty();
    until("it has looked again", PATIENCE, async || store.looks.load(Ordering::SeqCst) >= 5 || knows_better()).await;
    stop.tell();
    keeping.await.unwrap();
}

#[tokio::test]
async fn what_takes_part_again_is_neither_left_closed_nor_cut_off_by_whoever_knows_of_its_quarantine_from_before() {
    let databases = &Databases::own().await;
    let log = databases.general_log("hz", Role::Primary);
    let closings = || std::fs::read_to_string(&log).unwrap().matches("SET GLOBAL read_only = 1").count();
    let before = closings();
    keep_what_has_rejoined(databases).await;
    assert_eq!(closings() - before, 1, "it was closed from what was known before, and later looks left it alone");
    assert_eq!(databases.value("hz", Role::Primary, "SELECT @@GLOBAL.read_only").await, "0", "and opened again");
    assert_eq!(databases.channels("bj").await, ["from_hz"]);

    // One that does not answer at the moment is taken for lost, if it still is.
    let _revived = Revived::kill(log.parent().unwrap()).await;
    keep_what_has_rejoined(databases).await;
    assert_eq!(databases.channels("bj").await, ["from_hz"], "it goes on when its server is back");
}
