//! Our login against our accept, over real loopback sockets: every way a client can prove who it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::accept::{AcceptContext, AcceptError, AcceptFault, Accepted, Credential, FastAuth, accept};
use super::login::{Account, CleartextAuth, LoggedIn, LoginError, LoginWish, login};
use super::rsa_key::RsaKey;
use super::stream::Stream;
use super::tls::{Certificate, ClientCertificates, ClientTls, ServerProof, TlsNeed, acceptor};
use crate::model::control_state::InstanceAddress;
use crate::wire::capability::{Capabilities, CapabilityClass, CompressionOffer, Family};
use crate::wire::error_packet::ErrorPacket;
use crate::wire::ok_packet::OkPacket;
use crate::wire::packet::write_packet;
use crate::wire::scramble::AuthPlugin;

/// One key for all tests: making it is slow.
static RSA: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::generate().unwrap());

fn users(name: &str) -> Option<Credential> {
    let (password, plugin) = match name {
        "native" => ("secret", AuthPlugin::Native),
        "sha2" => ("secret", AuthPlugin::CachingSha2),
        "open" => ("", AuthPlugin::CachingSha2),
        "clear" => ("secret", AuthPlugin::Cleartext),
        _ => return None,
    };
    Some(Credential { password: password.as_bytes().to_vec(), plugin })
}

fn account(user: &str, password: &str) -> Account {
    Account { user: user.to_owned(), password: password.to_owned() }
}

struct World {
    family: Family,
    acceptor: Option<TlsAcceptor>,
    seen: Option<Mutex<HashSet<String>>>,
    tls_need: TlsNeed,
}

impl World {
    fn plain(family: Family) -> World {
        World { family, acceptor: None, seen: None, tls_need: TlsNeed::Preferred }
    }

    fn context(&self) -> AcceptContext<'_> {
        AcceptContext {
            family: self.family,
            server_version: if self.family == Family::MySql { "8.4.3" } else { "10.11.19-MariaDB" },
            version: if self.family == Family::MySql { 80_403 } else { 101_119 },
            connection_id: 77,
            collation: None,
            tls: self.acceptor.as_ref(),
            tls_need: self.tls_need,
            compression: CompressionOffer::Offered,
            rsa: &RSA,
            users: &users,
            fast_auth: self.seen.as_ref().map_or(FastAuth::Always, FastAuth::AfterFull),
            client_host: "here",
        }
    }

    /// Lets `account` log in over TCP; the server side answers as its caller must: OK, or the refusal.
    async fn meet(
        &self,
        account: &Account,
        tls: Option<&ClientTls>,
    ) -> (Result<Accepted, AcceptError>, Result<LoggedIn, LoginError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = InstanceAddress::Tcp("localhost".to_owned(), listener.local_addr().unwrap().port());
        let server = async {
            let stream = Stream::tcp(listener.accept().await.unwrap().0).unwrap();
            answer(accept(stream, &self.context()).await).await
        };
        let wish = wish(self.family);
        tokio::join!(server, login(&address, account, &wish, tls))
    }
}

async fn answer(outcome: Result<Accepted, AcceptError>) -> Result<Accepted, AcceptError> {
    let mut bytes = Vec::new();
    match outcome {
        Ok(mut accepted) => {
            write_packet(&mut bytes, &mut accepted.sequence, &OkPacket { status: 2, ..OkPacket::default() }.encode());
            accepted.stream.write_all(&bytes).await.unwrap();
            Ok(accepted)
        }
        Err(AcceptError { fault, reply: Some((mut stream, mut sequence)) }) => {
            let (errno, sqlstate) = fault.code().unwrap();
            let packet = ErrorPacket { errno, sqlstate, message: fault.to_string() };
            write_packet(&mut bytes, &mut sequence, &packet.encode());
            stream.write_all(&bytes).await.unwrap();
            Err(AcceptError { fault, reply: None })
        }
        Err(gone) => Err(gone),
    }
}

fn wish(family: Family) -> LoginWish<'static> {
    let mut flags = Capabilities::DEPRECATE_EOF | Capabilities::MULTI_RESULTS | Capabilities::SESSION_TRACK;
    if family == Family::MariaDb {
        flags = flags | Capabilities::EXTENDED_METADATA;
    }
    let class = CapabilityClass::of(flags);
    LoginWish {
        class,
        schema: Some("shop"),
        collation: 45,
        max_packet: 1 << 26,
        attributes: b"\x03_os\x05Linux",
        cleartext: CleartextAuth::OverTls,
        announce: None,
    }
}

