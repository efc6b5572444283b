//! What can go wrong between a node and an instance.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::fault::{Blame, ClientText, Fault, Retry};
use crate::model::InstanceId;
use crate::net::login::LoginError;
use crate::wire::scanner::ScanError;

/// Why a connection cannot be used any further.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The socket failed.
    #[error("connection to the instance broke")]
    Io(#[source] io::Error),
    /// The server closed it.
    #[error("the instance closed the connection")]
    Closed,
    /// What the server sent is not a reply.
    #[error("the instance sent something that is not a reply")]
    Scan(#[source] ScanError),
    /// Bytes beyond the reply, or a request for a local file.
    #[error("the instance sent something nobody asked for")]
    Unasked,
    /// The server refused a command of Meridian's own; its ERR packet, header included.
    #[error("the instance refused a session setting")]
    Refused {
        /// The packet as received.
        packet: Vec<u8>,
    },
}

/// Why no connection could be had.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// All connections are in use and none came free in time.
    #[error("no connection to instance {} within {deadline:?}: all {limit} are in use", instance.0)]
    Queue {
        /// The instance.
        instance: InstanceId,
        /// Its limit.
        limit: usize,
        /// How long the session waited.
        deadline: Duration,
    },
    /// The unit has no instance of the group.
    #[error("no instance of the group in this unit")]
    NoInstance,
    /// This node's own accounts are not open there.
    #[error("this node's own accounts are not open at instance {}", instance.0)]
    NotOpen {
        /// The instance.
        instance: InstanceId,
    },
    /// Connecting and logging in took too long.
    #[error("instance {} did not answer within {deadline:?}", instance.0)]
    Deadline {
        /// The instance.
        instance: InstanceId,
        /// The connect deadline.
        deadline: Duration,
    },
    /// Connecting or logging in failed.
    #[error("login to instance {} did not succeed", instance.0)]
    Login {
        /// The instance.
        instance: InstanceId,
        /// Why.
        #[source]
        source: LoginError,
    },
}

impl Fault for CheckoutError {
    fn blame(&self) -> Blame {
        Blame::Backend
    }

    // Nothing was sent to any server yet.
    fn retry(&self) -> Retry {
        Retry::Safe
    }

    fn client_text(&self) -> ClientText {
        match self {
            CheckoutError::Queue { limit, deadline, .. } => ClientText {
                errno: 1040,
                sqlstate: "HY000",
                message: format!(
                    "meridian: too many connections: all {limit} to the database are in use, none came free within \
                     {} ms; nothing was executed, try again",
                    deadline.as_millis()
                ),
            },
            CheckoutError::Deadline { deadline, .. } => ClientText {
                errno: 1105,
                sqlstate: "HY000",
                message: format!(
                    "meridian: the database did not answer within {} ms; nothing was executed, try again",
                    deadline.as_millis()
                ),
            },
            CheckoutError::NotOpen { .. } => ClientText {
                errno: 1105,
                sqlstate: "HY000",
                message: "meridian: this node may not use the database at present; nothing was executed, try again"
                    .to_owned(),
            },
            // 1049 and the like are the client's business, word for word.
            CheckoutError::Login { source: LoginError::Refused { errno: 1049, message, .. }, .. } => {
                ClientText { errno: 1049, sqlstate: "42000", message: message.clone() }
            }
            // The server's own words name the account and host of this node.
            CheckoutError::Login { source: LoginError::Refused { errno: 1044, .. }, .. } => ClientText {
                errno: 1044,
                sqlstate: "42000",
                message: "Access denied to the database: your account may not use it, or it does not exist".to_owned(),
            },
            CheckoutError::Login { source: LoginError::Refused { errno, .. }, .. } => ClientText {
                errno: 1105,
                sqlstate: "HY000",
                message: format!("meridian: the database refused the login (its error {errno}); nothing was executed"),
            },
            CheckoutError::Login { .. } | CheckoutError::NoInstance => ClientText {
                errno: 1105,
                sqlstate: "HY000",
                message: "meridian: the database cannot be reached; nothing was executed, try again".to_owned(),
            },
        }
    }
}
