//! The greeting; and COM_CHANGE_USER: proved again at Meridian, and nothing of the session before is left.

use meridian::wire::greeting::Greeting;
use meridian::wire::scanner::ReplyKind;
use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn, Error};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::{rows, value};

/// Users of either plugin, over the application's account, and one that may hold a single connection.
const USERS: &str = "\n[[user]]\nname = \"native\"\npassword = \"nativepw\"\nauth = \"mysql_native_password\"\nbackend_user = \"app\"\n\
    backend_password = \"apppw\"\n\
    [[user]]\nname = \"sha2\"\npassword = \"sha2pw\"\nbackend_user = \"app\"\nbackend_password = \"apppw\"\n\
    [[user]]\nname = \"single\"\npassword = \"singlepw\"\nconnections = 1\nbackend_user = \"app\"\nbackend_password = \"apppw\"\n";

fn to(user: &str, password: &str) -> ChangeUserOpts {
    ChangeUserOpts::default()
        .with_user(Some(user.to_owned()))
        .with_pass(Some(password.to_owned()))
        .with_db_name(Some("plain".to_owned()))
}

async fn console(unit: &OneUnit) -> Conn {
    let options = mysql_async::OptsBuilder::default().ip_or_hostname("127.0.0.1").prefer_socket(Some(false));
    Conn::new(options.tcp_port(unit.node.console_port("hz")).user(Some("admin")).pass(Some("adminpw"))).await.unwrap()
}

/// The users of all sessions, as the console shows them.
async fn users_of_sessions(unit: &OneUnit) -> Vec<String> {
    let mut users: Vec<String> =
        rows(&mut console(unit).await, "SHOW SESSIONS").await.into_iter().map(|row| row["user"].clone()).collect();
    users.sort();
    users
}

async fn users_change(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |plan| plan.users.push_str(USERS)).await else { return };
    let mut client = unit.connect(Some("plain")).await.unwrap();
    let id = value(&mut client, "SELECT CONNECTION_ID()").await;
    client.query_drop("CREATE TABLE IF NOT EXISTS changed (id INT) ENGINE=InnoDB").await.unwrap();
    for (user, password) in [("native", "nativepw"), ("sha2", "sha2pw"), ("app", "apppw"), ("native", "nativepw")] {
        client.query_drop("SET @left = 5, sql_mode = 'ANSI_QUOTES'").await.unwrap();
        client.query_drop("CREATE TEMPORARY TABLE left_behind (id INT)").await.unwrap();
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop("INSERT INTO changed VALUES (1)").await.unwrap();
        let statement = client.prep("SELECT 1").await.unwrap();
        client.change_user(to(user, password)).await.unwrap();
        assert_eq!(value(&mut client, "SELECT CONNECTION_ID()").await, id, "to {user}");
        assert_eq!(value(&mut client, "SELECT @left").await, "NULL", "to {user}");
        assert_eq!(value(&mut client, "SELECT \"a string\"").await, "a string", "to {user}");
        assert!(client.query_drop("SELECT * FROM left_behind").await.is_err(), "to {user}");
        assert_eq!(value(&mut client, "SELECT COUNT(*) FROM changed").await, "0", "to {user}: rolled back");
        let executed = client.exec_drop(&statement, ()).await;
        assert!(
            matches!(executed, Err(Error::Server(error)) if error.code == 1243),
            "to {user}: statements are forgotten"
        );
        assert_eq!(users_of_sessions(&unit).await, [user]);
    }
    refused_changes(&unit, kind).await;
}

async fn refused_changes(unit: &OneUnit, kind: Kind) {
    let mut client = unit.connect(Some("plain")).await.unwrap();
    let refusal = |outcome: Result<(), Error>| match outcome {
        Err(Error::Server(error)) => error.code,
        other => panic!("{other:?}"),
    };
    let wrong = refusal(client.change_user(to("native", "wrong")).await);
    match kind {
        Kind::Mysql9 => {
            assert_eq!(wrong, 1045);
            assert!(client.query_drop("SELECT 1").await.is_err(), "MySQL closes the connection");
        }
        Kind::MariaDb => {
            assert_eq!(wrong, 1045);
            assert_eq!(value(&mut client, "SELECT CURRENT_USER()").await, "app@%", "MariaDB lets it go on");
            assert_eq!(refusal(client.change_user(to("nobody", "wrong")).await), 1045);
        }
    }
    // The limit of the new user counts, and its place is free again when the session goes on as another.
    let mut first = unit.connect(None).await.unwrap();
    first.change_user(to("single", "singlepw")).await.unwrap();
    let mut second = unit.connect(None).await.unwrap();
    assert_eq!(refusal(second.change_user(to("single", "singlepw")).await), 1226);
    first.change_user(to("app", "apppw")).await.unwrap();
    let mut third = unit.connect(None).await.unwrap();
    third.change_user(to("single", "singlepw")).await.unwrap();
}

#[tokio::test]
async fn users_change_over_mariadb() {
    users_change(Kind::MariaDb).await;
}

#[tokio::test]
async fn users_change_over_mysql9() {
    users_change(Kind::Mysql9).await;
}

#[tokio::test]
async fn a_collation_over_255_counts_after_a_change_of_user() {
    let Some(unit) = OneUnit::start(Kind::Mysql9, |plan| plan.users.push_str(USERS)).await else { return };
    let mut client = Raw::connect(unit.port(), None, usual(Kind::Mysql9)).await;
    // utf8mb4_ja_0900_as_cs is number 303; the empty answer asks for a salt.
    let request = b"\x11native\0\0plain\0\x2f\x01mysql_native_password\0";
    client.send(request).await;
    let mut switch = [0; 4];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut switch).await.unwrap();
    let mut payload = vec![0; usize::from(switch[0])];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut payload).await.unwrap();
    let asked = meridian::wire::AuthSwitch::parse(&payload).unwrap();
    assert_eq!(asked.plugin, "mysql_native_password");
    let answer = meridian::wire::AuthPlugin::Native.respond(b"nativepw", &asked.salt());
    let mut bytes = Vec::new();
    meridian::wire::write_packet(&mut bytes, &mut (switch[3] + 1), &answer);
    tokio::io::AsyncWriteExt::write_all(&mut client.stream, &bytes).await.unwrap();
    assert_eq!(client.receive(ReplyKind::Simple).await.errno(), None);
    assert_eq!(client.value("SELECT @@collation_connection").await, "utf8mb4_ja_0900_as_cs");
    let sessions = rows(&mut console(&unit).await, "SHOW SESSIONS").await;
    assert_eq!((sessions[0]["user"].as_str(), sessions[0]["program"].as_str()), ("native", ""));
}

/// The collation of which a client makes its own.
async fn greeted_with(port: u16) -> u8 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; usize::from(header[0])];
    stream.read_exact(&mut payload).await.unwrap();
    Greeting::parse(&payload).unwrap().collation
}

#[tokio::test]
async fn clients_are_greeted_with_the_servers_own_collation() {
    for kind in [Kind::MariaDb, Kind::Mysql9] {
        for (charset, collation) in [("latin1", "latin1_german1_ci"), ("utf8mb4", "utf8mb4_bin")] {
            let options = [&*format!("--character-set-server={charset}"), &*format!("--collation-server={collation}")];
            let Some(unit) = OneUnit::start_with(kind, &options, |_| {}).await else { return };
            let direct = greeted_with(unit.direct_port()).await;
            assert!(direct == 5 || direct == 46, "{kind:?} {direct}");
            assert_eq!(greeted_with(unit.port()).await, direct, "{kind:?}");
        }
    }
}
