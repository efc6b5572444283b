//! TLS for both sides: a listener's certificate, and what a login asks of a server's.
//!
//! Files are read here, at start; nothing is read again for a connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::{ClientCertVerifierBuilder, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM file cannot be read or has no such thing in it.
    #[error("{file} holds no readable {wanted}")]
    Pem {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not fit together, or not with what we support.
    #[error("the certificate cannot be used")]
    Unusable(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("no self-signed certificate could be made")]
    SelfSigned(#[from] rcgen::Error),
    /// The authorities cannot verify anything.
    #[error("the authorities cannot be used")]
    Authorities(#[from] VerifierBuilderError),
}

/// Whether a login insists on encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsNeed {
    /// Encrypt when the server offers it.
    Preferred,
    /// Never log in without.
    Required,
}

/// What a server has to prove with its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProof<'a> {
    /// Nothing.
    None,
    /// That an authority of this PEM file signed it.
    Authority(&'a Path),
    /// That, and that it carries the host's name.
    Identity(&'a Path),
}

/// How logins to servers are encrypted.
#[derive(Clone)]
pub struct ClientTls {
    /// Makes the TLS session.
    pub(super) connector: TlsConnector,
    /// Whether it must be used.
    pub(super) need: TlsNeed,
}

impl ClientTls {
    /// TLS towards servers; `identity` are the PEM files of our own certificate's chain and key, for servers that ask for one.
    pub fn new(need: TlsNeed, proof: ServerProof<'_>, identity: Option<(&Path, &Path)>) -> Result<ClientTls, TlsError> {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let verifier: Arc<dyn ServerCertVerifier> = match proof {
            ServerProof::None => Arc::new(AnyServer { algorithms }),
            ServerProof::Authority(file) => Arc::new(SignedServer(web_verifier(file)?)),
            ServerProof::Identity(file) => web_verifier(file)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(certificates(chain)?, private_key(key)?)?,
        };
        Ok(ClientTls { connector: TlsConnector::from(Arc::new(config)), need })
    }

    /// Encrypts `socket` towards `host`, a name or an address. Errors: the socket's; the server proves nothing that is asked for.
    pub async fn encrypt(&self, host: &str, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector.connect(name, socket).await
    }

    /// Encrypts without verifying who the server is.
    pub fn unverified(need: TlsNeed) -> Result<ClientTls, TlsError> {
        ClientTls::new(need, ServerProof::None, None)
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ClientTls").field("need", &self.need).finish_non_exhaustive()
    }
}

/// Where a listener's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Made at start, kept in memory only, as the servers do.
    SelfSigned,
    /// PEM files.
    Files {
        /// The chain, the listener's own certificate first.
        chain: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// Whether a listener's clients show certificates of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    Unasked,
    /// They may show one; if they do, an authority of this PEM file must have signed it.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

/// A listener's TLS, its files read now.
pub fn acceptor(certificate: &Certificate, clients: &ClientCertificates) -> Result<TlsAcceptor, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match clients {
        ClientCertificates::Unasked => builder.with_no_client_auth(),
        ClientCertificates::Optional(file) => {
            builder.with_client_cert_verifier(client_verifier(file)?.allow_unauthenticated().build()?)
        }
        ClientCertificates::Required(file) => builder.with_client_cert_verifier(client_verifier(file)?.build()?),
    };
    let (chain, key) = match certificate {
        Certificate::SelfSigned => self_signed()?,
        Certificate::Files { chain, key } => (certificates(chain)?, private_key(key)?),
    };
    Ok(TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key)?)))
}

fn self_signed() -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

fn web_verifier(authorities: &Path) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    Ok(WebPkiServerVerifier::builder_with_provider(roots(authorities)?, provider()).build()?)
}

fn client_verifier(authorities: &Path) -> Result<ClientCertVerifierBuilder, TlsError> {
    Ok(WebPkiClientVerifier::builder_with_provider(roots(authorities)?, provider()))
}

fn roots(authorities: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |source| TlsError::Pem { file: file.to_owned(), wanted: "private key", source };
    PrivateKeyDer::from_pem_file(file).map_err(unreadable)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Pem { file: file.to_owned(), wanted: "certificate", source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect();
    let found = found.map_err(unreadable)?;
    if found.is_empty() { Err(unreadable(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Accepts every certificate, as the servers' own clients do by default: the bytes are encrypted, the server is not proved. The signatures
/// of the exchange itself are still verified.
#[derive(Debug)]
struct AnyServer {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Accepts every certificate that a known authority signed, whatever name it carries: the servers' VERIFY_CA.
#[derive(Debug)]
struct SignedServer(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for SignedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: everything else was found right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
