//! What the program does without a node: explain and count the routes of statements in files, under a configuration; turn
//! another system's rules into one.
//!
//! It opens no port, connects to nothing and changes nothing. Start at [`lint`].

pub mod explain;
pub mod import;
pub mod lint;
pub mod options;
pub mod schema_file;
pub mod statements;
#[cfg(test)]
mod tests;
pub mod world;

pub use import::ImportOptions;
pub use options::{ExplainOptions, LintOptions, Outcome};
