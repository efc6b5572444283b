//! `meridian ctl accounts`: the accounts that nodes have for themselves at the primaries, and the procedures that open and shut them.
//!
//! It asks no console: it reads a configuration, asks the instances what the applications' accounts may do, and prints the SQL or runs it. Start
//! at [`statements`].

mod command;
mod statements;

pub use command::{AccountsFlags, run};
pub use statements::{Wish, statements};
