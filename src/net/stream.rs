//! One connection, to a client or to a server: TCP, a UNIX socket, TLS over TCP, or any of them compressed.
//!
//! It carries bytes and knows nothing of packets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use super::compressed::Compressed;
use crate::wire::compression::Algorithm;

/// How long a TCP connection may be silent before the kernel asks whether the peer still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A connection.
///
/// An enum, not a type parameter: the branch is predictable and costs nothing beside a system call, while a parameter would double the code
/// of session and pools for each side. TLS keeps bytes of its own: after the last write of a reply it wants `poll_flush`, which is free for
/// the others.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A UNIX socket.
    Unix(UnixStream),
    /// TLS over TCP; boxed so that plain connections stay small.
    Tls(Box<TlsStream<TcpStream>>),
    /// A client's connection that is compressed; boxed for the same reason.
    Compressed(Box<Compressed>),
}

impl Stream {
    /// Takes over a TCP connection: no delay for small packets, keep-alive on.
    pub fn tcp(socket: TcpStream) -> io::Result<Stream> {
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        Ok(Stream::Tcp(socket))
    }

    /// Whether the bytes are encrypted.
    pub fn is_encrypted(&self) -> bool {
        match self {
            Stream::Tls(_) => true,
            Stream::Compressed(compressed) => compressed.inner.is_encrypted(),
            Stream::Tcp(_) | Stream::Unix(_) => false,
        }
    }

    /// The TLS version and cipher of the connection, as servers name them in their status; `None` when it is not encrypted.
    pub fn tls_status(&self) -> Option<(String, String)> {
        let tls = match self {
            Stream::Tls(tls) => tls,
            Stream::Compressed(compressed) => return compressed.inner.tls_status(),
            Stream::Tcp(_) | Stream::Unix(_) => return None,
        };
        let (_, state) = tls.get_ref();
        let version = state.protocol_version().and_then(|version| version.as_str()).unwrap_or_default();
        let suite = state.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        // TLSv1_3 is TLSv1.3 to a server.
        Some((version.replace('_', "."), openssl_name(suite)))
    }

    /// The address at its other end; a UNIX socket has none.
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(socket) => socket.peer_addr().ok(),
            Stream::Tls(tls) => tls.get_ref().0.peer_addr().ok(),
            Stream::Compressed(compressed) => compressed.inner.peer(),
            Stream::Unix(_) => None,
        }
    }

    /// How the connection is compressed, if it is.
    pub fn compression(&self) -> Option<Algorithm> {
        match self {
            Stream::Compressed(compressed) => Some(compressed.algorithm()),
            Stream::Tcp(_) | Stream::Unix(_) | Stream::Tls(_) => None,
        }
    }

    /// From here on closing it tells the peer by a reset, not by an orderly end.
    pub fn close_abruptly(&self) -> io::Result<()> {
        let socket = match self {
            Stream::Tcp(socket) => socket,
            Stream::Tls(tls) => tls.get_ref().0,
            Stream::Compressed(compressed) => return compressed.inner.close_abruptly(),
            Stream::Unix(_) => return Ok(()),
        };
        SockRef::from(socket).set_linger(Some(Duration::ZERO))
    }

    /// Whether a password may be sent as it is: encrypted, or never leaving the machine.
    pub fn is_confidential(&self) -> bool {
        match self {
            Stream::Tls(_) | Stream::Unix(_) => true,
            Stream::Compressed(compressed) => compressed.inner.is_confidential(),
            Stream::Tcp(_) => false,
        }
    }

    /// Reads what is there without waiting; `WouldBlock` when nothing is. A `poll_read` that found less than it had room for makes this call
    /// unnecessary.
    pub fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.try_read(into),
            Stream::Unix(socket) => socket.try_read(into),
            Stream::Tls(_) | Stream::Compressed(_) => {
                let mut buffer = ReadBuf::new(into);
                let polled = Pin::new(self).poll_read(&mut unwatched(), &mut buffer);
                now(polled).map(|()| buffer.filled().len())
            }
        }
    }

    /// The same socket, registered with the runtime of this thread, to which it was handed over. `None` when that cannot be done: a TLS
    /// connection cannot be taken apart, and a socket that failed is of no use.
    pub fn reregistered(self) -> Option<Stream> {
        match self {
            Stream::Tcp(socket) => socket.into_std().and_then(TcpStream::from_std).map(Stream::Tcp).ok(),
            Stream::Unix(socket) => socket.into_std().and_then(UnixStream::from_std).map(Stream::Unix).ok(),
            Stream::Tls(_) | Stream::Compressed(_) => None,
        }
    }

    /// Writes all of `bytes` and whatever encryption keeps back of them.
    pub async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|context| {
            let mut stream = Pin::new(&mut *self);
            while !bytes.is_empty() {
                match ready!(stream.as_mut().poll_write(context, bytes))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => bytes = &bytes[written..],
                }
            }
            stream.poll_flush(context)
        })
        .await
    }

    /// Writes what goes without waiting; `WouldBlock` when nothing does.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.try_write(bytes),
            Stream::Unix(socket) => socket.try_write(bytes),
            Stream::Tls(_) | Stream::Compressed(_) => now(Pin::new(self).poll_write(&mut unwatched(), bytes)),
        }
    }
}

/// A context that wakes nobody. Whoever then waits polls with a context of its own, which replaces this one.
fn unwatched() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

fn now<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A cipher suite of the standard's name under OpenSSL's, which is what servers show.
fn openssl_name(suite: &str) -> String {
    if let Some(rest) = suite.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let name = suite.trim_start_matches("TLS_").replace("_WITH", "").replace("AES_", "AES").replace('_', "-");
    if name.contains("CHACHA20") { name.trim_end_matches("-SHA256").to_owned() } else { name }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(socket) => Pin::new(socket).poll_read(cx, into),
            Stream::Unix(socket) => Pin::new(socket).poll_read(cx, into),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, into),
            Stream::Compressed(compressed) => Pin::new(compressed.as_mut()).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Stream::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
            Stream::Compressed(compressed) => Pin::new(compressed.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Stream::Unix(socket) => Pin::new(socket).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Stream::Compressed(compressed) => Pin::new(compressed.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Stream::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Stream::Compressed(compressed) => Pin::new(compressed.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_the_names_that_servers_show() {
        for (standard, shown) in [
            ("TLS13_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(openssl_name(standard), shown);
        }
    }
}