fn self_signed_acceptor() -> TlsAcceptor {
    acceptor(&Certificate::SelfSigned, &ClientCertificates::Unasked).unwrap()
}

const FAMILIES: [Family; 2] = [Family::MySql, Family::MariaDb];

fn encrypted() -> ClientTls {
    ClientTls::unverified(TlsNeed::Required).unwrap()
}

#[tokio::test]
async fn both_plugins_log_in_on_plain_tcp_with_and_without_a_switch() {
    for family in FAMILIES {
        for user in ["native", "sha2"] {
            let (accepted, logged_in) = World::plain(family).meet(&account(user, "secret"), None).await;
            let (accepted, logged_in) = (accepted.unwrap(), logged_in.unwrap());
            assert_eq!((accepted.user.as_str(), accepted.schema.as_deref()), (user, Some("shop")));
            assert_eq!((accepted.collation, accepted.max_packet), (45, 1 << 26));
            assert_eq!(accepted.attributes, b"\x03_os\x05Linux");
            assert_eq!(CapabilityClass::of(accepted.capabilities), wish(family).class);
            assert_eq!(CapabilityClass::of(logged_in.capabilities), wish(family).class);
            assert_eq!((logged_in.family, logged_in.connection_id, logged_in.status), (family, 77, 2));
            assert!(!logged_in.server_version.starts_with("5.5.5"));
        }
    }
}

#[tokio::test]
async fn an_empty_password_logs_in_and_only_an_empty_one() {
    for family in FAMILIES {
        World::plain(family).meet(&account("open", ""), None).await.1.unwrap();
        refused(&World::plain(family), &account("open", "x"), None, "YES").await;
    }
}

#[tokio::test]
async fn full_authentication_goes_by_rsa_on_plain_tcp_and_is_fast_the_second_time() {
    for family in FAMILIES {
        let world = World { seen: Some(Mutex::default()), ..World::plain(family) };
        refused(&world, &account("sha2", "wrong"), None, "YES").await;
        assert!(world.seen.as_ref().unwrap().lock().unwrap().is_empty());
        let first = world.meet(&account("sha2", "secret"), None).await.0.unwrap().sequence;
        assert!(world.seen.as_ref().unwrap().lock().unwrap().contains("sha2"));
        let second = world.meet(&account("sha2", "secret"), None).await.0.unwrap().sequence;
        assert!(second < first, "the second login takes fewer packets");
    }
}

#[tokio::test]
async fn full_authentication_over_tls_sends_the_password_in_one_packet() {
    for family in FAMILIES {
        let acceptor = Some(self_signed_acceptor());
        let world = World { acceptor, seen: Some(Mutex::default()), ..World::plain(family) };
        let (accepted, logged_in) = world.meet(&account("sha2", "secret"), Some(&encrypted())).await;
        assert!(accepted.unwrap().stream.is_encrypted());
        assert!(logged_in.unwrap().stream.is_encrypted());
        refused(&world, &account("nobody", "secret"), Some(&encrypted()), "YES").await;
    }
}

#[tokio::test]
async fn native_and_fast_logins_work_over_tls() {
    let world = World { acceptor: Some(self_signed_acceptor()), ..World::plain(Family::MariaDb) };
    for user in ["native", "sha2"] {
        assert!(world.meet(&account(user, "secret"), Some(&encrypted())).await.1.unwrap().stream.is_encrypted());
    }
    let preferred = ClientTls::unverified(TlsNeed::Preferred).unwrap();
    assert!(world.meet(&account("native", "secret"), Some(&preferred)).await.1.unwrap().stream.is_encrypted());
}

#[tokio::test]
async fn a_server_without_tls_is_refused_only_when_tls_is_required() {
    let world = World::plain(Family::MySql);
    let preferred = ClientTls::unverified(TlsNeed::Preferred).unwrap();
    assert!(!world.meet(&account("sha2", "secret"), Some(&preferred)).await.1.unwrap().stream.is_encrypted());
    let (accepted, logged_in) = world.meet(&account("sha2", "secret"), Some(&encrypted())).await;
    assert!(matches!(logged_in, Err(LoginError::NoTls)));
    assert!(matches!(accepted, Err(AcceptError { fault: AcceptFault::Disconnected(_), reply: None })));
}

