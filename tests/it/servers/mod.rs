//! Real database servers for tests, each in a directory of its own, gone with the value that holds them.
//!
//! It knows nothing of Meridian's routing: tests say what they need of which server. MariaDB comes from the machine's packages, Oracle
//! MySQL 9 from the tree that `scripts/mysql9` makes.

mod etcd;
mod mariadb;
mod mysql9;
mod place;
mod server_tests;

pub use etcd::{EtcdServers, is_installed as etcd_is_installed};
pub use mariadb::MariaDb;
pub use mysql9::{Mysql9, Mysql9Tree};
pub use place::Place;
