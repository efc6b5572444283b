//! A client that looks at what the servers show of its connection: its connection attributes, in `performance_schema`.
//!
//! Servers take them at the login. A shared connection logged in for nobody in particular; so who asks gets one that logs in with what the
//! client said, and that is closed behind it.

use super::checkout::Use;
use super::held::Held;
use super::outcome::NotCarried;
use super::request::Request;
use super::session::Session;
use crate::model::Snapshot;
use crate::route::Target;
use crate::sql::{Placement, Statement, StatementClass};

/// What the names of the servers' tables of attributes have in common.
const TABLES: &[u8] = b"_connect_attrs";

/// How many bytes of attributes are kept for a session at most, as servers keep 512 unless they are told otherwise.
const MOST: usize = 2048;

/// What is kept of attributes: all, or none of very many.
pub(super) fn kept_attributes(attributes: &[u8]) -> Box<[u8]> {
    if attributes.len() <= MOST { attributes.into() } else { Box::default() }
}

impl Session {
    /// Whether it reads the attributes of connections, and can be given a connection for it.
    pub(super) fn asks_own_attributes(&self, request: &Request, statement: &Statement) -> bool {
        let [facts] = statement.plan.statements.as_slice() else { return false };
        facts.class == StatementClass::Read
            && facts.placement == Placement::Tableless
            && !self.is_in_earnest()
            && request.text().windows(TABLES.len()).any(|part| part.eq_ignore_ascii_case(TABLES))
    }

    /// A connection that the servers show with the client's attributes.
    pub(super) async fn own_connection(
        &mut self,
        target: Target,
        snapshot: &Snapshot,
        request: &Request,
    ) -> Result<Box<Held>, NotCarried> {
        self.give_up_comfort().await;
        self.another_connection((target, Use::Own), snapshot, request).await
    }
}
