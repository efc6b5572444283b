//! The world on one machine: units `hz` and `bj`, each a MariaDB primary and its replica from the local packages, two-way replication
//! between the primaries, and Meridian in front of them.
//!
//! It must not hold anything a production node needs: it only writes a configuration and hands it to the server it is given. It must not
//! leave a process or a file behind. Start reading at `command.rs`; `world.rs` is what is started, `down.rs` what ends it.

pub mod command;
pub mod directory;
pub mod down;
pub mod error;
pub mod etcd;
mod guide;
pub mod instance;
pub mod layout;
pub mod meridian_config;
pub mod mysql;
pub mod nodes;
pub mod ports;
pub mod process;
pub mod replication;
pub mod root_access;
pub mod schema;
pub mod server_user;
pub mod state_file;
pub mod template;
pub mod tour;
pub mod world;

pub use command::{DemoArgs, Stop, run};
pub use error::DemoError;
