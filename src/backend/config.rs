//! What the operators set about connections to instances.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::login::CleartextAuth;

/// Whether connections to instances are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendTls {
    /// Never.
    #[default]
    Disabled,
    /// When the server offers it, without verifying its certificate.
    Preferred,
    /// Always, without verifying its certificate.
    Required,
    /// Always, and the certificate must be signed by a configured authority.
    VerifyCa,
    /// That, and it must carry the instance's host name.
    VerifyIdentity,
}

/// Connections to instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long connecting and logging in may take.
    pub connect_deadline: Duration,
    /// How long a statement may wait for a connection at the instance limit.
    pub queue_deadline: Duration,
    /// How many connections one node opens to one instance at most.
    pub connections_per_instance: usize,
    /// How long an unused connection is kept.
    pub idle_lifetime: Duration,
    /// How old a connection may grow before it is closed on return.
    pub max_lifetime: Duration,
    /// How many prepared statements one connection keeps at most.
    pub prepared_per_connection: usize,
    /// Encryption.
    pub tls: BackendTls,
    /// PEM file of the certificate authorities for `VerifyCa` and `VerifyIdentity`.
    pub tls_authority: Option<PathBuf>,
    /// PEM files of a certificate's chain and its key, for instances that ask for one.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// Whether an account's password may be given to an instance as it is.
    pub cleartext: CleartextAuth,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            connect_deadline: Duration::from_secs(3),
            queue_deadline: Duration::from_secs(5),
            connections_per_instance: 32,
            idle_lifetime: Duration::from_secs(300),
            max_lifetime: Duration::from_secs(3600),
            prepared_per_connection: 256,
            tls: BackendTls::Disabled,
            tls_authority: None,
            tls_identity: None,
            cleartext: CleartextAuth::Refused,
        }
    }
}
