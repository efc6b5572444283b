//! Writes of scopes that are moving: they wait, and are decided anew when the move has ended. The client sees a pause and no error.

use std::sync::Arc;

use super::error_reply;
use super::session::{Request, Session, SessionEnd};
use crate::control::{HeldPlace, NotEntered, NotHeld, WriteTicket};
use crate::fault::ClientText;
use crate::model::{MoveId, Snapshot};
use crate::route::Route;

/// What became of a write that had to wait.
pub(super) enum Held {
    /// The move has ended: decide again. The place is to be dropped once the gate is passed, so that those behind follow in order.
    Released(HeldPlace),
    /// The client was told that it waited for nothing; the statement was not sent.
    Refused,
}

impl Session {
    /// Waits for the end of move `id`. Errors: the session was ended meanwhile, or the client is gone.
    pub(super) async fn hold(&mut self, id: MoveId, request: &Request) -> Result<Held, SessionEnd> {
        let room = Arc::clone(&self.worker.node.room);
        let entry = Arc::clone(&self.presence.entry);
        let waited = tokio::select! {
            biased;
            () = entry.killed() => return Err(SessionEnd::Killed),
            waited = room.wait(id, request.command.packet.len()) => waited,
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

/// What the client of a held write reads: an error that drivers and frameworks try again.
fn not_held(why: NotHeld) -> ClientText {
    let why = match why {
        NotHeld::Full => "too many writes wait for it",
        NotHeld::Expired => "it has not ended in time",
    };
    let message = format!("meridian: ownership of this data is moving and {why}; nothing was sent, try again");
    ClientText { errno: 1205, sqlstate: "HY000", message }
}
