//! Nodes tell the one that carries a move out, past the store, that nothing it waits for is in flight at them any more.
//!
//! A datagram is there in half a round trip; a word in the store goes to its leader, from there to a majority and back. It is said in the store all
//! the same, so that nothing depends on a datagram's coming. One may come late, twice or never: who has drained for a move has done so
//! for good. It is sealed with a key that the receiver tells in the store, so that nobody else is believed.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::nodes::Nodes;
use crate::model::{Incarnation, Life, MoveId, ReportAddress, ReportKey};
use crate::shutdown::Shutdown;

/// Between two attempts to listen at an address that this node's former process still has.
const PAUSE: Duration = Duration::from_secs(1);

/// Longer than any report.
const LONGEST: usize = 512;

/// How many bytes of a datagram are its seal.
const SEAL: usize = 32;

/// Where a node is told directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the others reach it.
    pub advertise: SocketAddr,
}

/// A key that nobody has had before.
pub fn new_key() -> ReportKey {
    ReportKey(rand::random())
}

/// The key of this text, as [`key_text`] writes it.
pub(super) fn key_of(text: &str) -> Option<ReportKey> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digits = pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = digits.collect();
    bytes?.try_into().ok().filter(|_| rest.is_empty()).map(ReportKey)
}

/// A key in hexadecimal digits.
pub(super) fn key_text(key: &ReportKey) -> String {
    key.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &ReportKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &key.0)
}

/// `incarnation` has drained for move `id`, as a datagram.
fn sealed(key: &ReportKey, incarnation: &Incarnation, id: MoveId) -> Vec<u8> {
    let said = format!("drained {} {} {}", id.0, incarnation.number, incarnation.node);
    let mut datagram = hmac::sign(&hmac(key), said.as_bytes()).as_ref().to_vec();
    datagram.extend_from_slice(said.as_bytes());
    datagram
}

/// What a datagram says; `None` where it was not sealed with the key, or says nothing known.
fn opened(key: &ReportKey, datagram: &[u8]) -> Option<(Incarnation, MoveId)> {
    let (seal, said) = datagram.split_at_checked(SEAL)?;
    hmac::verify(&hmac(key), said, seal).ok()?;
    let mut words = str::from_utf8(said).ok()?.strip_prefix("drained ")?.splitn(3, ' ');
    let (id, number, node) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    Some((Incarnation { node: node.to_owned(), number }, MoveId(id)))
}

/// Listens where this node is told, until shutdown. Errors: it is no address of this machine.
pub async fn listen(listen: SocketAddr, key: ReportKey, nodes: Arc<Nodes>, mut stopped: Shutdown) -> io::Result<()> {
    let socket = loop {
        match UdpSocket::bind(listen).await {
            Ok(socket) => break socket,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = stopped.told() => return Ok(()),
        }
    };
    let mut datagram = [0; LONGEST];
    loop {
        let received = tokio::select! {
            received = socket.recv(&mut datagram) => received,
            () = stopped.told() => return Ok(()),
        };
        // Some systems tell here that an earlier answer reached nobody.
        let Ok(length) = received else { continue };
        match opened(&key, &datagram[..length]) {
            Some((incarnation, id)) => nodes.hear(incarnation, id),
            None => tracing::debug!(length, "a datagram that is no report of a node's to this process"),
        }
    }
}

/// Tells whoever carries a move out, as soon as this node has drained for it, until shutdown.
pub async fn tell(nodes: Arc<Nodes>, mut stopped: Shutdown) {
    let mut drained = nodes.drained();
    let mut told: Vec<MoveId> = Vec::new();
    loop {
        let now = drained.borrow_and_update().clone();
        for id in now.iter().filter(|id| !told.contains(id)) {
            if let Err(error) = tell_runner(&nodes, *id).await {
                tracing::debug!(r#move = id.0, %error, "a move's node is told by the store alone");
            }
        }
        told = now;
        tokio::select! {
            changed = drained.changed() => if changed.is_err() { return },
            () = stopped.told() => return,
        }
    }
}

async fn tell_runner(nodes: &Nodes, id: MoveId) -> io::Result<()> {
    let (Some(own), Some(runner)) = (nodes.own(), nodes.runner_of(id)) else { return Ok(()) };
    let picture = Arc::clone(&nodes.pictures().borrow());
    let member = picture.members.iter().find(|member| member.incarnation.to_string() == runner);
    let live = member.filter(|member| member.life == Life::Live && member.incarnation != own);
    let Some(ReportAddress { address, key }) = live.and_then(|member| member.about.reports_at.clone()) else {
        return Ok(());
    };
    let anywhere = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(anywhere).await?;
    socket.send_to(&sealed(&key, &own, id), address).await.map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_with_the_key_is_believed() {
        let (key, other) = (new_key(), new_key());
        let who = Incarnation { node: "hz 1".to_owned(), number: 7 };
        let datagram = sealed(&key, &who, MoveId(42));
        assert_eq!(opened(&key, &datagram), Some((who, MoveId(42))));
        assert_eq!(opened(&other, &datagram), None);
        for at in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&key, &changed), None, "byte {at}");
            assert_eq!(opened(&key, &datagram[..at]), None, "{at} bytes");
        }
        let seal = hmac::sign(&hmac(&key), b"settled 42 7 hz");
        assert_eq!(opened(&key, &[seal.as_ref(), b"settled 42 7 hz"].concat()), None);
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_shown_nowhere() {
        let key = new_key();
        let text = key_text(&key);
        assert_eq!(key_of(&key_text(&key)), Some(key.clone()));
        for wrong in ["", "00", "zz", &text[2..], &format!("{text}0"), &format!("{text}00")] {
            assert_eq!(key_of(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "ReportKey(..)");
    }
}
