//! What every store promises; `conformance.rs` holds each to it.

use std::path::PathBuf;

use async_trait::async_trait;
use thiserror::Error;

use super::etcd::EtcdError;
use crate::control::document::DocumentError;
use crate::control::member_document::EntryError;
use crate::model::{ControlState, Epoch};

/// Why a store did not do as asked. The stored state is unchanged, unless the variant says otherwise.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The stored epoch is another than the caller expected.
    #[error("the control state is at epoch {}, not at {}", number(*.found), number(*.expected))]
    Conflict {
        /// What the caller expected; `None` means no state yet.
        expected: Option<Epoch>,
        /// What is stored.
        found: Option<Epoch>,
    },
    /// The next state does not have a higher epoch.
    #[error("epoch {next} cannot follow epoch {current}")]
    NotRising {
        /// The stored epoch.
        current: Epoch,
        /// The epoch of the next state.
        next: Epoch,
    },
    /// Another process has the store open.
    #[error("another process holds '{}'; stop it first, one process serves from one control file", .lock.display())]
    Held {
        /// The lock file.
        lock: PathBuf,
    },
    /// The file is torn or was altered by hand. It is not replaced by an older generation, because that could lose a forbid.
    #[error("the control file '{}' is damaged ({reason}); compare it with '{}' and put the right one in its place", .file.display(), .previous.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The generation before it, which may not exist.
        previous: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is gone while its previous generation is there.
    #[error("the control file '{}' is missing while '{}' is there; restore it, or remove both to begin anew", .file.display(), .previous.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// The generation before it.
        previous: PathBuf,
    },
    /// The operating system refused; after a failed fsync of the directory the new state may or may not survive a crash.
    #[error("cannot {action} '{}'", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// What is stored is no document, or the state cannot be written as one.
    #[error("the control document cannot be used")]
    Document(#[from] DocumentError),
    /// etcd did not do as asked.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// What a node wrote of itself cannot be read or written.
    #[error("an entry of a node cannot be used")]
    Entry(#[from] EntryError),
    /// A key that does not hold what it should.
    #[error("key '{key}' holds no number")]
    Unreadable {
        /// The key.
        key: String,
    },
    /// A document cannot be compressed, or what is stored is not compressed as it says.
    #[error("the control document cannot be packed or unpacked")]
    Compression(#[source] std::io::Error),
    /// Another process goes by this node's name.
    #[error("another process serves as node '{node}'; stop it first, or give this one another name")]
    Occupied {
        /// The name.
        node: String,
    },
    /// Another node has this one's number, after which both name their accounts at the instances.
    #[error(
        "node '{other}' has number {number} too, and both would use the same accounts; give one of them another number"
    )]
    SameNumber {
        /// The other one's name.
        other: String,
        /// The number.
        number: u8,
    },
    /// What was written is gone: the store was restored from an older copy of itself.
    #[error(
        "etcd was restored from a snapshot that is older than what this node has obeyed: it holds epoch {stored}, this node knows epoch {known}; no node that knows better may write until an operator decides (RESTORE STATE)"
    )]
    WentBack {
        /// The epoch it holds.
        stored: Epoch,
        /// The newest epoch that was heard of.
        known: Epoch,
    },
    /// Nodes live by what the store holds, which is to be replaced.
    #[error("{} entered after the store was restored and knows only what it held then; stop it first", .nodes.join(", "))]
    Strangers {
        /// Which.
        nodes: Vec<String>,
    },
    /// Others took the number again and again.
    #[error("the store kept changing; try again")]
    Contended,
    /// The worker thread that touches the disk is gone: the process is shutting down.
    #[error("the control store is shutting down")]
    Stopped,
}

fn number(epoch: Option<Epoch>) -> String {
    epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string())
}

/// Keeps one control state.
#[async_trait]
pub trait Store: Send + Sync {
    /// The stored state; `None` before the first [`Self::compare_and_swap`].
    async fn load(&self) -> Result<Option<ControlState>, StoreError>;

    /// Replaces the state with epoch `expected` (`None`: there is none) by `next`, whose epoch must be higher.
    /// When it returns `Ok`, the new state survives a crash.
    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError>;

    /// The state as it was at `epoch`; `None` when it is older than the last [`REMEMBERED`] or never was.
    async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError>;

    /// Resolves with the newest state once there is one beyond `epoch`: each later one comes later, some may be passed over.
    async fn newer_than(&self, epoch: Epoch) -> Result<ControlState, StoreError>;
}

/// How many former states are kept, at least as many as the history tells of.
pub const REMEMBERED: u64 = 200;

/// Errors: `next` may not replace a state with epoch `found`, seen by a caller who expects `expected`.
pub(super) fn check_swap(expected: Option<Epoch>, found: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
    if expected != found {
        return Err(StoreError::Conflict { expected, found });
    }
    match found {
        Some(current) if next.epoch <= current => Err(StoreError::NotRising { current, next: next.epoch }),
        Some(_) | None => Ok(()),
    }
}
