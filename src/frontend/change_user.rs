//! COM_CHANGE_USER: the client proves once more who it is, here and not at a server, and goes on with a session as good as new.
//!
//! The connection and its id stay. As servers do, what the session had is undone before anybody is asked for a proof.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::error_reply;
use super::own_connection::kept_attributes;
use super::prepared::malformed;
use super::reading::Reading;
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::welcome::{SchemaRefused, context, credential_of, program_of};
use crate::backend::SessionState;
use crate::net::accept::{AcceptFault, accept_again};
use crate::sql::Family;
use crate::wire::change_user::ChangeUser;
use crate::wire::scramble::Salt;

/// How many refused changes MariaDB puts up with on one connection.
const MARIADB_TRIES: u8 = 3;

/// How long MariaDB lets a client wait that was refused, so that guessing takes long.
const PENANCE: Duration = Duration::from_secs(1);

impl Session {
    /// Changes the user. MySQL closes the connection of a client that fails, MariaDB lets it go on as who it was; so does Meridian.
    pub(super) async fn change_user(&mut self, request: &Request) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        let Ok(wish) = ChangeUser::parse(&request.payload(), self.capabilities) else {
            return self.send(&error_reply::text(&malformed("COM_CHANGE_USER"), sequence)).await;
        };
        self.reset_session().await;
        match self.prove_again(&wish, sequence).await {
            Some(Ok((salt, sequence))) => self.become_user(wish, salt, sequence).await,
            Some(Err((fault, sequence))) => self.change_refused(&fault, sequence).await,
            // Nobody answers within the time a login may take.
            None => Err(SessionEnd::Idle),
        }
    }

    async fn prove_again(&mut self, wish: &ChangeUser, sequence: u8) -> Option<Result<(Salt, u8), (AcceptFault, u8)>> {
        let worker = &self.worker;
        let users = |name: &str| credential_of(worker, name);
        let host = self.presence.entry.client.ip().to_string();
        let context = context(worker, &self.listener, None, &users, self.presence.entry.id, &host);
        let proof = accept_again(&mut self.client, &context, wish, self.capabilities, self.salt, sequence);
        timeout(worker.node.limits.load().login_deadline, Box::pin(proof)).await.ok()
    }

    async fn become_user(&mut self, wish: ChangeUser, salt: Salt, sequence: u8) -> Result<(), SessionEnd> {
        let node = Arc::clone(&self.worker.node);
        // The users' file may have been replaced during the exchange.
        let Some(user) = node.users.find(&wish.user) else { return Err(SessionEnd::Killed) };
        let limit = user.user.connections;
        if self.presence.change_user(&wish.user, limit).is_err() {
            self.send(&error_reply::user_at_limit(&wish.user, limit.unwrap_or_default(), sequence)).await?;
            return Err(SessionEnd::Left);
        }
        self.user = user;
        self.salt = salt;
        self.collation = wish.collation.unwrap_or(self.collation);
        self.pools.clear();
        self.state = Arc::new(SessionState { schema: wish.schema, ..SessionState::default() });
        self.reading = Reading::of(&self.state, self.collation, &node.snapshots.load().catalog.default_sql_mode);
        self.presence.entry.introduce(&program_of(&wish.attributes));
        self.attributes = kept_attributes(&wish.attributes);
        self.show(None);
        match self.check_schema(sequence).await {
            Ok(()) => self.send_ok(sequence).await,
            Err(SchemaRefused::Told(packet)) => {
                self.send(&packet).await?;
                Err(SessionEnd::Left)
            }
            Err(SchemaRefused::Over(end)) => Err(end),
        }
    }

    async fn change_refused(&mut self, fault: &AcceptFault, sequence: u8) -> Result<(), SessionEnd> {
        let session = self.presence.entry.id;
        tracing::info!(session, error = fault as &dyn std::error::Error, "change of user refused");
        if let (Family::MySql, AcceptFault::Denied { user, host, used_password }) =
            (self.listener.dialect.family, fault)
        {
            let text = error_reply::change_refused(user, host, *used_password);
            self.send(&error_reply::text(&text, sequence)).await?;
            return Err(SessionEnd::Left);
        }
        let Some(packet) = error_reply::login(fault, sequence) else { return Err(SessionEnd::Left) };
        self.refused_changes += 1;
        let goes_on = matches!(fault, AcceptFault::Denied { .. }) && self.refused_changes < MARIADB_TRIES;
        sleep(PENANCE).await;
        self.send(&packet).await?;
        if goes_on { Ok(()) } else { Err(SessionEnd::Left) }
    }
}
