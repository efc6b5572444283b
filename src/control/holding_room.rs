//! Where writes of moving scopes wait: bounded in number, bytes and time, let go in the order they came.
//!
//! It decides nothing: who waits for which move is told by the decision, and whoever is let go decides anew.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::model::{ControlState, MoveId};

/// How many of those let go may be on their way to the gate at once: order, without the crowd falling upon the new owner together.
const LEAVING: usize = 32;

/// Bounds of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLimits {
    /// How many writes may wait.
    pub writes: usize,
    /// How many bytes of statements may wait.
    pub bytes: usize,
    /// How long one write waits at most.
    pub patience: Duration,
}

impl Default for HoldLimits {
    fn default() -> Self {
        HoldLimits { writes: 10_000, bytes: 64 << 20, patience: Duration::from_secs(10) }
    }
}

/// Why a write does not wait, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHeld {
    /// As many wait as may.
    Full,
    /// It waited as long as it may.
    Expired,
}

/// The room.
#[derive(Debug)]
pub struct HoldingRoom {
    limits: HoldLimits,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// The moves under way, with those who wait for each, the first first.
    waiting: HashMap<MoveId, VecDeque<oneshot::Sender<()>>>,
    /// Those whose move has ended, in order.
    released: VecDeque<oneshot::Sender<()>>,
    /// Those on their way to the gate.
    leaving: usize,
    writes: usize,
    bytes: usize,
}

/// A write's place in the room; dropped when the write has passed the gate, or is given up.
#[derive(Debug)]
pub struct HeldPlace {
    room: Arc<HoldingRoom>,
    told: Option<oneshot::Receiver<()>>,
    bytes: usize,
    leaving: bool,
}

impl HoldingRoom {
    /// An empty room.
    pub fn new(limits: HoldLimits) -> Arc<HoldingRoom> {
        Arc::new(HoldingRoom { limits, inside: Mutex::default() })
    }

    /// Makes room for the moves of `state`. To be told before the state is published: whoever decides to wait must find the move here.
    pub fn begin(&self, state: &ControlState) {
        let mut inside = self.inside();
        for record in &state.moves {
            inside.waiting.entry(record.id).or_default();
        }
    }

    /// Lets go who waits for a move that `state` does not have. To be told after the state is published: they must decide on it.
    pub fn end(&self, state: &ControlState) {
        let mut inside = self.inside();
        let ended: Vec<MoveId> =
            inside.waiting.keys().filter(|id| state.moves.iter().all(|record| record.id != **id)).copied().collect();
        for id in ended {
            let waiting = inside.waiting.remove(&id).unwrap_or_default();
            inside.released.extend(waiting);
        }
        inside.let_go();
    }

    /// Waits for the end of move `id` with a statement of `bytes`. At once, when it has ended already.
    /// Errors: the room is full; the wait was too long.
    pub async fn wait(self: &Arc<Self>, id: MoveId, bytes: usize) -> Result<HeldPlace, NotHeld> {
        let mut place = self.enter(Some(id), bytes)?;
        if let Some(told) = place.told.as_mut() {
            place.leaving = timeout(self.limits.patience, told).await.map_err(|_| NotHeld::Expired)?.is_ok();
            place.told = None;
        }
        Ok(place)
    }

    /// How many writes wait or are on their way out.
    pub fn writes(&self) -> usize {
        self.inside().writes
    }

    /// A place for a statement of `bytes` that waits for something other than a move's end. Errors: the room is full.
    pub fn place(self: &Arc<Self>, bytes: usize) -> Result<HeldPlace, NotHeld> {
        self.enter(None, bytes)
    }

    /// How long one write waits at most.
    pub fn patience(&self) -> Duration {
        self.limits.patience
    }