/// An authority of the test's own, and what it signs, as PEM files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let authority = Authority { folder: tempfile::tempdir().unwrap(), issuer };
        std::fs::write(authority.file("ca.pem"), authority.issuer.pem()).unwrap();
        authority
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The files of a certificate for `host` and of its key.
    fn signs(&self, host: &str) -> (std::path::PathBuf, std::path::PathBuf) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let (chain_file, key_file) = (self.file(&format!("{host}.pem")), self.file(&format!("{host}.key")));
        std::fs::write(&chain_file, signed.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (chain_file, key_file)
    }

    fn acceptor(&self, host: &str, clients: &ClientCertificates) -> TlsAcceptor {
        let (chain, key) = self.signs(host);
        acceptor(&Certificate::Files { chain, key }, clients).unwrap()
    }
}

#[tokio::test]
async fn a_servers_certificate_is_verified_as_far_as_is_asked() {
    let (own, stranger) = (Authority::new(), Authority::new());
    let ca = own.file("ca.pem");
    let proofs = [ServerProof::None, ServerProof::Authority(&ca), ServerProof::Identity(&ca)];
    let servers = [(&own, "localhost", [true, true, true]), (&own, "elsewhere", [true, true, false])];
    for (authority, host, expected) in servers.into_iter().chain([(&stranger, "localhost", [true, false, false])]) {
        let acceptor = Some(authority.acceptor(host, &ClientCertificates::Unasked));
        let world = World { acceptor, ..World::plain(Family::MySql) };
        for (proof, expected) in proofs.into_iter().zip(expected) {
            let tls = ClientTls::new(TlsNeed::Required, proof, None).unwrap();
            let logged_in = world.meet(&account("sha2", "secret"), Some(&tls)).await.1;
            match logged_in {
                Ok(logged_in) => assert!(expected && logged_in.stream.is_encrypted(), "{host} {proof:?}"),
                Err(error) => assert!(!expected && matches!(error, LoginError::Tls(_)), "{host} {proof:?} {error}"),
            }
        }
    }
    let (chain, key) = own.signs("localhost");
    let swapped = Certificate::Files { chain: key, key: chain };
    assert!(acceptor(&swapped, &ClientCertificates::Unasked).is_err());
}

#[tokio::test]
async fn a_clients_certificate_is_verified_where_it_is_asked_for() {
    let (own, stranger) = (Authority::new(), Authority::new());
    let asks = [ClientCertificates::Optional(own.file("ca.pem")), ClientCertificates::Required(own.file("ca.pem"))];
    for (clients, without_one) in asks.into_iter().zip([true, false]) {
        let acceptor = Some(own.acceptor("localhost", &clients));
        let world = World { acceptor, ..World::plain(Family::MySql) };
        let logs_in = async |identity: Option<(std::path::PathBuf, std::path::PathBuf)>| {
            let identity = identity.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
            let tls = ClientTls::new(TlsNeed::Required, ServerProof::None, identity).unwrap();
            world.meet(&account("sha2", "secret"), Some(&tls)).await.0.is_ok()
        };
        assert!(logs_in(Some(own.signs("client"))).await, "{clients:?}");
        assert!(!logs_in(Some(stranger.signs("client"))).await, "{clients:?}");
        assert_eq!(logs_in(None).await, without_one, "{clients:?}");
    }
}

#[tokio::test]
async fn where_encryption_is_required_nobody_logs_in_without() {
    let world =
        World { acceptor: Some(self_signed_acceptor()), tls_need: TlsNeed::Required, ..World::plain(Family::MariaDb) };
    world.meet(&account("sha2", "secret"), Some(&encrypted())).await.1.unwrap();
    let (accepted, logged_in) = world.meet(&account("sha2", "secret"), None).await;
    assert!(matches!(accepted, Err(AcceptError { fault: AcceptFault::Insecure, .. })));
    assert!(matches!(logged_in, Err(LoginError::Refused { errno: 3159, .. })));
}

#[tokio::test]
async fn a_password_in_clear_text_goes_over_tls_only_and_only_where_it_is_enabled() {
    for family in FAMILIES {
        let world = World { acceptor: Some(self_signed_acceptor()), ..World::plain(family) };
        world.meet(&account("clear", "secret"), Some(&encrypted())).await.1.unwrap();
        refused(&world, &account("clear", "wrong"), Some(&encrypted()), "YES").await;
        refused(&world, &account("clear", ""), Some(&encrypted()), "NO").await;
        let plain = world.meet(&account("clear", "secret"), None).await;
        assert!(matches!(plain.0, Err(AcceptError { fault: AcceptFault::Insecure, .. })));
    }
    // Our own login gives no password away that it was not told to give, and none in the open.
    for (tls, cleartext) in [(Some(encrypted()), CleartextAuth::Refused), (None, CleartextAuth::OverTls)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = InstanceAddress::Tcp("localhost".to_owned(), listener.local_addr().unwrap().port());
        let asker = asks_for_clear_text(&listener);
        let wish = LoginWish { cleartext, ..wish(Family::MySql) };
        let account = account("clear", "secret");
        let (asked, logged_in) = tokio::join!(asker, login(&address, &account, &wish, tls.as_ref()));
        assert!(matches!(logged_in, Err(LoginError::Cleartext)), "{logged_in:?}");
        assert_eq!(asked, b"", "nothing was answered");
    }
}

