//! Packets of several statements, sql_mode and character sets that change how a text is read, KILL by Meridian's ids.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::expect::{error_of, sent, until, value, within};
use super::node::Node;
use super::world::{Databases, marker};

#[tokio::test]
async fn a_packet_of_several_statements_goes_whole_to_one_primary_or_nowhere() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    let insert = |user: u32| format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')");
    let together = [
        (format!("{}; {}", insert(6000), insert(6001)), "bj primary"),
        (format!("SELECT 1; {}; SELECT * FROM product", insert(6000)), "bj primary"),
        (format!("{}; UPDATE product SET stock = stock WHERE id = 1", insert(50)), "hz primary"),
        ("BEGIN; UPDATE orders SET amount = amount WHERE user_id = 6000; COMMIT".to_owned(), "bj primary"),
    ];
    for (packet, place) in &together {
        // The mark stands in the last statement.
        assert_eq!(sent(&mut client, databases, packet).await, Ok(vec![(*place).to_owned()]), "{packet}");
    }
    let marked_rows = format!("SELECT COUNT(*) FROM shop.orders WHERE user_id >= 5000 AND item = '{item}'");
    let before = databases.value("bj", Role::Primary, &marked_rows).await;
    let apart = [
        format!("{}; {}", insert(6000), insert(50)),
        format!("{}; UPDATE product SET stock = stock WHERE id = 1", insert(6000)),
        format!("USE shop; {}", insert(6000)),
        format!("SET sql_mode = 'ANSI_QUOTES'; {}", insert(6000)),
        format!("SET NAMES gbk; {}", insert(6000)),
    ];
    for packet in &apart {
        let marked = marker();
        let (errno, text) = error_of(&mut client, &format!("{packet} /* {marked} */")).await;
        assert!(text.starts_with("meridian: "), "{errno} {text}");
        assert_eq!(databases.executed(&marked), Vec::<String>::new(), "{packet}");
    }
    assert_eq!(databases.value("bj", Role::Primary, &marked_rows).await, before);
    assert_eq!(value(&mut client, "SELECT @@sql_mode LIKE '%ANSI_QUOTES%'").await, "0");
}

#[tokio::test]
async fn a_text_is_read_as_the_session_s_modes_say() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let update = r#"UPDATE orders SET note = "a\"b" WHERE user_id = 6000 AND item = 'nothing'"#;
    assert_eq!(sent(&mut client, databases, update).await, Ok(vec!["bj primary".to_owned()]));
    client.query_drop("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'").await.unwrap();
    let update = r#"UPDATE "orders" SET note = 'a\' WHERE "user_id" = 6000 AND item = 'nothing'"#;
    assert_eq!(sent(&mut client, databases, update).await, Ok(vec!["bj primary".to_owned()]));
    let mut other = node.client("hz").await;
    let update = r#"UPDATE orders SET note = "a\"b" WHERE user_id = 50 AND item = 'nothing'"#;
    assert_eq!(
        sent(&mut other, databases, update).await,
        Ok(vec!["hz primary".to_owned()]),
        "another session is as it was"
    );
}

#[tokio::test]
async fn kill_query_ends_the_statement_and_kill_ends_the_session() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut killer = node.client("bj").await;
    let mut victim = node.client("hz").await;
    let id = value(&mut victim, "SELECT CONNECTION_ID()").await;
    assert_eq!(id, victim.id().to_string());
    let of_ours = 0x4000_0000..0x8000_0000;
    assert!(
        of_ours.contains(&id.parse::<u32>().unwrap()),
        "disjoint from the servers' ids, and positive to all drivers"
    );

    let mark = marker();
    let sleep = format!("SELECT SLEEP(60) /* {mark} */");
    let sleeping = tokio::spawn(async move {
        let outcome: Result<Option<u32>, _> = victim.query_first(sleep).await;
        (victim, outcome)
    });
    until("it sleeps", Duration::from_secs(10), async || !databases.executed(&mark).is_empty()).await;
    killer.query_drop(format!("KILL QUERY {id}")).await.unwrap();
    let (mut victim, _) = within("the query ends", Duration::from_secs(5), sleeping).await.unwrap();
    assert_eq!(value(&mut victim, "SELECT 1 + 1").await, "2", "the session goes on");

    victim.query_drop("BEGIN").await.unwrap();
    let item = marker();
    victim.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')")).await.unwrap();
    killer.query_drop(format!("KILL {id}")).await.unwrap();
    assert!(victim.query_drop("COMMIT").await.is_err(), "the session is over");
    let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
    assert_eq!(databases.value("bj", Role::Primary, &count).await, "0", "and its transaction rolled back");
    let is_unknown = async || match killer.query_drop(format!("KILL {id}")).await {
        Ok(()) => false,
        Err(mysql_async::Error::Server(error)) => error.code == 1094,
        Err(other) => panic!("{other}"),
    };
    until("the killed session is known no more", Duration::from_secs(10), is_unknown).await;
    // An id of a server's own thread is not Meridian's to kill.
    let thread = databases
        .value("hz", Role::Primary, "SELECT MIN(id) FROM information_schema.processlist WHERE user = 'app'")
        .await;
    if let Ok(thread) = thread.parse::<u64>() {
        assert_eq!(error_of(&mut killer, &format!("KILL {thread}")).await.0, 1094);
    }
}
