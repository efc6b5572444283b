//! What must hold for any bytes a peer may send: nothing panics, and the claims below are true.
//!
//! Meridian's pure modules are compiled in as they stand, by path: the whole package would bring sockets, TLS and drivers into an
//! instrumented build, several minutes of it, for code that no target reaches.

#![allow(dead_code, reason = "a target uses a part of each module")]

#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/sql/mod.rs"]
pub mod sql;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

mod keys;
mod peers;
mod replies;
mod statements;
mod texts;
#[path = "../../src/sql/cases/world.rs"]
mod world;

pub use keys::keys;
pub use peers::{commands, handshake};
pub use replies::scanner;
pub use statements::sql;
pub use texts::lexer;
