//! Integration tests: in process over real sockets, with real servers started on free ports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;
#[path = "../crosstalk/mod.rs"]
mod crosstalk;
mod demo;
mod demo_world;
mod drivers;
mod failures;
#[path = "../fixture_file/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the fixtures' own test uses the rest")]
mod fixture_file;
mod forced;
mod keys;
mod migrations;
mod moves;
mod node;
mod nodes;
mod protocol;
#[path = "../relay/mod.rs"]
mod relay;
mod scenarios;
mod schema_check;
mod servers;
mod stores;
