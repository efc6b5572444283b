//! An instance whose connections are all taken is asked, and gives away what it owns, over the port that it keeps for administrators.

use std::time::Duration;

use meridian::demo::layout::Accounts;
use meridian::demo::ports::free_port;
use meridian::demo::root_access::RootAccess;
use meridian::demo::schema::accounts_of;
use meridian::demo::template::Family;
use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::mysql9::shop_on;
use super::{PATIENT, done};
use crate::forced::mysql9::{follow, primary};
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::{Database, Node, Setup, login};
use crate::servers::{MariaDb, Mysql9Tree};

/// Takes every connection of a server, and each one that somebody gives back, until it is dropped.
struct AllTaken(JoinHandle<()>);

impl AllTaken {
    async fn of(root: &RootAccess, port: u16) -> AllTaken {
        root.run(&["SET GLOBAL max_connections = 12".to_owned()]).await.unwrap();
        AllTaken(tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                match Conn::new(login(port, "app", "apppw", None)).await {
                    Ok(conn) => taken.push(conn),
                    Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        }))
    }

    /// Waits until a node that knows of no other way is told that there is no connection left.
    async fn is_told(&self, without: &Node) {
        until("no connection is left", Duration::from_secs(30), async || {
            let told = answers(without).await;
            println!("{told}");
            told.starts_with("REFUSED: ") && told.contains("Too many connections")
        })
        .await;
    }
}

impl Drop for AllTaken {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a dry run says of the source's answers.
async fn answers(node: &Node) -> String {
    let dry = rows(&mut node.console("hz").await, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let row = dry.iter().find(|row| row["check"] == "answers" && row["instance"] == "hz-main-1");
    row.unwrap_or_else(|| panic!("{dry:?}"))["result"].clone()
}

/// Another node over the same servers, which may be told of the port.
fn further(setup: &Setup, instance: &str) -> Setup {
    let mut further = Setup::over(setup.databases.clone(), &setup.version);
    further.family = setup.family;
    further.limits.clone_from(&setup.limits);
    further.instance = instance.to_owned();
    further
}

#[tokio::test]
async fn a_full_mariadb_is_asked_over_its_extra_port() {
    let extra = free_port().unwrap();
    let hz = MariaDb::start(&[&format!("--extra-port={extra}"), "--extra-max-connections=5"]).await;
    let bj = MariaDb::start(&[]).await;
    let names = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
    for server in [&hz, &bj] {
        let own = accounts_of(&names, Family::MariaDb).into_iter().filter(|text| !text.contains("repl@"));
        server.root().run(&own.collect::<Vec<_>>()).await.unwrap();
    }
    let place = |name: &str, unit, port| Database { name: name.to_owned(), unit, role: Role::Primary, port };
    let places = vec![place("hz-main-1", "hz", hz.port()), place("bj-main-1", "bj", bj.port())];
    let plain = Setup::over(places, &hz.root().value("SELECT VERSION()").await.unwrap().unwrap());
    let (node, without) =
        (Node::start(further(&plain, &format!("reserved_port = {extra}\n"))).await, Node::start(plain).await);
    assert_eq!((answers(&node).await, answers(&without).await), ("ok".to_owned(), "ok".to_owned()));
    let taken = AllTaken::of(&hz.root(), hz.port()).await;
    taken.is_told(&without).await;
    assert_eq!(answers(&node).await, "ok");
    drop(taken);
}

#[tokio::test]
async fn what_a_full_mysql_9_owns_is_moved_over_its_admin_port() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let port = free_port().unwrap();
    let admin = format!("--admin-port={port}");
    let hz = primary(&tree, 1, &["--admin-address=127.0.0.1", &admin]).await;
    let bj = primary(&tree, 2, &[]).await;
    for server in [&hz, &bj] {
        let grant =
            ["SET SESSION sql_log_bin = 0", "GRANT SERVICE_CONNECTION_ADMIN, EVENT ON *.* TO meridian_monitor@'%'"];
        server.root().run(&grant.map(str::to_owned)).await.unwrap();
    }
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut plain = shop_on(&hz, &bj).await;
    plain.limits = format!("[moves]\n{PATIENT}");
    let (node, without) =
        (Node::start(further(&plain, &format!("reserved_port = {port}\n"))).await, Node::start(plain).await);
    let mut client = node.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    let taken = AllTaken::of(&hz.root(), hz.port()).await;
    taken.is_told(&without).await;
    let told = done(&mut node.console("hz").await, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    client.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    let names = "SELECT GROUP_CONCAT(name ORDER BY id) FROM shop.product";
    assert_eq!(bj.root().value(names).await.unwrap().as_deref(), Some("before,after"));
    drop(taken);
}
