//! Drivers and tools through Meridian: none of them can tell it from the server.
//!
//! Where statements go is not asked here, but that their answers are the server's own.

mod async_driver;
mod command_line;
mod differential;
mod many_clients;
mod node_tests;
mod openings;
mod orm_keys;
mod prepared;
mod programs;
mod python;
mod sqlx_driver;
mod tools;
mod transcript;
