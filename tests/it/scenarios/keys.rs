//! N1, N2, N3: the key, wherever it is given, decides.

use super::expect::{executed, sent, value};
use super::node::{Node, Setup, UNITS};
use super::world::{Databases, marker};
use meridian::model::Role;
use mysql_async::prelude::Queryable;

const PRIMARY: [&str; 2] = ["hz primary", "bj primary"];

#[tokio::test]
async fn n1_a_key_in_the_sql_or_in_a_parameter_leads_to_its_owner() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    for here in UNITS {
        let mut client = node.client(here).await;
        for (user, owner, primary) in [(1050, "hz", PRIMARY[0]), (6050, "bj", PRIMARY[1])] {
            let item = marker();
            let id = u64::from(rand::random::<u32>()) + (1 << 40);
            let statements = [
                format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')"),
                format!("INSERT INTO shop.orders VALUES (NULL, {user}, '{item}', 1, NULL)"),
                format!("INSERT orders SET user_id = {user}, item = '{item}'"),
                format!("REPLACE INTO orders (id, user_id, item) VALUES ({id}, {user}, '{item}')"),
                format!("UPDATE orders AS o SET o.amount = 7 WHERE o.user_id = {user} AND o.item = '{item}'"),
                format!(
                    "UPDATE `shop`.`orders` SET amount = 8 WHERE user_id IN ({user}, {}) AND item = '{item}'",
                    user + 1
                ),
                format!("SELECT id FROM orders WHERE user_id = {user} FOR UPDATE"),
                format!("DELETE FROM orders WHERE user_id = {user} AND id = {id}"),
            ];
            for statement in &statements {
                let places = sent(&mut client, databases, statement).await;
                assert_eq!(places, Ok(vec![primary.to_owned()]), "at {here}: {statement}");
            }
            let insert = "INSERT INTO orders (user_id, item, amount) VALUES (?, ?, 8)";
            let places = executed(&mut client, databases, insert, (user, &item)).await;
            assert_eq!(places, Ok(vec![primary.to_owned()]), "at {here}: {insert}");
            let as_text = executed(&mut client, databases, insert, (user.to_string(), &item)).await;
            assert_eq!(as_text, Ok(vec![primary.to_owned()]), "at {here}: a number as text");
            let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}' AND amount = 8");
            assert_eq!(databases.value(owner, Role::Primary, &count).await, "5", "at {here}: {user}");
            let read = format!("SELECT * FROM orders WHERE user_id = {user}");
            let places = sent(&mut client, databases, &read).await;
            assert_eq!(places, Ok(vec![format!("{here} replica")]), "at {here}: {read}");
        }
    }
}

/// Users and their owners, through the hz node, as a write.
async fn owners(node: &Node, users: &[(i64, &str)]) {
    let databases = Databases::shared().await;
    let mut client = node.client("hz").await;
    for (user, owner) in users {
        let statement = format!("UPDATE orders SET amount = amount WHERE user_id = {user} AND item = 'nothing'");
        let places = sent(&mut client, databases, &statement).await;
        assert_eq!(places, Ok(vec![format!("{owner} primary")]), "user {user}");
    }
}

#[tokio::test]
async fn n2_users_are_placed_by_their_remainder() {
    let users =
        [(111_123, "hz"), (16_000, "bj"), (4_999, "hz"), (5_000, "bj"), (9_999, "bj"), (10_000, "hz"), (0, "hz")];
    owners(&Node::shared().await, &users).await;
}

#[tokio::test]
async fn n2_users_are_placed_by_their_hash() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.keys = "shards = 1024\n[[group.key_type]]\nname = \"user\"\ntransform = \"hash\"\n\
                  [[group.owner]]\nshards = \"0-511\"\nunit = \"hz\"\n[[group.owner]]\nshards = \"512-1023\"\nunit = \"bj\"\n"
        .to_owned();
    // FNV-1a of the number as text, here computed a second time.
    let hash = |user: i64| {
        user.to_string()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    };
    let owner = |user| if hash(user) % 1024 < 512 { "hz" } else { "bj" };
    let users: Vec<(i64, &str)> = [6000, 50, 1, 2, 3, 4999, 5000, -7].map(|user| (user, owner(user))).to_vec();
    assert!(users.iter().any(|(_, owner)| *owner == "hz") && users.iter().any(|(_, owner)| *owner == "bj"));
    owners(&Node::start(setup).await, &users).await;
}

