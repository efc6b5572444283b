//! The procedures of the nodes' accounts on both families: numbers only rise, who is shut out stays out, and whoever calls them can do no more.

use meridian::ctl::accounts::{Wish, statements};
use meridian::demo::root_access::RootAccess;
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, SslOpts};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::moves::Turn;
use crate::scenarios::expect::code_of;
use crate::scenarios::node::login;
use crate::servers::{Mysql9, Mysql9Tree};

async fn called(conn: &mut Conn, call: &str) -> u64 {
    conn.query_first(format!("CALL meridian.{call}")).await.unwrap().unwrap()
}

/// Everything that is promised of them, where the applications' account is `app` and the caller `meridian_monitor`.
async fn hold(root: &RootAccess, port: u16, tls: Option<SslOpts>, locked: u16) {
    let forget =
        ["SET SESSION sql_log_bin = 0", "DELETE FROM meridian.account WHERE node IN (3, 4)"].map(str::to_owned);
    root.run(&forget).await.unwrap();
    let mut caller = Conn::new(login(port, "meridian_monitor", "monitorpw", tls.clone())).await.unwrap();
    let as_node = |password: &'static str| Conn::new(login(port, "app-n3", password, tls.clone()));
    assert_eq!(called(&mut caller, "open_accounts(3, 5, 'five')").await, 0);
    let mut old = as_node("five").await.unwrap();
    old.query_drop("SELECT * FROM shop.product").await.unwrap();
    // Neither again nor an older one; and nobody is disturbed by those who try.
    for late in [4, 5] {
        assert_eq!(code_of(&mut caller, &format!("CALL meridian.open_accounts(3, {late}, 'late')")).await, 45101);
    }
    assert_eq!(called(&mut caller, "close_accounts(3, 4)").await, 0);
    old.query_drop("SELECT 1").await.unwrap();
    // Whoever is logged in is ended, and so is a login that has begun.
    let mut beginning = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut greeting = [0; 16];
    beginning.read_exact(&mut greeting).await.unwrap();
    assert_eq!(called(&mut caller, "open_accounts(4, 1, 'other')").await, 0);
    let mut other = Conn::new(login(port, "app-n4", "other", tls.clone())).await.unwrap();
    let mut left = 1;
    while left > 0 {
        left = called(&mut caller, "close_accounts(3, 5)").await;
    }
    let mut rest = Vec::new();
    // The server ends it, however it says so.
    drop(beginning.read_to_end(&mut rest).await);
    assert!(old.query_drop("SELECT 1").await.is_err());
    other.query_drop("SELECT 1").await.unwrap();
    match as_node("five").await {
        Err(Error::Server(error)) => assert_eq!(error.code, locked),
        outcome => panic!("{:?}", outcome.map(|_| "logged in")),
    }
    // Shut out for good: only a newer one comes in, with a password of its own.
    assert_eq!(code_of(&mut caller, "CALL meridian.open_accounts(3, 5, 'five')").await, 45101);
    assert_eq!(called(&mut caller, "open_accounts(3, 6, 'six')").await, 0);
    assert!(as_node("five").await.is_err());
    let mut newer = as_node("six").await.unwrap();
    assert_eq!(called(&mut caller, "close_accounts(3, 5)").await, 0);
    newer.query_drop("SELECT 1").await.unwrap();
    // The caller can do no more than that, and neither can a node.
    for refused in
        ["ALTER USER 'app-n3'@'%' ACCOUNT LOCK", "CALL meridian.shut_out(3, @left)", "DELETE FROM meridian.account"]
    {
        let code = code_of(&mut caller, refused).await;
        assert!([1227, 1370, 1142].contains(&code), "{refused}: {code}");
    }
    assert!([1370, 1044, 1142, 1305].contains(&code_of(&mut newer, "CALL meridian.close_accounts(3, 9)").await));
    let logged = "SHOW BINLOG EVENTS";
    let mut binlog = root.connect().await.unwrap();
    let events: Vec<mysql_async::Row> = binlog.query(logged).await.unwrap();
    let told = events.iter().map(|event| event.get::<String, _>("Info").unwrap_or_default());
    assert_eq!(told.filter(|info| info.contains("app-n") || info.contains("meridian.account")).count(), 0);
    called(&mut caller, "close_accounts(3, 6)").await;
    called(&mut caller, "close_accounts(4, 1)").await;
    root.run(&forget).await.unwrap();
}

#[tokio::test]
async fn accounts_open_and_shut_by_rising_numbers_alone_on_mariadb() {
    let turn = Turn::wait().await;
    let place = turn.databases.places().into_iter().find(|place| place.unit == "hz" && place.role == Role::Primary);
    hold(&turn.databases.root_access("hz"), place.unwrap().port, None, 4151).await;
}

#[tokio::test]
async fn accounts_open_and_shut_by_rising_numbers_alone_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let server = Mysql9::start(&tree, 11, &[]).await;
    let made = [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.product (id INT PRIMARY KEY)",
        "SET SESSION sql_log_bin = 0",
        "CREATE USER app@'%' IDENTIFIED BY 'apppw' REQUIRE SSL",
        "GRANT SELECT, INSERT ON shop.* TO app@'%'",
        "CREATE USER meridian_monitor@'%' IDENTIFIED BY 'monitorpw' REQUIRE SSL",
        "GRANT SELECT, PROCESS ON *.* TO meridian_monitor@'%'",
    ];
    server.root().run(&made.map(str::to_owned)).await.unwrap();
    let applications = vec!["app".to_owned()];
    let wish = Wish { applications, nodes: vec![3, 4], caller: "meridian_monitor".to_owned() };
    // Twice: what is there stays as it is.
    for _ in 0..2 {
        let prepared = statements(&mut server.root().connect().await.unwrap(), &wish).await.unwrap();
        server.root().run(&prepared).await.unwrap();
    }
    let tls = SslOpts::default().with_danger_accept_invalid_certs(true);
    hold(&server.root(), server.port(), Some(tls), 3118).await;
}
