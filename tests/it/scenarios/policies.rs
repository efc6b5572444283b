//! N16, users' limits and homes, and groups that are only observed.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{refused, rows, sent, until, value, within};
use super::node::{Node, Setup};
use super::world::{APP, Databases, marker};

fn here(place: &str) -> Result<Vec<String>, (u16, String)> {
    Ok(vec![place.to_owned()])
}

fn user(name: &str, settings: &str) -> String {
    let (backend, password) = APP;
    format!(
        "[[user]]\nname = \"{name}\"\npassword = \"pw\"\nbackend_user = \"{backend}\"\nbackend_password = \"{password}\"\n{settings}\n"
    )
}

async fn as_user(node: &Node, unit: &str, name: &str) -> Conn {
    Conn::new(node.setup.options(unit).user(Some(name)).pass(Some("pw"))).await.unwrap()
}

#[tokio::test]
async fn n16_denied_statements_and_users_limits_hurt_nobody_else() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.tables.push_str(
        "[[deny]]\nname = \"no-full-scan\"\nreason = \"use a WHERE\"\nstatements = [\"update\", \"delete\"]\ncondition = \"unrestricted\"\n\
         [[deny]]\nname = \"slow-search\"\nreason = \"too slow\"\ntexts = [\"SELECT id FROM orders WHERE item LIKE 'x'\"]\n",
    );
    setup.users.push_str(&user(
        "report",
        "access = \"read_only\"\nmax_statement = \"1KiB\"\nconnections = 1\nstatement_deadline = \"300ms\"",
    ));
    setup.users.push_str(&user("traveller", "unit = \"bj\"\nlevel = \"strong\""));
    let node = Node::start(setup).await;

    let mut app = node.client("hz").await;
    let denied = sent(&mut app, databases, "DELETE FROM product").await.unwrap_err();
    assert_eq!(denied.0, 1227);
    assert!(denied.1.contains("rule 'no-full-scan' (use a WHERE)"), "{}", denied.1);
    let prepared = app.exec_drop("SELECT id FROM orders WHERE item LIKE ?", ("tea%",)).await.map_err(refused);
    assert_eq!(prepared.unwrap_err().0, 1227);
    assert_eq!(sent(&mut app, databases, "SELECT id FROM orders WHERE item = 'tea'").await, here("hz replica"));

    let mut report = as_user(&node, "hz", "report").await;
    assert_eq!(sent(&mut report, databases, "SELECT id FROM product").await, here("hz replica"));
    let insert = "INSERT INTO audit_log (message) VALUES ('x')";
    assert_eq!(sent(&mut report, databases, insert).await.unwrap_err().0, 1290);
    assert_eq!(sent(&mut app, databases, insert).await, here("hz primary"));
    let long = format!("SELECT '{}'", "x".repeat(1 << 10));
    assert_eq!(sent(&mut report, databases, &long).await.unwrap_err().0, 1162);
    assert_eq!(value(&mut app, &long).await.len(), 1 << 10);
    let second = Conn::new(node.setup.options("hz").user(Some("report")).pass(Some("pw"))).await;
    assert_eq!(refused(second.err().unwrap()).0, 1226);

    // The server's own error, and the connection stays; others run for as long as they like.
    let cut = within("the deadline ends it", Duration::from_secs(60), report.query_drop("SELECT SLEEP(300)")).await;
    assert_eq!(refused(cut.unwrap_err()).0, 1317);
    assert_eq!(value(&mut report, "SELECT 1").await, "1");
    assert_eq!(value(&mut app, "SELECT SLEEP(0.5)").await, "0");

    // A user with a unit of its own is that unit's client wherever it connects.
    let mut traveller = as_user(&node, "hz", "traveller").await;
    assert_eq!(sent(&mut traveller, databases, insert).await, here("bj primary"));
    assert_eq!(sent(&mut traveller, databases, "SELECT id FROM product").await, here("hz primary"));
    let eventual = "SELECT /*meridian: level=eventual*/ id FROM product";
    assert_eq!(sent(&mut traveller, databases, eventual).await, here("bj replica"));

    let mut console = node.console("hz").await;
    let unseen = "SELECT ROW_NUMBER() OVER (ORDER BY (SELECT 5)) AS shown_as_disagreement FROM audit_log LIMIT 1";
    node.client("hz").await.query_drop(unseen).await.unwrap();
    let told = rows(&mut console, "SHOW DISAGREEMENTS").await;
    let row = told.iter().find(|row| row["disagreement"] == "unseen-query").unwrap_or_else(|| panic!("{told:?}"));
    assert!(row["last_example"].contains("shown_as_disagreement") && !row["last_example"].contains('5'), "{row:?}");
    let told = rows(&mut console, "SHOW REFUSALS").await;
    let times = |kind: &str| told.iter().find(|row| row["refusal"] == kind).map_or("0", |row| row["times"].as_str());
    assert_eq!((times("denied no-full-scan"), times("read-only-user"), times("statement-too-long")), ("1", "1", "1"));
    let example = &told.iter().find(|row| row["refusal"] == "read-only-user").unwrap()["last_example"];
    assert!(example.contains("audit_log") && !example.contains("'x'"), "{example}");
}

