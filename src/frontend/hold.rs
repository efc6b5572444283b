//! Writes of scopes that are moving: they wait, and are decided anew when the move has ended. The client sees a pause and no error.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::checkout::is_out_of_reach;
use super::error_reply;
use super::request::Request;
use super::session::{Session, SessionEnd};
use crate::control::{HeldPlace, HoldingRoom, NotEntered, NotHeld, WriteTicket};
use crate::fault::ClientText;
use crate::model::{Epoch, MoveId, Snapshot};
use crate::route::Route;

/// What became of a write that had to wait.
pub(super) enum Held {
    /// The move has ended: decide again. The place is to be dropped once the gate is passed, so that those behind follow in order.
    Released(HeldPlace),
    /// The client was told that it waited for nothing; the statement was not sent.
    Refused,
}

/// What became of a write that the row of its scope did not let in.
pub(super) enum Row {
    /// Something has changed, or some time has passed: decide again.
    AskAgain,
    /// The client was told that it waited for nothing; the statement was not sent.
    Refused,
}

/// A write that waits before a row: its place among those that wait, and until when.
pub(super) struct BeforeRow {
    _place: HeldPlace,
    until: Instant,
}

/// Between two looks at whether a row lets a write in, where nothing else tells that it may.
const LOOK: Duration = Duration::from_millis(20);

impl Session {
    /// Waits for a newer state than that of `epoch`, or for a moment: the row may be ahead of this node, or behind it. Errors: the session was
    /// ended meanwhile.
    pub(super) async fn hold_for_row(
        &mut self,
        before: &mut Option<Box<BeforeRow>>,
        epoch: Epoch,
        request: &Request,
    ) -> Result<Row, SessionEnd> {
        let (room, entry) = (Arc::clone(&self.worker.node.room), Arc::clone(&self.presence.entry));
        if before.is_none() {
            match room.place(request.command.packet.len()) {
                Ok(place) => {
                    *before = Some(Box::new(BeforeRow { _place: place, until: Instant::now() + room.patience() }))
                }
                Err(why) => return self.not_let_in_time(why, request).await,
            }
        }
        let waited = before.as_ref().is_none_or(|before| Instant::now() >= before.until);
        if waited {
            return self.not_let_in_time(NotHeld::Expired, request).await;
        }
        let gate = Arc::clone(&self.worker.node.gate);
        tokio::select! {
            biased;
            () = entry.killed() => Err(SessionEnd::Killed),
            () = gate.advanced_beyond(epoch) => Ok(Row::AskAgain),
            () = sleep(LOOK) => Ok(Row::AskAgain),
        }
    }

    async fn not_let_in_time(&mut self, why: NotHeld, request: &Request) -> Result<Row, SessionEnd> {
        tracing::warn!(
            session = self.presence.entry.id,
            ?why,
            "a write that the fence's row did not let in was refused"
        );
        self.send(&error_reply::text(&not_let_in(why), request.reply_sequence())).await?;
        Ok(Row::Refused)
    }

    /// Waits for the end of move `id`. Errors: the session was ended meanwhile, or the client is gone.
    pub(super) async fn hold(&mut self, id: MoveId, request: &Request) -> Result<Held, SessionEnd> {
        let room = Arc::clone(&self.worker.node.room);
        let entry = Arc::clone(&self.presence.entry);
        let waited = tokio::select! {
            biased;
            () = entry.killed() => return Err(SessionEnd::Killed),
            waited = self.wait_without_comfort(&room, id, request.command.packet.len()) => waited,
        };
        match waited {
            Ok(place) => Ok(Held::Released(place)),
            Err(why) => {
                tracing::warn!(session = entry.id, r#move = id.0, ?why, "a held write was refused");
                self.send(&error_reply::text(&not_held(why), request.reply_sequence())).await?;
                Ok(Held::Refused)
            }
        }
    }

    /// Waits in the room. Meanwhile a connection that is kept for what the last reply left goes back: asked afterwards, a former owner that is far
    /// away would keep the write from the new one for as long again.
    async fn wait_without_comfort(
        &mut self,
        room: &Arc<HoldingRoom>,
        id: MoveId,
        bytes: usize,
    ) -> Result<HeldPlace, NotHeld> {
        let mut waiting = pin!(room.wait(id, bytes));
        let Some(instance) = self.comfort().map(|held| held.checkout.connection.instance) else { return waiting.await };
        let node = self.node();
        let mut giving = Box::pin(self.give_up_comfort());
        let waited = tokio::select! {
            biased;
            waited = &mut waiting => waited,
            () = &mut giving => return waiting.await,
        };
        // As wherever a write goes to another instance; only who cannot answer is not waited for.
        if !is_out_of_reach(&node.snapshots.load(), instance) {
            giving.await;
        }
        waited
    }

    /// A ticket for the scopes of a write; none for a read, nor for a transaction that holds tickets for all of them already.
    /// Errors: the state moved on since the snapshot was taken; or this node may not write.
    pub(super) fn enter_gate(&self, route: &Route, snapshot: &Snapshot) -> Result<Option<WriteTicket>, NotEntered> {
        let written = self.transaction.written();
        if route.scopes.iter().all(|scope| written.contains(scope)) {
            return Ok(None);
        }
        let session = self.presence.entry.id;
        self.worker.node.gate.enter(&route.scopes, snapshot.state.epoch, session).map(Some)
    }

    /// Whether a statement may go out on the connection that is there now: a read always, a write while this node has its lease.
    /// Asked after the connection was made: then whoever ends every connection this node had at the end of its lease, ends all its writes.
    pub(super) fn may_go_out(&self, route: &Route) -> bool {
        route.scopes.is_empty() || self.worker.node.gate.has_lease()
    }
}

/// What the client of a write reads at a node that has lost its lease.
pub(super) fn no_lease() -> ClientText {
    let message = "meridian: this node has not reached the control store in time and may not write until it has; \
                   nothing was sent, try again or use another node";
    ClientText { errno: 1290, sqlstate: "HY000", message: message.to_owned() }
}

/// What the client of a write reads that the fence of its scope has not let in: an error that drivers and frameworks try again.
fn not_let_in(why: NotHeld) -> ClientText {
    let why = match why {
        NotHeld::Full => "keeps too many writes waiting",
        NotHeld::Expired => "has not let this write in in time",
    };
    let message = format!(
        "meridian: the fence at the primary {why}: ownership of this data is moving, or the primary's lease has run out; nothing was sent, try again"
    );
    ClientText { errno: 1205, sqlstate: "HY000", message }
}

/// What the client of a held write reads: an error that drivers and frameworks try again.
fn not_held(why: NotHeld) -> ClientText {
    let why = match why {
        NotHeld::Full => "too many writes wait for it",
        NotHeld::Expired => "it has not ended in time",
    };
    let message = format!("meridian: ownership of this data is moving and {why}; nothing was sent, try again");
    ClientText { errno: 1205, sqlstate: "HY000", message }
}
