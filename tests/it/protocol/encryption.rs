//! Encryption and proof towards instances, and what load balancers say of clients.

use std::time::Duration;

use meridian::demo::root_access::RootAccess;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, SslOpts};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::node::{Kind, Node, OneUnit, app_options};
use crate::scenarios::expect::{rows, until, value};

/// A user of Meridian's that runs under an account of its own. Logging in to a schema that the catalog does not know yet takes a connection to
/// the instance, so an account that is not reached shows at once.
pub(super) fn user(name: &str, more: &str) -> String {
    format!("\n[[user]]\nname = \"{name}\"\npassword = \"{name}pw\"\n{more}\n")
}

async fn client_of(node: &Node, name: &str) -> Result<Conn, mysql_async::Error> {
    let options = app_options(node.port("hz"), Some("plain")).user(Some(name)).pass(Some(format!("{name}pw")));
    Conn::new(options).await
}

async fn variable(root: &RootAccess, name: &str) -> String {
    root.value(&format!("SELECT @@{name}")).await.unwrap().unwrap()
}

#[tokio::test]
async fn mysql9_is_reached_over_tls_with_the_authority_and_the_certificate_it_asks_for() {
    let Some(unit) = OneUnit::start(Kind::Mysql9, |_| {}).await else { return };
    let accounts = [
        "CREATE USER certified@'%' IDENTIFIED BY 'certifiedpw' REQUIRE X509".to_owned(),
        "CREATE USER encrypted@'%' IDENTIFIED BY 'encryptedpw' REQUIRE SSL".to_owned(),
        "GRANT ALL ON plain.* TO certified@'%', encrypted@'%'".to_owned(),
    ];
    unit.root().run(&accounts).await.unwrap();
    unit.wait_until_replicated().await;
    // What the server made for itself when it was set up.
    let folder = variable(&unit.root(), "datadir").await;
    let users = [user("certified", ""), user("encrypted", "")].concat();
    let node = async |lines: String| {
        unit.another_node(|plan| {
            plan.users.push_str(&users);
            plan.backend.push_str(&lines);
        })
        .await
    };
    let verified = node(format!(
        "tls = \"verify_ca\"\ntls_authority = \"{folder}ca.pem\"\ntls_certificate = \"{folder}client-cert.pem\"\n\
         tls_key = \"{folder}client-key.pem\"\n"
    ))
    .await;
    for name in ["certified", "encrypted"] {
        let mut client = client_of(&verified, name).await.unwrap();
        // SHOW STATUS would tell of the client's own connection.
        let cipher = "SELECT variable_value FROM performance_schema.session_status WHERE variable_name = 'Ssl_cipher'";
        assert!(value(&mut client, cipher).await.starts_with("TLS"), "{name}");
        assert_eq!(value(&mut client, "SELECT CURRENT_USER()").await, format!("{name}@%"));
    }
    let without = node("tls = \"required\"\n".to_owned()).await;
    let mut encrypted = client_of(&without, "encrypted").await.unwrap();
    assert_eq!(value(&mut encrypted, "SELECT 1").await, "1");
    assert!(client_of(&without, "certified").await.is_err(), "no certificate is shown");
    // Its certificate carries no host's name.
    let named = node(format!("tls = \"verify_identity\"\ntls_authority = \"{folder}ca.pem\"\n")).await;
    assert!(client_of(&named, "encrypted").await.is_err(), "it is not who it should be");
    // The monitor encrypts as well: the node starts over an account that must, and sees the tables of the schema.
    let strict = ["ALTER USER meridian_monitor@'%' REQUIRE X509".to_owned()];
    unit.root().run(&strict).await.unwrap();
    unit.wait_until_replicated().await;
    let verified = node(format!(
        "tls = \"verify_ca\"\ntls_authority = \"{folder}ca.pem\"\ntls_certificate = \"{folder}client-cert.pem\"\n\
         tls_key = \"{folder}client-key.pem\"\n"
    ))
    .await;
    let console = mysql_async::OptsBuilder::default().ip_or_hostname("127.0.0.1").prefer_socket(Some(false));
    let console = console.tcp_port(verified.console_port("hz")).user(Some("admin")).pass(Some("adminpw"));
    let mut console = Conn::new(console).await.unwrap();
    until("the monitor reaches the primary", Duration::from_secs(30), async || {
        rows(&mut console, "SHOW INSTANCES")
            .await
            .iter()
            .any(|row| row["instance"] == "hz-main-1" && row["health"] == "healthy")
    })
    .await;
    let open = node(String::new()).await;
    assert!(client_of(&open, "encrypted").await.is_err(), "the account is not reached without encryption");
}