#[tokio::test]
async fn an_observed_group_changes_nothing_and_tells_what_it_would_do() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.keys.insert_str(0, "routing = \"observe\"\n");
    let node = Node::start(setup).await;
    let mut console = node.console("hz").await;
    let mut app = node.client("hz").await;
    let item = marker();
    let forwarded = format!("INSERT INTO orders (user_id, item) VALUES (6051, '{item}')");
    assert_eq!(sent(&mut app, databases, &forwarded).await, here("hz primary"));
    assert_eq!(
        sent(&mut app, databases, "UPDATE orders SET amount = 1 WHERE item = 'nothing'").await,
        here("hz primary")
    );
    assert_eq!(sent(&mut app, databases, "SELECT id FROM orders WHERE user_id = 50").await, here("hz primary"));
    let unknown = app.query_drop("SELECT no_such FROM no_such_table").await.map_err(refused).unwrap_err();
    assert!(unknown.0 == 1146 && !unknown.1.contains("meridian"), "the server's own word: {unknown:?}");
    app.query_drop("BEGIN").await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            sent(&mut app, databases, "UPDATE orders SET amount = 1 WHERE user_id = 6051 AND id = 0").await,
            here("hz primary")
        );
    }
    app.query_drop("ROLLBACK").await.unwrap();
    let mut elsewhere = node.client("bj").await;
    assert_eq!(
        sent(&mut elsewhere, databases, "UPDATE product SET stock = stock WHERE id = 0").await,
        here("bj primary")
    );

    let told = rows(&mut console, "SHOW OBSERVED").await;
    let times = |would: &str, detail: &str| {
        told.iter()
            .find(|row| row["would"] == would && row["detail"] == detail)
            .map_or("0", |row| row["times"].as_str())
    };
    // The INSERT, both UPDATEs, and the ROLLBACK that goes where they would have gone.
    assert_eq!(times("forward", "bj"), "4", "{told:?}");
    assert_eq!(times("forward", "hz"), "1", "{told:?}");
    assert_eq!(times("refuse", "key-missing"), "1", "{told:?}");
    assert_eq!(times("refuse", "sql-uncatalogued"), "1", "{told:?}");
    // Rolled back at the end of the transaction, not refused for its second statement.
    assert_eq!(times("refuse", "transaction-touched"), "0", "{told:?}");
    // What was written is a row like any other of this unit; the other unit gets it by replication.
    until("replication carries it", Duration::from_secs(30), async || {
        value(&mut elsewhere, &format!("SELECT COUNT(*) FROM orders WHERE item = '{item}'")).await == "1"
    })
    .await;
}
