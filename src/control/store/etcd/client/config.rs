//! What a node is told of etcd: the members, who logs in, what encrypts the way there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::EtcdError;

/// How etcd is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct EtcdConfig {
    /// The members, as `http://host:port` or `https://host:port`.
    pub endpoints: Vec<String>,
    /// What all keys of this cluster of nodes begin with; ends with `/`.
    pub prefix: String,
    /// How long a node may go on without being heard.
    pub lease: Duration,
    /// Who logs in, if etcd wants that.
    pub login: Option<(String, String)>,
    /// Who must have signed the members' certificates, for `https`.
    pub authority: Option<PathBuf>,
    /// The certificate this node shows, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl fmt::Debug for EtcdConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        let mut shown = out.debug_struct("EtcdConfig");
        shown.field("endpoints", &self.endpoints).field("prefix", &self.prefix).field("user", &user);
        shown.finish_non_exhaustive()
    }
}

impl EtcdConfig {
    /// What its connections are encrypted with. Errors: a file that cannot be read.
    pub(super) fn tls(&self) -> Result<ClientTlsConfig, EtcdError> {
        let read =
            |file: &PathBuf| std::fs::read(file).map_err(|source| EtcdError::File { file: file.clone(), source });
        let mut tls = ClientTlsConfig::new();
        if let Some(authority) = &self.authority {
            tls = tls.ca_certificate(Certificate::from_pem(read(authority)?));
        }
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(tls)
    }
}
