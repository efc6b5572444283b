//! A restart that no client notices: the successor is given the listening sockets, so that whoever connects meanwhile waits in their queue.
//!
//! The predecessor then ends as on SIGTERM. It keeps the control state until its last write is out, and the successor opens that state,
//! and the door, only afterwards: at no time do two processes admit writes. The sockets pass over a UNIX socket beside the state file.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The most sockets that are handed over: the kernel takes 253 at once.
const MOST: usize = 128;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the predecessor says with the sockets: the version of this exchange.
const GREETING: &[u8] = b"meridian-handover-1\n";

/// Where the node of this state file hands its sockets over.
pub fn path_beside(state_file: &Path) -> PathBuf {
    let mut path = state_file.as_os_str().to_owned();
    path.push(".handover");
    PathBuf::from(path)
}

/// The listening sockets of a predecessor; empty where there was none.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// The socket that listens on `address`.
    pub fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let found = self.0.iter().position(|(known, _)| *known == address)?;
        Some(self.0.swap_remove(found).1)
    }

    /// Addresses nobody has taken: the successor does not listen there.
    pub fn left(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(address, _)| *address)
    }

    /// Whether there was no predecessor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Asks the node that serves with this state file for its sockets; it ends thereafter. None when no node serves.
///
/// Errors: a node is there but does not hand over.
pub fn ask(state_file: &Path) -> io::Result<Inherited> {
    let mut stream = match UnixStream::connect(path_beside(state_file)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(Inherited::default());
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut greeting = vec![0; GREETING.len()];
    let received = recvmsg(&stream, &mut [IoSliceMut::new(&mut greeting)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            sockets.extend(rights);
        }
    }
    stream.read_exact(&mut greeting[received.bytes..])?;
    if greeting != GREETING {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the node there hands over in another way"));
    }
    let listeners = sockets.into_iter().map(|socket| {
        let listener = TcpListener::from(socket);
        Ok((listener.local_addr()?, listener))
    });
    Ok(Inherited(listeners.collect::<io::Result<_>>()?))
}

/// The predecessor's end.
#[derive(Debug)]
pub struct Handover {
    socket: UnixListener,
    path: PathBuf,
    listeners: Vec<OwnedFd>,
}

impl Handover {
    /// Opens the door beside `state_file`, whose lock the caller holds: what lies there is a dead node's.
    ///
    /// Errors: the system's; a path that is too long for a UNIX socket is one of them.
    pub fn open(state_file: &Path, listeners: &[BorrowedFd<'_>]) -> io::Result<Handover> {
        let path = path_beside(state_file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        socket.set_nonblocking(true)?;
        let listeners = listeners.iter().take(MOST).map(|listener| listener.try_clone_to_owned());
        Ok(Handover { socket, path, listeners: listeners.collect::<io::Result<_>>()? })
    }

    /// Waits for a successor and gives it the sockets. Errors: the system's.
    pub async fn give(&self) -> io::Result<()> {
        let socket = tokio::net::UnixListener::from_std(self.socket.try_clone()?)?;
        loop {
            let (successor, _) = socket.accept().await?;
            let credentials = successor.peer_cred()?;
            let own = rustix::process::geteuid().as_raw();
            if credentials.uid() != own && credentials.uid() != 0 {
                tracing::warn!(uid = credentials.uid(), "another user asked for the listening sockets and got none");
                continue;
            }
            match self.send(&successor.into_std()?) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "a successor did not take the listening sockets"),
            }
        }
    }

    fn send(&self, successor: &UnixStream) -> io::Result<()> {
        let listeners: Vec<BorrowedFd<'_>> = self.listeners.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&listeners)) {
            return Err(io::Error::other("too many listening sockets"));
        }
        let sent = sendmsg(successor, &[IoSlice::new(GREETING)], &mut control, SendFlags::NOSIGNAL)?;
        if sent == GREETING.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        // Left behind it would harm nobody: who finds nobody there starts without a predecessor.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_successor_gets_the_listening_sockets_and_their_queue() {
        let directory = tempfile::tempdir().unwrap();
        let state_file = directory.path().join("state");
        assert!(ask(&state_file).unwrap().is_empty(), "nobody serves there");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handover = Handover::open(&state_file, &[listener.as_fd()]).unwrap();
        let asking = tokio::task::spawn_blocking({
            let state_file = state_file.clone();
            move || ask(&state_file).unwrap()
        });
        handover.give().await.unwrap();
        drop(listener);
        drop(handover);
        let waiting = std::net::TcpStream::connect(address).unwrap();
        let mut inherited = asking.await.unwrap();
        let listener = inherited.take(address).unwrap();
        assert!(inherited.is_empty());
        assert_eq!(listener.accept().unwrap().1, waiting.local_addr().unwrap());
        assert!(ask(&state_file).unwrap().is_empty(), "the door is closed behind it");
    }
}
