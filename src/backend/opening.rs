//! Opening a connection of a pool: the login, as whom, and what is asked once of each server.

use tokio::time::timeout;

use super::CheckoutError;
use super::connection::Connection;
use super::pool::{PoolId, Pools, Reached, Wanted};
use super::prepared::PreparedStatements;
use super::session_state::SessionState;
use crate::net::login::{LoginWish, login};
use crate::wire::proxy_header::Announcement;

/// The largest packet a connection takes: the protocol's own limit, so that the server's setting alone decides.
const MAX_PACKET: u32 = 1 << 30;

/// What the servers show of our connections in their session attributes.
const ATTRIBUTES: &[u8] = b"\x0cprogram_name\x08meridian";

impl Pools {
    /// A new connection of `pool`, in the state that the login gives it. Errors: the instance is not reached in time, or refuses the account.
    pub(super) async fn open(&self, pool: PoolId, wanted: Wanted<'_>) -> Result<Box<Connection>, CheckoutError> {
        let key = self.key_of(pool);
        let slot = self.slot(key.instance).await?;
        let Reached { address, announce } = &self.reached[key.instance.index()];
        let schema = if key.with_schema { wanted.state.schema.as_deref() } else { None };
        // A login has room for one byte of it; what is over that is said by SET NAMES before the first statement.
        let login_collation = u8::try_from(key.collation).ok();
        let wish = LoginWish {
            class: key.class,
            schema,
            collation: login_collation.unwrap_or(0),
            max_packet: MAX_PACKET,
            attributes: wanted.attributes.unwrap_or(ATTRIBUTES),
            cleartext: self.config.cleartext,
            announce: announce.map(|version| Announcement { version, client: wanted.client.ip().to_canonical() }),
        };
        let generation = self.gauge(key.instance).generation();
        let deadline = self.config.connect_deadline;
        let Some(account) = self.account_at(key.instance, &key.account) else {
            return Err(CheckoutError::NotOpen { instance: key.instance });
        };
        let logged_in = match timeout(deadline, login(address, &account, &wish, self.tls.as_ref())).await {
            Ok(Ok(logged_in)) => logged_in,
            Ok(Err(source)) => return Err(CheckoutError::Login { instance: key.instance, source }),
            Err(_) => return Err(CheckoutError::Deadline { instance: key.instance, deadline }),
        };
        let state = SessionState { schema: schema.map(str::to_owned), ..SessionState::default() };
        let mut connection = Connection::new(logged_in, key.instance, state, slot);
        connection.generation = generation;
        connection.is_one_clients = wanted.attributes.is_some();
        connection.announced = wish.announce.map(|announcement| announcement.client);
        let gauge = self.gauge(key.instance);
        if !gauge.knows_server_prepared()
            && let Some(limit) = timeout(deadline, connection.server_prepared()).await.ok().flatten()
        {
            gauge.set_server_prepared(limit);
        }
        connection.prepared =
            PreparedStatements::new(gauge.prepared_per_connection(self.config.prepared_per_connection));
        if login_collation.is_none() {
            connection.state = None;
        }
        Ok(Box::new(connection))
    }
}
