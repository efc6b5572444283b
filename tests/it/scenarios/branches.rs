//! XA over managed tables: a branch opens late, at the owner of its first key; once prepared it is found and ended from any session.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{error_of, refused, until, value};
use super::node::{Database, Node, Setup};
use super::world::{Databases, marker};
use crate::servers::{Mysql9, Mysql9Tree};

const PATIENCE: Duration = Duration::from_secs(60);

async fn run(client: &mut Conn, statements: &[String]) {
    for statement in statements {
        client.query_drop(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

fn insert(user: u32, item: &str) -> String {
    format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')")
}

/// How many rows of this item the unit's own primary has.
async fn count(at: &mut Conn, item: &str) -> String {
    value(at, &format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'")).await
}

async fn of_user(at: &mut Conn, user: u32, item: &str) -> String {
    value(at, &format!("SELECT COUNT(*) FROM shop.orders WHERE user_id = {user} AND item = '{item}'")).await
}

async fn found(client: &mut Conn, id: &str) -> usize {
    let rows: Vec<(u64, u64, u64, String)> = client.query("XA RECOVER").await.unwrap();
    rows.iter().filter(|(_, _, _, data)| data == id).count()
}

/// Ended as soon as the server lets somebody else end it: the session that prepared it is gone, which it notices by and by.
async fn end(client: &mut Conn, statement: &str) {
    until("the branch is ended", PATIENCE, async || match client.query_drop(statement).await {
        Ok(()) => true,
        Err(error) => {
            let (errno, text) = refused(error);
            assert_eq!(errno, 1397, "{statement}: {text}");
            false
        }
    })
    .await;
}

/// Of two owners, each asked for itself as `hz` and `bj`.
async fn branches(node: &Node, hz: &mut Conn, bj: &mut Conn) {
    // Prepared at an owner that is not the session's unit, ended by a session of either unit.
    for (unit, user, ending, rows) in
        [("hz", 6000, "COMMIT", "1"), ("bj", 50, "ROLLBACK", "0"), ("bj", 6000, "COMMIT", "1")]
    {
        let id = marker();
        let mut first = node.client("hz").await;
        run(&mut first, &[format!("XA START '{id}'"), insert(user, &id)]).await;
        let (errno, text) = error_of(&mut first, &insert(6050 - user, &id)).await;
        assert_eq!(errno, 1179, "another owner's row in the branch: {text}");
        assert_eq!(error_of(&mut first, "COMMIT").await.0, 1399, "a branch is not ended by COMMIT");
        run(&mut first, &[format!("XA END '{id}'"), format!("XA PREPARE '{id}'")]).await;
        let owner = if user == 50 { &mut *hz } else { &mut *bj };
        assert_eq!(count(owner, &id).await, "0", "prepared is not committed");
        assert_eq!(found(owner, &id).await, 1, "at the owner of its key");
        let mut other = node.client(unit).await;
        assert_eq!(found(&mut other, &id).await, 1, "of both owners' branches");
        first.disconnect().await.unwrap();
        end(&mut other, &format!("XA {ending} '{id}'")).await;
        assert_eq!(count(owner, &id).await, rows);
        // The other unit's copy is ended by replication; then nobody has it.
        until("no copy is left", PATIENCE, async || found(&mut other, &id).await == 0).await;
        assert_eq!(error_of(&mut other, &format!("XA {ending} '{id}'")).await.0, 1397);
        // What nobody here prepared is not ended on a guess.
        let foreign = marker();
        run(
            owner,
            &[
                "XA START '{}'",
                "INSERT INTO shop.orders (user_id, item) VALUES (1, '{}')",
                "XA END '{}'",
                "XA PREPARE '{}'",
            ]
            .map(|text| text.replace("{}", &foreign)),
        )
        .await;
        assert_eq!(error_of(&mut other, &format!("XA COMMIT '{foreign}'")).await.0, 1105);
        run(owner, &[format!("XA ROLLBACK '{foreign}'")]).await;
    }
    // By the session itself, in two phases and in one; one that has only read is begun anew at the owner of its first write.
    let mut client = node.client("hz").await;
    let (two, one, undone) = (marker(), marker(), marker());
    run(
        &mut client,
        &[
            format!("XA START '{two}', 'b', 7"),
            insert(6000, &two),
            format!("XA END '{two}', 'b', 7"),
            format!("XA PREPARE '{two}', 'b', 7"),
            format!("XA COMMIT '{two}', 'b', 7"),
            insert(50, &two),
            format!("XA START '{one}'"),
            "SELECT * FROM orders WHERE user_id = 50".to_owned(),
            insert(6000, &one),
            format!("XA END '{one}'"),
            format!("XA COMMIT '{one}' ONE PHASE"),
            format!("XA START '{undone}'"),
            insert(6000, &undone),
            format!("XA END '{undone}'"),
            format!("XA ROLLBACK '{undone}'"),
            insert(50, &undone),
        ],
    )
    .await;
    assert_eq!(count(bj, &one).await, "1");
    assert_eq!(of_user(bj, 6000, &two).await, "1");
    assert_eq!((of_user(hz, 50, &two).await, of_user(hz, 50, &undone).await), ("1".to_owned(), "1".to_owned()));
    assert_eq!(of_user(bj, 6000, &undone).await, "0");
    // Refused openings leave the session as it was.
    run(&mut client, &["BEGIN".to_owned()]).await;
    assert_eq!(error_of(&mut client, &format!("XA START '{one}'")).await.0, 1400);
    run(&mut client, &["ROLLBACK".to_owned(), format!("XA START '{one}'"), insert(6000, &one)]).await;
    let mut same = node.client("hz").await;
    run(&mut same, &[format!("XA START '{one}'")]).await;
    assert_eq!(error_of(&mut same, &insert(6000, &one)).await.0, 1440, "the owner has a branch of this id");
    run(&mut same, &[insert(50, &one)]).await;
    // A session that leaves takes an unprepared branch with it, and its connection is nobody's.
    client.disconnect().await.unwrap();
    until("the branch is gone", PATIENCE, async || {
        run(&mut same, &[format!("XA START '{one}'")]).await;
        let begun = same.query_drop(insert(6000, &one)).await;
        begun.is_ok()
    })
    .await;
    run(&mut same, &[format!("XA END '{one}'"), format!("XA ROLLBACK '{one}'")]).await;
    assert_eq!(of_user(bj, 6000, &one).await, "1", "only the one of before");
}

#[tokio::test]
async fn a_branch_is_its_owners_and_is_ended_from_anywhere_on_mariadb() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let (mut hz, mut bj) = (databases.root("hz").await, databases.root("bj").await);
    branches(&node, &mut hz, &mut bj).await;
}

#[tokio::test]
async fn a_branch_is_its_owners_and_is_ended_from_anywhere_on_mysql9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let start = async |number: u32| {
        let server = Mysql9::start(&tree, number, &[]).await;
        let set_up = [
            "CREATE USER app@'%' IDENTIFIED BY 'apppw'",
            "GRANT ALL ON shop.* TO app@'%'",
            "CREATE USER meridian_monitor@'%' IDENTIFIED BY 'monitorpw'",
            "GRANT SELECT, PROCESS, SHOW VIEW, TRIGGER, EVENT, REPLICATION CLIENT ON *.* TO meridian_monitor@'%'",
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, item VARCHAR(100))",
            "CREATE TABLE shop.product (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100))",
        ];
        server.root().run(&set_up.map(str::to_owned)).await.unwrap();
        server
    };
    let (hz, bj) = (start(11).await, start(21).await);
    let place = |name: &str, unit, port| Database { name: name.to_owned(), unit, role: Role::Primary, port };
    let databases = vec![place("hz-main-1", "hz", hz.port()), place("bj-main-1", "bj", bj.port())];
    let version = hz.root().value("SELECT VERSION()").await.unwrap().unwrap();
    let mut setup = Setup::over(databases, &version);
    setup.family = "mysql";
    // Logins of a busy machine take their time.
    setup.backend = "connect_deadline = \"30s\"\n".to_owned();
    let node = Node::start(setup).await;
    // Who may not ask for branches is told so, and not that there is none.
    let mut client = node.client("hz").await;
    assert_ne!(error_of(&mut client, "XA COMMIT 'nobody'").await.0, 1397);
    for server in [&hz, &bj] {
        server.root().run(&["GRANT XA_RECOVER_ADMIN ON *.* TO app@'%'".to_owned()]).await.unwrap();
    }
    let (mut at_hz, mut at_bj) = (hz.root().connect().await.unwrap(), bj.root().connect().await.unwrap());
    branches(&node, &mut at_hz, &mut at_bj).await;
}
