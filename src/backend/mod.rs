//! Reaching MySQL: connections to instances and the pools that share them.
//!
//! It knows no client and no routing; it must never hand out a connection of which it is not sure. Start at [`pool`].

pub mod acknowledged;
pub mod config;
pub mod connection;
pub mod error;
pub mod gauge;
mod opening;
mod own_accounts;
pub mod pool;
pub mod prepared;
pub mod session_state;

pub use config::{BackendTls, Config};
pub use connection::{CollectedReply, Connection};
pub use error::{CheckoutError, ConnectionError};
pub use pool::{Checkout, PoolId, PoolKey, Pools, Reached, Wanted};
pub use session_state::SessionState;