#[tokio::test]
async fn mariadb_accounts_that_sign_are_logged_in() {
    let users = [user("signing", ""), user("mistaken", "backend_user = \"signing\"\nbackend_password = \"wrong\"")];
    let Some(unit) = OneUnit::start(Kind::MariaDb, |plan| plan.users.push_str(&users.concat())).await else { return };
    let accounts = [
        "INSTALL SONAME 'auth_ed25519'".to_owned(),
        "CREATE USER signing@'%' IDENTIFIED VIA ed25519 USING PASSWORD('signingpw')".to_owned(),
        "GRANT ALL ON plain.* TO signing@'%'".to_owned(),
    ];
    unit.root().run(&accounts).await.unwrap();
    let mut client = client_of(&unit.node, "signing").await.unwrap();
    assert_eq!(value(&mut client, "/*meridian: level=strong*/ SELECT CURRENT_USER() FROM DUAL").await, "signing@%");
    assert!(client_of(&unit.node, "mistaken").await.is_err());
}

/// Passes one connection on to the node, behind `header`. Gives the port to connect to.
pub(super) async fn balancer(node_port: u16, header: impl Into<Vec<u8>>) -> u16 {
    let header = header.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut node = TcpStream::connect(("127.0.0.1", node_port)).await.unwrap();
        node.write_all(&header).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut node).await;
    });
    port
}

#[tokio::test]
async fn a_listed_balancer_says_whose_connection_it_passes_on() {
    let line = "proxy_protocol_from = [\"127.0.0.0/8\"]\n";
    let Some(unit) = OneUnit::start(Kind::MariaDb, |plan| plan.listener.push_str(line)).await else { return };
    let headers: [(&[u8], &str); 3] = [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406\r\n", "192.0.2.7:56324"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\xdc\x04\x11\x36", "192.0.2.8:56324"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1:"),
    ];
    for (header, address) in headers {
        let port = balancer(unit.port(), header).await;
        let mut client = Conn::new(app_options(port, Some("plain"))).await.unwrap();
        assert_eq!(value(&mut client, "SELECT 1").await, "1");
        let console = mysql_async::OptsBuilder::default().ip_or_hostname("127.0.0.1").prefer_socket(Some(false));
        let console = console.tcp_port(unit.node.console_port("hz")).user(Some("admin")).pass(Some("adminpw"));
        let sessions = rows(&mut Conn::new(console).await.unwrap(), "SHOW SESSIONS").await;
        assert!(sessions.iter().any(|row| row["client"].starts_with(address)), "{sessions:?}");
        client.disconnect().await.unwrap();
    }
    let refused = balancer(unit.port(), b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406\r\n").await;
    let wrong = app_options(refused, None).pass(Some("wrong"));
    let Err(mysql_async::Error::Server(error)) = Conn::new(wrong).await else { panic!("it was let in") };
    assert!(error.code == 1045 && error.message.contains("'app'@'192.0.2.7'"), "{error}");
    let silent = balancer(unit.port(), b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(Conn::new(app_options(silent, None)).await.is_err(), "no header, no login");
}

/// A certificate for 127.0.0.1 and its key, as PEM files in `folder`.
fn write_certificate(folder: &std::path::Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("listener.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(folder.join("listener-key.pem"), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn reload_shows_new_clients_the_new_certificate_and_keeps_the_old_ones_connections() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    write_certificate(folder.path());
    let lines = format!("tls_certificate = \"{at}/listener.pem\"\ntls_key = \"{at}/listener-key.pem\"\n");
    let Some(unit) = OneUnit::start(Kind::MariaDb, |plan| plan.listener.push_str(&lines)).await else { return };
    let trusting = async |certificate: Vec<u8>| {
        let roots = vec![certificate.into()];
        let options = app_options(unit.port(), Some("plain")).ssl_opts(Some(SslOpts::default().with_root_certs(roots)));
        Conn::new(options).await
    };
    let certificate = || std::fs::read(folder.path().join("listener.pem")).unwrap();
    let console = app_options(unit.node.console_port("hz"), None).user(Some("admin")).pass(Some("adminpw"));
    let mut console = Conn::new(console).await.unwrap();
    let old = certificate();
    let mut before = trusting(old.clone()).await.unwrap();

    // One that cannot be read: nothing changes.
    std::fs::write(folder.path().join("listener.pem"), "no certificate").unwrap();
    assert!(console.query_drop("RELOAD").await.is_err());
    trusting(old.clone()).await.unwrap();

    write_certificate(folder.path());
    console.query_drop("RELOAD").await.unwrap();
    trusting(certificate()).await.unwrap();
    assert!(trusting(old).await.is_err(), "the old certificate is shown");
    assert_eq!(value(&mut before, "SELECT 1").await, "1");
}
