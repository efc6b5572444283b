//! `meridian import`: the rules of another system as the part of a configuration that places keys.
//!
//! Readers ([`appactive`], [`msha`]) make [`rules`] of files; what leaves keys without an owner, or gives them two, is refused by name
//! before anything is written. Nothing is invented: what the other system does not say stands in the output as a question.

mod run;

mod appactive;
mod files;
mod msha;
mod rules;

pub use run::{From, ImportError, ImportOptions, run};
