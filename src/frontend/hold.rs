//! Writes of scopes that are moving: they wait, and are decided anew when the move has ended. The client sees a pause and no error.

use std::sync::Arc;

use super::error_reply;
use super::session::{Request, Session, SessionEnd};
use crate::control::{HeldPlace, NotHeld, WriteTicket};
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

    /// A ticket for the scopes of a write; none for a read, nor for a transaction that holds tickets for all of them already. `None` when
    /// the state moved on since the snapshot was taken.
    pub(super) fn enter_gate(&self, route: &Route, snapshot: &Snapshot) -> Option<Option<WriteTicket>> {
        let written = self.transaction.written();
        if route.scopes.iter().all(|scope| written.contains(scope)) {
            return Some(None);
        }
        let session = self.presence.entry.id;
        self.worker.node.gate.enter(&route.scopes, snapshot.state.epoch, session).ok().map(Some)
    }
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