/// A server that asks for the password as it is; gives what it was answered.
async fn asks_for_clear_text(listener: &TcpListener) -> Vec<u8> {
    use crate::wire::{AuthSwitch, Greeting, Offer, TlsOffer, offered};
    let offer =
        Offer { family: Family::MySql, version: 80_403, tls: TlsOffer::Offered, compression: CompressionOffer::Absent };
    let greeting = Greeting {
        family: Family::MySql,
        server_version: "8.4.3".to_owned(),
        connection_id: 7,
        capabilities: offered(&offer),
        collation: 45,
        status: 2,
        salt: *b"abcdefghijklmnopqrst",
        plugin: "caching_sha2_password".to_owned(),
    };
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    write_packet(&mut bytes, &mut 0, &greeting.encode());
    socket.write_all(&bytes).await.unwrap();
    let mut stream = Stream::tcp(socket).unwrap();
    let mut request = packet(&mut stream).await;
    if request.1.len() == 32 {
        let Stream::Tcp(socket) = stream else { panic!() };
        let session = self_signed_acceptor().accept(socket).await.unwrap();
        stream = Stream::Tls(Box::new(tokio_rustls::TlsStream::Server(session)));
        request = packet(&mut stream).await;
    }
    let mut bytes = Vec::new();
    let switch = AuthSwitch::new("mysql_clear_password", b"abcdefghijklmnopqrst");
    write_packet(&mut bytes, &mut (request.0 + 1), &switch.encode());
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    let mut answered = Vec::new();
    // An end without a farewell is an end as well.
    let _ = stream.read_to_end(&mut answered).await;
    answered
}

async fn packet(stream: &mut Stream) -> (u8, Vec<u8>) {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8];
    stream.read_exact(&mut payload).await.unwrap();
    (header[3], payload)
}

/// Both sides see the same refusal, with the servers' own text.
async fn refused(world: &World, account: &Account, tls: Option<&ClientTls>, used_password: &str) {
    let (accepted, logged_in) = world.meet(account, tls).await;
    assert!(matches!(accepted, Err(AcceptError { fault: AcceptFault::Denied { .. }, .. })));
    let Err(LoginError::Refused { errno, sqlstate, message }) = logged_in else { panic!("{logged_in:?}") };
    assert_eq!((errno, &sqlstate), (1045, b"28000"));
    let user = &account.user;
    assert_eq!(message, format!("Access denied for user '{user}'@'here' (using password: {used_password})"));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_get_the_same_refusal() {
    for family in FAMILIES {
        for (user, password, used) in [
            ("native", "wrong", "YES"),
            ("native", "", "NO"),
            ("sha2", "wrong", "YES"),
            ("sha2", "", "NO"),
            ("nobody", "secret", "YES"),
            ("nobody", "", "NO"),
        ] {
            refused(&World::plain(family), &account(user, password), None, used).await;
        }
    }
}

#[tokio::test]
async fn a_unix_socket_is_confidential_enough_for_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let world = World { seen: Some(Mutex::default()), ..World::plain(Family::MySql) };
    let server = async {
        let stream = Stream::Unix(listener.accept().await.unwrap().0);
        answer(accept(stream, &world.context()).await).await
    };
    let address = InstanceAddress::Unix(path.to_str().unwrap().to_owned());
    let account = account("sha2", "secret");
    let wish = wish(Family::MySql);
    let (accepted, logged_in) = tokio::join!(server, login(&address, &account, &wish, None));
    accepted.unwrap();
    assert!(!logged_in.unwrap().stream.is_encrypted());
}

