//! Ports that instances keep for administrators, so that one whose connections are all taken can still be asked and closed.

use std::collections::HashMap;

use super::InstanceAddress;

/// The ports, by the address where an instance listens for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedPorts(HashMap<InstanceAddress, u16>);

impl ReservedPorts {
    /// These ports.
    pub fn new(ports: impl IntoIterator<Item = (InstanceAddress, u16)>) -> ReservedPorts {
        ReservedPorts(ports.into_iter().collect())
    }

    /// Where the instance at `address` lets administrators in when it has no connection left; `None` where it keeps none for them.
    pub fn beside(&self, address: &InstanceAddress) -> Option<InstanceAddress> {
        let port = self.0.get(address)?;
        match address {
            InstanceAddress::Tcp(host, _) => Some(InstanceAddress::Tcp(host.clone(), *port)),
            InstanceAddress::Unix(_) => None,
        }
    }
}
