//! What can stop a measurement, and what a single connection can suffer.

use meridian::net::LoginError;
use meridian::wire::ScanError;
use thiserror::Error;

/// Why nothing can be measured.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The system's own.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The results could not be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// TLS could not be set up on our side.
    #[error(transparent)]
    Tls(#[from] meridian::net::tls::TlsError),
    /// A process that was named is not there, or not ours to look at.
    #[error("process {pid} of endpoint {endpoint} cannot be read: {reason}")]
    Process {
        /// The endpoint it belongs to.
        endpoint: String,
        /// Its id.
        pid: u32,
        /// The system's words.
        reason: String,
    },
}

/// Why a connection is of no use any more.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// It could not be opened.
    #[error("{}", chain(.0))]
    Login(#[from] LoginError),
    /// It broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The other side broke the protocol.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// It was closed in the middle of a reply.
    #[error("the connection was closed in the middle of a reply")]
    Closed,
    /// A reply that these statements do not have.
    #[error("the reply asks for a file, or lacks a statement id")]
    Reply,
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
