//! What an idle connection costs in memory: many are opened, and the growth of the process is divided among them.

use meridian::model::control_state::InstanceAddress;
use meridian::net::tls::TlsNeed;
use meridian::net::{Account, ClientTls};

use crate::connection::Connection;
use crate::error::LoadError;
use crate::options::{EndpointName, Options};
use crate::process::resident;
use crate::results::{IdleMemory, IdleResult};

/// Opened before the first look, so that what is made once does not count.
const WARM_UP: usize = 32;

struct Opener<'a> {
    endpoint: &'a EndpointName,
    address: InstanceAddress,
    account: Account,
    schema: &'a str,
}

/// Measures all proxies. The plain connections stay open while those with TLS are made, so that no freed memory is used again.
pub async fn measure(options: &Options) -> Result<Vec<IdleResult>, LoadError> {
    let tls = ClientTls::unverified(TlsNeed::Required)?;
    let mut results = Vec::new();
    for endpoint in options.endpoints.iter().skip(1).filter(|_| options.idle > 0) {
        let opener =
            Opener { endpoint, address: endpoint.address(), account: options.account(), schema: &options.schema };
        let mut open = Vec::new();
        let plain = opener.growth(options.idle, None, &mut open).await?;
        let tls = opener.growth(options.idle, Some(&tls), &mut open).await?;
        results.push(IdleResult { name: endpoint.name.clone(), plain, tls });
        for connection in open {
            // The servers see the end of the connection whether or not the goodbye arrives.
            let _ = connection.quit().await;
        }
    }
    Ok(results)
}

impl Opener<'_> {
    async fn growth(
        &self,
        count: usize,
        tls: Option<&ClientTls>,
        open: &mut Vec<Connection>,
    ) -> Result<IdleMemory, LoadError> {
        if let Err(fault) = self.open(WARM_UP, tls, open).await {
            return Ok(IdleMemory { connections: 0, bytes: None, fault: Some(fault) });
        }
        let (before, already) = (self.memory()?, open.len());
        let fault = self.open(count, tls, open).await.err();
        let connections = open.len() - already;
        let grown = self.memory()?.saturating_sub(before);
        let bytes = (connections > 0).then(|| grown as f64 / connections as f64);
        Ok(IdleMemory { connections, bytes, fault })
    }

    async fn open(&self, count: usize, tls: Option<&ClientTls>, open: &mut Vec<Connection>) -> Result<(), String> {
        for _ in 0..count {
            let opened = Connection::open(&self.address, &self.account, self.schema, tls).await;
            open.push(opened.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn memory(&self) -> Result<u64, LoadError> {
        let EndpointName { name, pid, .. } = self.endpoint;
        resident(*pid).map_err(|error| LoadError::Process {
            endpoint: name.clone(),
            pid: *pid,
            reason: error.to_string(),
        })
    }
}
