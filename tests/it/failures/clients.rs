//! Clients that are not let in, lie, keep silent or are too many: each is told or closed alone, and the log says why.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::program::Program;
use crate::scenarios::expect::{error_of, refused, until, value, within};
use crate::scenarios::node::{Node, Setup, UNITS, options};
use crate::scenarios::world::{APP, Databases, marker};

async fn refusal(options: OptsBuilder) -> (u16, String) {
    refused(Conn::new(options).await.expect_err("it was let in"))
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_an_unknown_schema_are_refused_as_a_server_does() {
    let databases = Databases::shared().await;
    // What a server says of a schema that is not there depends on what the account may use.
    for unit in UNITS {
        let grant = "GRANT SELECT ON *.* TO wide@'%' IDENTIFIED BY 'widepw'";
        databases.run_unlogged(unit, grant).await;
    }
    let mut setup = Setup::shared(databases);
    setup.users.push_str("[[user]]\nname = \"wide\"\npassword = \"widepw\"\n");
    let node = Node::start(setup).await;
    let right = || node.setup.options("hz");
    let mut neighbour = node.client("hz").await;
    assert_eq!(refusal(right().pass(Some("wrong"))).await.0, 1045);
    assert_eq!(refusal(right().pass(None::<&str>)).await.0, 1045);
    let (errno, text) = refusal(right().user(Some("nobody"))).await;
    assert!(errno == 1045 && text.contains("nobody"), "{text}");
    let wide = || right().user(Some("wide")).pass(Some("widepw"));
    let (errno, text) = refusal(wide().db_name(Some("nowhere"))).await;
    assert!(errno == 1049 && text.contains("nowhere"), "{errno} {text}");
    assert_eq!(error_of(&mut Conn::new(wide()).await.unwrap(), "USE nowhere").await.0, 1049);
    let (errno, text) = refusal(right().db_name(Some("nowhere"))).await;
    assert!(errno == 1044 && !text.contains("127.0.0.1"), "{errno} {text}");
    assert_eq!(error_of(&mut neighbour, "USE nowhere").await.0, 1044);
    assert_eq!(value(&mut neighbour, "SELECT DATABASE()").await, "shop", "the refused schema is not taken");
}

/// Reads until the other side closes.
async fn closes(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset says as much as an end.
    let _ = within("the connection is closed", Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    bytes
}

#[tokio::test]
async fn a_malformed_handshake_closes_that_connection_alone_with_a_reason_in_the_log() {
    let program = Program::start(Setup::shared(Databases::shared().await)).await;
    let mut neighbour = program.setup.client("hz").await;
    let answers: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: meridian\r\n\r\n",
        &[3, 0, 0, 1, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 1, 0],
        &[40, 0, 0, 9, 0x85, 0xa6, 0x03, 0x20, 0, 0, 0, 1, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for (number, answer) in answers.iter().enumerate() {
        let mut stream = TcpStream::connect(("127.0.0.1", program.setup.port("hz"))).await.unwrap();
        let peer = stream.local_addr().unwrap();
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        closes(&mut stream).await;
        until(&format!("the log names {peer} for answer {number}"), Duration::from_secs(5), async || {
            program.log().lines().any(|line| line.contains(&peer.to_string()))
        })
        .await;
        assert_eq!(value(&mut neighbour, "SELECT 1").await, "1");
    }
    program.logs("malformed login").await;
}

/// A client's connection with somebody in between who can add bytes of its own.
async fn tampered(
    setup: &Setup,
    added: Vec<u8>,
) -> (Conn, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, target) = (listener.local_addr().unwrap().port(), setup.port("hz"));
    let (add, wish) = tokio::sync::oneshot::channel::<()>();
    let between = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut node = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut node) => return,
            _ = wish => {}
        }
        node.write_all(&added).await.unwrap();
        closes(&mut node).await;
    });
    let options = options(port).user(Some(APP.0)).pass(Some(APP.1)).db_name(Some("shop"));
    (Conn::new(options).await.unwrap(), add, between)
}

