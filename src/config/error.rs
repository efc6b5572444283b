//! What is wrong with a configuration: every fault at once, each with file, line, key, what was found and what was expected.
//!
//! Values of secrets never get here; a fault in a secret says what kind of thing was found.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// One fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}:{line}: {key}: found {found}, expected {expected}", .file.display())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key with its section, for example `group.shards`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

/// Every fault of a configuration, in the order of the files' lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
