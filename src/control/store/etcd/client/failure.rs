//! What comes of a call instead of an answer, and what callers are told of it.

use std::path::PathBuf;

use thiserror::Error;
use tonic::{Code, Status};

/// Why etcd did not do as asked.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// An endpoint is no address, or its certificates cannot be used.
    #[error("endpoint '{endpoint}' cannot be used: {reason}")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// A certificate or key cannot be read.
    #[error("'{}' cannot be read", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No endpoint answers; whether a transaction that was under way took effect is not known.
    #[error("etcd does not answer: {}", .said.join("; "))]
    Unreachable {
        /// What was heard of each endpoint.
        said: Vec<String>,
    },
    /// User or password are wrong.
    #[error("etcd refuses the login: {0}")]
    Login(String),
    /// It may not do that.
    #[error("etcd denies it: {0}")]
    Denied(String),
    /// Two endpoints belong to different clusters.
    #[error("endpoint '{endpoint}' belongs to another etcd cluster than the others")]
    OtherCluster {
        /// The endpoint.
        endpoint: String,
    },
    /// It refused for another reason.
    #[error("etcd refuses: {0}")]
    Refused(String),
    /// There is no such lease any more.
    #[error("the lease has ended")]
    NoLease,
}

/// What came instead of an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing certain.
    Silent(String),
    /// The token is missing or too old.
    Token,
    /// Another cluster answered.
    OtherCluster { endpoint: String },
    /// A refusal.
    Status(Status),
}

impl Failure {
    /// What a status means.
    pub(super) fn of(status: Status) -> Failure {
        let text = status.message();
        // "user name is empty" is what a server with authentication says to a call without a token; the revision is old when users
        // were changed since the token was given.
        let stale = ["invalid auth token", "user name is empty", "revision of auth store is old"];
        if status.code() == Code::Unauthenticated || stale.iter().any(|said| text.contains(said)) {
            return Failure::Token;
        }
        match status.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal => {
                Failure::Silent(chain(&status))
            }
            _ => Failure::Status(status),
        }
    }

    /// What callers are told, with the `endpoint` that was asked.
    pub(super) fn plain(self, endpoint: &str) -> EtcdError {
        match self {
            Failure::Silent(what) => EtcdError::Unreachable { said: vec![format!("{endpoint} ({what})")] },
            Failure::Token => EtcdError::Login("it does not take the token it gave".to_owned()),
            Failure::OtherCluster { endpoint } => EtcdError::OtherCluster { endpoint },
            Failure::Status(status) => match status.code() {
                Code::NotFound if status.message().contains("lease") => EtcdError::NoLease,
                Code::PermissionDenied => EtcdError::Denied(status.message().to_owned()),
                _ => EtcdError::Refused(status.message().to_owned()),
            },
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