#[tokio::test]
async fn a_malformed_packet_closes_that_connection_alone_with_a_reason_in_the_log() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = "max_packet = \"1MiB\"".to_owned();
    let program = Program::start(setup).await;
    let mut neighbour = program.setup.client("hz").await;
    let lies = [
        (vec![1, 0, 0, 7, 14], "packet 7 where packet 0 must come"),
        (vec![0xff, 0xff, 0xff, 0, 3], "a packet of more than 1048576 bytes"),
    ];
    for (lie, reason) in lies {
        let (mut client, add, between) = tampered(&program.setup, lie).await;
        client.query_drop("BEGIN").await.unwrap();
        let item = marker();
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
        add.send(()).unwrap();
        between.await.unwrap();
        program.logs(reason).await;
        let strong =
            format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 50 AND item = '{item}'");
        assert_eq!(value(&mut neighbour, &strong).await, "0", "its transaction is rolled back");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_after_the_login_deadline() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = "login_deadline = \"300ms\"\nidle_deadline = \"700ms\"".to_owned();
    let program = Program::start(setup).await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(("127.0.0.1", program.setup.port("bj"))).await.unwrap();
    let peer = silent.local_addr().unwrap().to_string();
    assert!(closes(&mut silent).await.len() > 20, "it was greeted");
    assert!(began.elapsed() >= Duration::from_millis(300), "after {:?}", began.elapsed());
    program.logs(&peer).await;
    program.logs("within the login deadline").await;
    // A login that stops half-way is no better.
    let mut halfway = TcpStream::connect(("127.0.0.1", program.setup.port("bj"))).await.unwrap();
    halfway.write_all(&[200, 0, 0, 1, 0x85, 0xa6]).await.unwrap();
    closes(&mut halfway).await;
    // A logged-in client has the idle deadline instead.
    let mut idle = program.setup.client("bj").await;
    let began = Instant::now();
    until("the idle session is closed", Duration::from_secs(5), async || {
        let mut console = program.setup.console("bj").await;
        crate::scenarios::expect::rows(&mut console, "SHOW SESSIONS").await.is_empty()
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(500), "after {:?}", began.elapsed());
    assert!(idle.query_drop("SELECT 1").await.is_err());
}

#[tokio::test]
async fn clients_beyond_the_connection_limit_are_told_1040_and_let_in_when_one_has_left() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = "connections = 3".to_owned();
    let node = Node::start(setup).await;
    let (one, two) = (node.client("hz").await, node.client("bj").await);
    // Those still logging in count too.
    let silent = TcpStream::connect(("127.0.0.1", node.setup.port("hz"))).await.unwrap();
    until("the fourth is told", Duration::from_secs(5), async || {
        matches!(Conn::new(node.setup.options("hz")).await, Err(mysql_async::Error::Server(error)) if error.code == 1040)
    })
    .await;
    let (errno, text) = refusal(node.setup.options("bj")).await;
    assert_eq!((errno, text.as_str()), (1040, "Too many connections"));
    drop(silent);
    one.disconnect().await.unwrap();
    until("a place is free", Duration::from_secs(5), async || Conn::new(node.setup.options("hz")).await.is_ok()).await;
    drop(two);
}

#[tokio::test]
async fn a_user_at_its_own_limit_is_refused_and_others_are_not() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.users.push_str(&format!(
        "[[user]]\nname = \"few\"\npassword = \"fewpw\"\nconnections = 1\nbackend_user = \"{}\"\nbackend_password = \"{}\"\n",
        APP.0, APP.1
    ));
    let node = Node::start(setup).await;
    let few = || node.setup.options("hz").user(Some("few")).pass(Some("fewpw"));
    let first = Conn::new(few()).await.unwrap();
    let (errno, text) = refusal(few()).await;
    assert!(errno == 1226 && text.contains("few"), "{errno} {text}");
    node.client("hz").await.query_drop("SELECT 1").await.unwrap();
    first.disconnect().await.unwrap();
    until("its place is free", Duration::from_secs(5), async || Conn::new(few()).await.is_ok()).await;
}
