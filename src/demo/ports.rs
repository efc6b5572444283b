//! Ports on the loopback address: whether one is free, and which to take for an instance.
//!
//! Instances listen below 32768 only: above it the kernel hands ports to outgoing connections, and one of those may sit on ours.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::DemoError;

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// The last port handed out, so that two servers started at once never get the same one. 0: none yet.
static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

/// Whether nobody listens on `port` of the loopback address.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port nobody listens on, not handed out by this process before. Errors: none is left.
pub fn free_port() -> Result<u16, DemoError> {
    // Processes that start at the same time begin at different places.
    let first_try = FIRST + (rand::random::<u16>() % (LAST - FIRST));
    let _ = HANDED_OUT.compare_exchange(0, first_try, Ordering::Relaxed, Ordering::Relaxed);
    for _ in FIRST..=LAST {
        let next = |port: u16| Some(if port >= LAST { FIRST } else { port + 1 });
        let port = HANDED_OUT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(first_try);
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(DemoError::NoFreePort { first: FIRST, last: LAST })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let port = free_port().unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        drop(held);
        assert!(is_free(port));
    }

    #[test]
    fn no_port_is_handed_out_twice_and_none_above_the_limit() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)));
    }
}
