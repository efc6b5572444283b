//! What clients say of themselves at the login, where the servers show it.

use std::time::Duration;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::until;

const OWN: &str = "SELECT GROUP_CONCAT(ATTR_NAME, '=', ATTR_VALUE) FROM performance_schema.session_account_connect_attrs \
    WHERE PROCESSLIST_ID = CONNECTION_ID() AND ATTR_NAME NOT LIKE '\\_%'";

/// Who asks for the attributes of its connection finds its own, whoever's connections are at hand; and nobody else's statement is ever shown
/// under them.
async fn clients_find_their_own_attributes(kind: Kind) {
    let Some(unit) = OneUnit::start_with(kind, &["--performance-schema=ON"], |_| {}).await else { return };
    let direct = Raw::connect(unit.direct_port(), None, usual(kind)).await.value(OWN).await;
    assert_eq!(direct, "program_name=raw");
    let mut client = Raw::connect(unit.port(), None, usual(kind)).await;
    assert_eq!(client.query("SET @kept = 7").await.errno(), None);
    for _ in 0..2 {
        assert_eq!(client.value(OWN).await, direct);
        assert_eq!(client.value("SELECT @kept").await, "7");
    }
    until("the connections that told of it are closed", Duration::from_secs(30), async || {
        let told = "SELECT COUNT(*) FROM performance_schema.session_connect_attrs WHERE ATTR_VALUE = 'raw'";
        unit.root().value(told).await.unwrap().as_deref() == Some("0")
    })
    .await;
    // A connection that is kept anyway stays the session's.
    assert_eq!(client.query("SELECT GET_LOCK('kept', 0)").await.errno(), None);
    assert_eq!(client.value(OWN).await, "program_name=meridian");
    assert_eq!(client.value("SELECT RELEASE_LOCK('kept')").await, "1");
}

#[tokio::test]
async fn clients_find_their_own_attributes_at_mariadb() {
    clients_find_their_own_attributes(Kind::MariaDb).await;
}

#[tokio::test]
async fn clients_find_their_own_attributes_at_mysql9() {
    clients_find_their_own_attributes(Kind::Mysql9).await;
}
