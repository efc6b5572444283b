//! The flags of `meridian import`, how it fails, and its only step.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use thiserror::Error;

use super::{appactive, msha};

/// Turns the rules of another system into a configuration
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// Whose rules they are.
    #[command(subcommand)]
    pub from: From,
}

/// Whose rules they are.
#[derive(Clone, Debug, Subcommand)]
pub enum From {
    /// A folder with idTransformer.json, idUnitMapping.json and perhaps forbiddenRule.json and data properties
    Appactive {
        /// The folder
        directory: PathBuf,
        /// The name of the group that is made
        #[arg(long, default_value = "main")]
        group: String,
    },
    /// A JSON file of range rules: closed intervals of keys, or of their remainders, and single keys, each with a unit
    Msha {
        /// The file
        file: PathBuf,
        /// The name of the group that is made
        #[arg(long, default_value = "main")]
        group: String,
    },
}

/// Why rules cannot be imported.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ImportError {
    /// A file that cannot be read.
    #[error("{file}: {why}")]
    File {
        /// The file's name.
        file: String,
        /// Why.
        why: String,
    },
    /// Something in a file that is not understood.
    #[error("{file}: found {found}, expected {expected}")]
    Shape {
        /// The file's name.
        file: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Keys with two owners.
    #[error("{first} of '{owner}' and {second} of '{other}' overlap")]
    Overlap {
        /// The lower interval.
        first: String,
        /// Its owner.
        owner: String,
        /// The higher interval.
        second: String,
        /// Its owner.
        other: String,
    },
    /// Keys without an owner.
    #[error("{from} to {to} have no owner")]
    Gap {
        /// The first of them.
        from: i128,
        /// The last of them.
        to: i128,
    },
    /// A single key with two owners.
    #[error("key {key} is given to '{owner}' and to '{other}'")]
    KeyTwice {
        /// The key.
        key: String,
        /// Its first owner.
        owner: String,
        /// Its second.
        other: String,
    },
    /// An interval that is no remainder of the modulus.
    #[error("{from}~{to} of '{owner}' is not within 0 and {most}, the remainders of the modulus")]
    Beyond {
        /// Its lower end.
        from: i128,
        /// Its upper end.
        to: i128,
        /// Its owner.
        owner: String,
        /// The greatest remainder.
        most: i128,
    },
    /// More shards than a group may have.
    #[error("the rules make {0} shards, more than 65536")]
    TooMany(usize),
}

/// The part of a configuration, as TOML. Errors: as [`ImportError`] says.
pub fn run(options: &ImportOptions) -> Result<String, ImportError> {
    match &options.from {
        From::Appactive { directory, group } => appactive::read(directory)?.written("AppActive", group),
        From::Msha { file, group } => msha::read(file)?.written("MSHA-like range rules", group),
    }
}
