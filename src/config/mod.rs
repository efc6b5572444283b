//! One TOML file -> each component's own configuration, checked whole before a port opens.
//!
//! It opens no socket and connects to nothing: it reads the file, the users' file and the secrets they name, and reports every fault at once.
//! Start at [`file`]; every key is documented in README.md, section Configuration.

mod control;
pub mod error;
pub mod file;
mod groups;
mod keys;
mod listeners;
mod places;
mod policy;
mod reader;
mod secret;
mod shape;
mod summary;
#[cfg(test)]
mod tests;
mod tuning;
mod users;

pub use error::{ConfigError, ConfigErrors};
pub use file::{Config, MonitorAccount, NodeConfig, StoreConfig, Users, load, load_users};
pub use secret::{SecretError, reveal};
pub use summary::summary;
