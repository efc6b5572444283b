//! `meridian ctl fence-schema`: the table of the row fence at the primaries, the procedures that set its rows, and who may do what with it.
//!
//! It asks no console: it reads a configuration, asks the instances which accounts there are, and prints the SQL or runs it. Start at
//! [`statements`].

mod command;
mod statements;

pub use command::{FenceSchemaFlags, run};
pub use statements::{Wish, statements};