#[tokio::test]
async fn n2_users_are_placed_by_ranges_and_a_user_in_no_range_is_refused() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.keys = "shards = 3\n[[group.key_type]]\nname = \"user\"\ntransform = \"range\"\nranges = [\
                  { from = -100, to = 999, shard = 0 }, { from = 1000, to = 2999, shard = 1 }, \
                  { from = 4000, to = 1000000, shard = 2 }]\n\
                  [[group.owner]]\nshards = \"0-1\"\nunit = \"hz\"\n[[group.owner]]\nshards = \"2\"\nunit = \"bj\"\n"
        .to_owned();
    let node = Node::start(setup).await;
    owners(&node, &[(-100, "hz"), (999, "hz"), (2_999, "hz"), (4_000, "bj"), (1_000_000, "bj")]).await;
    let mut client = node.client("hz").await;
    for user in [3_000, 3_999, -101, 1_000_001] {
        let statement = format!("INSERT INTO orders (user_id, item) VALUES ({user}, 'nowhere')");
        let (errno, text) = sent(&mut client, databases, &statement).await.unwrap_err();
        assert!(errno == 1526 && text.contains(&user.to_string()), "{errno} {text}");
    }
}

#[tokio::test]
async fn n3_a_hint_gives_the_key_and_a_contradiction_is_an_error() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let without = "UPDATE orders SET amount = amount WHERE item = 'nothing'";
    assert_eq!(sent(&mut client, databases, without).await.unwrap_err().0, 1105);
    let hinted = format!("/*meridian: key=6000*/ {without}");
    assert_eq!(sent(&mut client, databases, &hinted).await, Ok(vec![PRIMARY[1].to_owned()]));

    client.query_drop("SET @meridian_key = 6000").await.unwrap();
    assert_eq!(sent(&mut client, databases, without).await, Ok(vec![PRIMARY[1].to_owned()]));
    let stronger = format!("/*meridian: key=50*/ {without}");
    assert_eq!(
        sent(&mut client, databases, &stronger).await,
        Ok(vec![PRIMARY[0].to_owned()]),
        "a comment beats the session"
    );
    let contradiction = "INSERT INTO orders (user_id, item) VALUES (50, 'contradiction')";
    let (errno, text) = sent(&mut client, databases, contradiction).await.unwrap_err();
    assert!(errno == 1105 && text.contains("50") && text.contains("6000"), "{errno} {text}");

    client.query_drop("SET @meridian_key = NULL").await.unwrap();
    assert_eq!(sent(&mut client, databases, without).await.unwrap_err().0, 1105, "the hint is gone");
}

#[tokio::test]
async fn n3_a_session_s_key_never_reaches_another_client_through_the_pool() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    // One connection for everybody.
    setup.backend = "connections_per_instance = 1".to_owned();
    let node = Node::start(setup).await;
    let (mut one, mut other) = (node.client("hz").await, node.client("hz").await);
    let without = "UPDATE orders SET amount = amount WHERE item = 'nothing'";
    one.query_drop("SET @meridian_key = 50, @visible = 5").await.unwrap();
    for _ in 0..3 {
        assert_eq!(sent(&mut one, databases, without).await, Ok(vec![PRIMARY[0].to_owned()]));
        assert_eq!(sent(&mut other, databases, without).await.unwrap_err().0, 1105);
        assert_eq!(value(&mut one, "SELECT @visible").await, "5");
        assert_eq!(value(&mut other, "SELECT @visible").await, "NULL");
    }
}
