//! Cursors of prepared statements: fetched from, reset and closed at the connection that has them open.

use super::execution::{STATEMENT_ID, framed};
use super::held::Held;
use super::outcome::NotCarried;
use super::request::Request;
use super::session::{Session, SessionEnd};
use crate::sql::PinReason;
use crate::wire::command::Command;
use crate::wire::execute::statement_id;
use crate::wire::scanner::ReplyKind;

impl Session {
    /// COM_STMT_FETCH: at the connection that holds the cursor.
    pub(super) async fn fetch(&mut self, request: Request) -> Result<(), SessionEnd> {
        let payload = request.payload().into_owned();
        let id = statement_id(&payload).unwrap_or_default();
        let sequence = request.reply_sequence();
        let holder = self.prepared.find(id).map(|statement| statement.id);
        let server_id = match (&self.held, holder) {
            (Some(held), Some(holder)) => held.checkout.connection.prepared.cursor_of(holder),
            (None, _) | (_, None) => None,
        };
        let Some(server_id) = server_id else {
            return self.unknown_statement(id, "fetch", sequence).await;
        };
        let mut patched = payload;
        patched[STATEMENT_ID].copy_from_slice(&server_id.to_le_bytes());
        self.run_on_held(framed(&patched), ReplyKind::Fetch, holder).await
    }

    /// COM_STMT_RESET: drops long data and closes the cursor.
    pub(super) async fn reset_statement(&mut self, request: Request) -> Result<(), SessionEnd> {
        let payload = request.payload().into_owned();
        let id = statement_id(&payload).unwrap_or_default();
        let sequence = request.reply_sequence();
        let Some(statement) = self.prepared.find(id) else {
            return self.unknown_statement(id, "reset", sequence).await;
        };
        statement.long_data.clear();
        statement.too_long = false;
        let holder = statement.id;
        let open = self.held.as_ref().and_then(|held| held.checkout.connection.prepared.cursor_of(holder));
        match (open, &mut self.held) {
            (Some(server_id), Some(held)) => {
                let mut patched = payload;
                patched[STATEMENT_ID].copy_from_slice(&server_id.to_le_bytes());
                end_cursor(held, holder);
                self.run_on_held(framed(&patched), ReplyKind::Simple, None).await
            }
            (None, _) | (_, None) => self.send_ok(sequence).await,
        }
    }

    /// COM_STMT_CLOSE. No reply. The server's statement stays in its connection's cache, for whoever prepares it next; only its cursor is
    /// closed.
    pub(super) async fn close_statement(&mut self, request: &Request) -> Result<(), SessionEnd> {
        let Some(closed) = statement_id(&request.payload()).ok().and_then(|id| self.prepared.remove(id)) else {
            return Ok(());
        };
        let open = self.held.as_ref().and_then(|held| held.checkout.connection.prepared.cursor_of(closed.id));
        let Some(server_id) = open else { return Ok(()) };
        let Some(mut held) = self.held.take() else { return Ok(()) };
        end_cursor(&mut held, closed.id);
        match held.checkout.connection.confirmed(Command::StmtReset, &server_id.to_le_bytes()).await {
            Ok(_) => {
                self.settle(held).await;
                Ok(())
            }
            Err(error) => match self.not_ready(held, error, None, request).await {
                NotCarried::Told(_) => Ok(()),
                NotCarried::Last(_) => Err(SessionEnd::Backend),
                NotCarried::Over(end) => Err(end),
            },
        }
    }
}

/// The cursor of this statement of the session is closed, and with it what kept the connection for it.
pub(super) fn end_cursor(held: &mut Held, holder: u32) {
    held.checkout.connection.prepared.close_cursor(holder);
    held.pins.close(PinReason::Cursor, &holder.to_string());
}
