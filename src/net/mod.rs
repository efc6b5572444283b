//! Connections: sockets with and without TLS and compression, and the logins on both sides of the proxy.
//!
//! It knows nothing of statements, pools or routing. Start at [`stream`], then [`accept`](mod@accept) and [`login`](mod@login).

pub mod accept;
pub mod balancer;
pub mod compressed;
pub mod handshake_io;
pub mod login;
pub mod rsa_key;
pub mod stream;
pub mod tls;

#[cfg(test)]
mod pair_tests;

pub use accept::{AcceptContext, AcceptError, AcceptFault, Accepted, Credential, FastAuth, accept, accept_again};
pub use balancer::{Network, read_proxy_header};
pub use compressed::Compressed;
pub use handshake_io::Carrier;
pub use login::{Account, CleartextAuth, LoggedIn, LoginError, LoginWish, login};
pub use rsa_key::RsaKey;
pub use stream::Stream;
pub use tls::{Certificate, ClientCertificates, ClientTls, ServerProof, TlsNeed};