#[tokio::test]
async fn an_error_in_place_of_the_greeting_is_given_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = InstanceAddress::from(listener.local_addr().unwrap());
    let server = async {
        let packet = ErrorPacket { errno: 1040, sqlstate: *b"08004", message: "Too many connections".to_owned() };
        let mut bytes = Vec::new();
        write_packet(&mut bytes, &mut 0, &packet.encode_before_greeting());
        listener.accept().await.unwrap().0.write_all(&bytes).await.unwrap();
    };
    let account = account("sha2", "secret");
    let wish = wish(Family::MySql);
    let ((), logged_in) = tokio::join!(server, login(&address, &account, &wish, None));
    assert!(
        matches!(logged_in, Err(LoginError::Refused { errno: 1040, message, .. }) if message == "Too many connections")
    );
}

#[tokio::test]
async fn a_flag_the_server_lacks_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = InstanceAddress::from(listener.local_addr().unwrap());
    let world = World::plain(Family::MySql);
    let server = async { accept(Stream::tcp(listener.accept().await.unwrap().0).unwrap(), &world.context()).await };
    let account = account("sha2", "secret");
    let wish = wish(Family::MariaDb);
    let (_, logged_in) = tokio::join!(server, login(&address, &account, &wish, None));
    assert!(matches!(logged_in, Err(LoginError::Missing(Capabilities::EXTENDED_METADATA))));
}

/// What becomes of a client that answers the greeting with these bytes.
async fn outcome_of(bytes: &[u8]) -> Result<Accepted, AcceptError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let stream = Stream::tcp(listener.accept().await.unwrap().0).unwrap();
    let outcome = accept(stream, &World::plain(Family::MySql).context()).await;
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting).await.unwrap();
    outcome
}

#[tokio::test]
async fn malformed_logins_can_still_be_told_so() {
    for bytes in [&b"\x04\0\0\x01\x00\x02\0\0"[..], b"\x01\0\0\x05x", b"\0\0\xF0\x01", b"GET / HTTP/1.1\r\n\r\n"] {
        let error = outcome_of(bytes).await.unwrap_err();
        assert!(matches!(error.fault, AcceptFault::Malformed(_)), "{:?}", error.fault);
        assert_eq!(error.fault.code(), Some((1043, *b"08S01")));
        assert!(error.reply.is_some());
    }
    let error = outcome_of(b"\x08\0\0\x01\x05\0\0\0\0app").await.unwrap_err();
    assert!(matches!(error.fault, AcceptFault::TooOld));
}

#[tokio::test]
async fn a_client_that_leaves_is_not_answered() {
    for bytes in [&b""[..], b"\x04\0", b"\x04\0\0\x01x"] {
        let error = outcome_of(bytes).await.unwrap_err();
        assert!(matches!(error, AcceptError { fault: AcceptFault::Disconnected(_), reply: None }));
    }
}

#[tokio::test]
async fn a_command_sent_early_is_left_in_the_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::plain(Family::MySql);
    let server = async {
        answer(accept(Stream::tcp(listener.accept().await.unwrap().0).unwrap(), &world.context()).await).await
    };
    let client = async {
        let mut client = TcpStream::connect(address).await.unwrap();
        let flags = Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION | Capabilities::PLUGIN_AUTH;
        let request = crate::wire::login_request::LoginRequest {
            capabilities: flags | Capabilities::CLIENT_MYSQL,
            max_packet: 0,
            collation: 45,
            user: "open".to_owned(),
            auth_response: Vec::new(),
            schema: None,
            plugin: Some(AuthPlugin::CachingSha2.name().to_owned()),
            attributes: Vec::new(),
            zstd_level: 0,
        };
        let mut bytes = Vec::new();
        write_packet(&mut bytes, &mut 1, &request.encode());
        write_packet(&mut bytes, &mut 0, b"\x0E");
        client.write_all(&bytes).await.unwrap();
        client
    };
    let (accepted, _client) = tokio::join!(server, client);
    let mut early = [0; 5];
    accepted.unwrap().stream.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"\x01\0\0\0\x0E");
}

#[tokio::test]
async fn reading_and_writing_without_waiting_gives_way_when_nothing_is_there() {
    for tls in [None, Some(encrypted())] {
        let acceptor = tls.as_ref().map(|_| self_signed_acceptor());
        let world = World { acceptor, ..World::plain(Family::MySql) };
        let (accepted, logged_in) = world.meet(&account("sha2", "secret"), tls.as_ref()).await;
        let (mut here, mut there) = (accepted.unwrap().stream, logged_in.unwrap().stream);
        assert_eq!(here.try_read(&mut [0; 9]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(there.try_write(b"ping").unwrap(), 4);
        let mut received = [0; 4];
        here.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"ping");
        here.write_all(b"pong").await.unwrap();
        here.flush().await.unwrap();
        there.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"pong");
    }
}