    fn enter(self: &Arc<Self>, id: Option<MoveId>, bytes: usize) -> Result<HeldPlace, NotHeld> {
        let mut inside = self.inside();
        if inside.writes >= self.limits.writes || inside.bytes.saturating_add(bytes) > self.limits.bytes {
            return Err(NotHeld::Full);
        }
        let told = id.and_then(|id| inside.waiting.get_mut(&id)).map(|waiting| {
            let (sender, told) = oneshot::channel();
            waiting.push_back(sender);
            told
        });
        inside.writes += 1;
        inside.bytes += bytes;
        Ok(HeldPlace { room: Arc::clone(self), told, bytes, leaving: false })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn let_go(&mut self) {
        while self.leaving < LEAVING {
            let Some(next) = self.released.pop_front() else { return };
            // Who has given up meanwhile takes no place.
            if next.send(()).is_ok() {
                self.leaving += 1;
            }
        }
    }
}

impl Drop for HeldPlace {
    fn drop(&mut self) {
        let mut inside = self.room.inside();
        inside.writes -= 1;
        inside.bytes -= self.bytes;
        // Who gave up may have been let go unheard; closed under the lock, so that it cannot be let go afterwards.
        let unheard = self.told.take().is_some_and(|mut told| {
            told.close();
            told.try_recv().is_ok()
        });
        if self.leaving || unheard {
            inside.leaving -= 1;
            inside.let_go();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;
    use crate::model::{Extent, GroupId, MoveKind, MovePart, MovePhase, MoveRecord, UnitId};

    const ID: MoveId = MoveId(2);

    fn moving() -> ControlState {
        let part = MovePart { extent: Extent::GlobalZone(GroupId(0)), source: UnitId(0), target: UnitId(1) };
        let record = MoveRecord {
            id: ID,
            parts: vec![part],
            kind: MoveKind::Planned,
            phase: MovePhase::Fenced,
            runner: String::new(),
            by: "dba".to_owned(),
            at: 1,
        };
        ControlState { moves: vec![record], ..sample::state() }
    }

    fn room(writes: usize, bytes: usize) -> Arc<HoldingRoom> {
        patient(writes, bytes, Duration::from_secs(60))
    }

    fn patient(writes: usize, bytes: usize, patience: Duration) -> Arc<HoldingRoom> {
        let room = HoldingRoom::new(HoldLimits { writes, bytes, patience });
        room.begin(&moving());
        room
    }

    #[tokio::test]
    async fn who_waits_is_let_go_at_the_end_of_the_move_in_the_order_of_coming() {
        let room = room(1000, 1 << 20);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..200 {
            let (waiter, order) = (Arc::clone(&room), Arc::clone(&order));
            waiting.spawn(async move {
                let place = waiter.wait(ID, 1).await.unwrap();
                order.lock().unwrap().push(number);
                drop(place);
            });
            while room.writes() <= number {
                tokio::task::yield_now().await;
            }
        }
        assert!(order.lock().unwrap().is_empty());
        room.end(&sample::state());
        waiting.join_all().await;
        assert_eq!(*order.lock().unwrap(), (0..200).collect::<Vec<_>>());
        assert_eq!(room.writes(), 0);
    }

    #[tokio::test]
    async fn the_room_is_bounded_in_number_bytes_and_time() {
        let full = patient(1, 100, Duration::from_millis(100));
        let first = tokio::spawn({
            let full = Arc::clone(&full);
            async move { full.wait(ID, 10).await.map(drop) }
        });
        while full.writes() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(full.enter(Some(ID), 1), Err(NotHeld::Full)));
        assert_eq!(first.await.unwrap(), Err(NotHeld::Expired));
        assert_eq!(room(9, 100).wait(ID, 101).await.unwrap_err(), NotHeld::Full);
        assert_eq!(full.writes(), 0);
    }

    #[tokio::test]
    async fn who_gives_up_keeps_nobody_else_from_leaving() {
        let room = room(1000, 1 << 20);
        let mut given_up = Vec::new();
        for _ in 0..100 {
            let waiter = Arc::clone(&room);
            given_up.push(tokio::spawn(async move { waiter.wait(ID, 1).await.map(drop) }));
        }
        let last = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.wait(ID, 1).await.map(drop) }
        });
        while room.writes() < 101 {
            tokio::task::yield_now().await;
        }
        room.end(&sample::state());
        given_up.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(last.await.unwrap(), Ok(()));
        for task in given_up {
            drop(task.await);
        }
        assert_eq!((room.writes(), room.inside().leaving), (0, 0));
    }

    #[tokio::test]
    async fn a_move_that_has_ended_holds_nobody() {
        let room = room(1, 100);
        room.end(&sample::state());
        drop(room.wait(ID, 1).await.unwrap());
        assert_eq!(room.inside().leaving, 0);
    }
}
