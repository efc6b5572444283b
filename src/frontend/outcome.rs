//! How far a statement was carried, and what becomes of a session whose connection breaks under one.

use super::error_reply;
use super::held::Held;
use super::relay::RelayError;
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::transaction::{Autocommit, Opening};
use crate::control::WriteTicket;
use crate::sql::Statement;

/// Why a statement was not carried to its end.
pub(super) enum NotCarried {
    /// The client is told with this packet; the session goes on.
    Told(Vec<u8>),
    /// The client is told with this packet, and what it had on the connection is lost: the session is over, so that the rest of a
    /// broken transaction is never carried out by itself.
    Last(Vec<u8>),
    /// The session ends.
    Over(SessionEnd),
}

/// How far a statement was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// To its end, whatever that was.
    ToItsEnd,
    /// Nowhere: the row of its scope does not let it in as it was decided. It was not sent.
    NotLetIn,
    /// Nowhere yet: its transaction was committed ahead of it, and it is to be decided anew.
    Again,
}

/// Whether a statement whose reply was lost may have had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayHaveRun {
    Yes,
    No,
}

impl MayHaveRun {
    fn of(statement: &Statement) -> MayHaveRun {
        let harmless = statement.plan.statements.iter().all(|facts| facts.repeatable);
        if harmless { MayHaveRun::No } else { MayHaveRun::Yes }
    }
}

/// What goes with a connection that breaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    may_have_run: MayHaveRun,
    /// The statement began a transaction.
    begun: bool,
}

impl Loss {
    pub(super) fn of(may_have_run: MayHaveRun) -> Loss {
        Loss { may_have_run, begun: false }
    }

    /// Of a COMMIT.
    pub(super) fn commit() -> Loss {
        Loss { may_have_run: MayHaveRun::Yes, begun: true }
    }

    /// Of a statement that was not sent.
    pub(super) fn none(begun: bool) -> Loss {
        Loss { may_have_run: MayHaveRun::No, begun }
    }
}

impl Session {
    /// Tells the client why its statement was not carried.
    pub(super) async fn tell(&mut self, not_carried: NotCarried) -> Result<(), SessionEnd> {
        match not_carried {
            NotCarried::Told(packet) => self.send(&packet).await,
            NotCarried::Last(packet) => {
                self.send(&packet).await?;
                Err(SessionEnd::Backend)
            }
            NotCarried::Over(end) => Err(end),
        }
    }

    /// What goes with the connection when it breaks under `statement`.
    pub(super) fn loss(&self, statement: &Statement, opening: &Opening) -> Loss {
        let begun = opening.begun || self.autocommit == Autocommit::Off;
        Loss { may_have_run: MayHaveRun::of(statement), begun }
    }

    /// The backend broke: the transaction is lost, a write's outcome unknown, and its ticket kept until its connection is
    /// known dead.
    pub(super) fn broken(
        &mut self,
        held: Box<Held>,
        error: RelayError,
        loss: Loss,
        ticket: Option<WriteTicket>,
        request: &Request,
    ) -> NotCarried {
        let session = self.presence.entry.id;
        match &error {
            RelayError::Unheard => tracing::info!(session, "a reply was given up, which nobody hears any more"),
            error => tracing::warn!(session, error = error as &dyn std::error::Error, "the instance broke off"),
        }
        let alone = !loss.begun && !self.transaction.is_open() && held.pins.is_empty();
        let mut tickets = self.transaction.lose();
        tickets.extend(ticket);
        match error {
            RelayError::Unheard => self.give_up(held, tickets),
            _ => self.abandon(held, tickets),
        }
        self.show(None);
        match error {
            // A branch that was refused has broken nothing; its reply was given as it is.
            RelayError::Backend { forwarded: false } | RelayError::Opening { .. } | RelayError::Branch { .. } => {
                let unknown = loss.may_have_run == MayHaveRun::Yes;
                let text = error_reply::lost_backend(unknown);
                let packet = error_reply::text(&text, request.reply_sequence());
                if alone { NotCarried::Told(packet) } else { NotCarried::Last(packet) }
            }
            RelayError::Backend { forwarded: true } | RelayError::Scan(_) => NotCarried::Over(SessionEnd::Backend),
            RelayError::Unheard => NotCarried::Over(SessionEnd::Left),
        }
    }
}
