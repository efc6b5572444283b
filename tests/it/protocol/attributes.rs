//! MySQL's query attributes: passed on as they came, and no part of the text.

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};

/// `trace` as a string, and the text behind it.
fn with_attribute(value: &str, text: &str) -> Vec<u8> {
    let mut payload = b"\x03\x01\x01\x00\x01\xfe\x00\x05trace".to_vec();
    payload.push(u8::try_from(value.len()).unwrap());
    payload.extend_from_slice(value.as_bytes());
    payload.extend_from_slice(text.as_bytes());
    payload
}

#[tokio::test]
async fn attributes_reach_mysql9_as_they_were_sent() {
    let Some(unit) = OneUnit::start(Kind::Mysql9, |_| {}).await else { return };
    let component = "INSTALL COMPONENT 'file://component_query_attributes'".to_owned();
    let has_component = unit.root().run(&[component]).await.is_ok();
    let mut client = Raw::connect(unit.port(), Some("plain"), usual(Kind::Mysql9)).await;
    assert!(client.capabilities.contains(Capabilities::QUERY_ATTRIBUTES));
    let said = client.ask(&with_attribute("abc", "SELECT 'text'"), ReplyKind::Query).await;
    assert_eq!(said.first_value().as_deref(), Some("text"));
    if has_component {
        let ask = "SELECT mysql_query_attribute_string('trace')";
        let said = client.ask(&with_attribute("abc", ask), ReplyKind::Query).await;
        assert_eq!(said.first_value().as_deref(), Some("abc"));
        assert_eq!(client.value(ask).await, "NULL", "an attribute belongs to one statement");
    }
    // The transaction's BEGIN, which is sent later, carries its own.
    assert_eq!(client.ask(&with_attribute("x", "BEGIN"), ReplyKind::Query).await.errno(), None);
    assert_eq!(client.value("SELECT 1 + 1").await, "2");
    assert_eq!(client.query("COMMIT").await.errno(), None);
    let torn = client.ask(b"\x03\x05\x01\x00", ReplyKind::Query).await;
    assert_eq!(torn.errno(), Some(1835));
    prepared(&mut client, has_component).await;
}

/// A prepared statement with one parameter, and an attribute behind it; then once more without types.
async fn prepared(client: &mut Raw, has_component: bool) {
    let text =
        if has_component { "SELECT CONCAT(?, mysql_query_attribute_string('trace'))" } else { "SELECT CONCAT(?, '')" };
    let prepared = client.ask(&[b"\x16", text.as_bytes()].concat(), ReplyKind::Prepare).await;
    let id = prepared.end.prepared.unwrap().statement_id.to_le_bytes();
    let head = [b"\x17", &id[..], b"\x08\x01\0\0\0"].concat();
    let first = [&head[..], b"\x02\0\x01\xfd\0\0\xfe\0\x05trace\x05admin\x03abc"].concat();
    let said = client.ask(&first, ReplyKind::Query).await;
    let row = String::from_utf8_lossy(&said.bytes).into_owned();
    let wanted = if has_component { "adminabc" } else { "admin" };
    assert!(row.contains(wanted), "{row:?} {:?}", said.end);
    let again = [&head[..], b"\x01\0\0\x05other"].concat();
    let said = client.ask(&again, ReplyKind::Query).await;
    assert_eq!(said.errno(), None, "{}", said.message());
}

#[tokio::test]
async fn attributes_of_meridians_own_are_hints_of_one_statement() {
    let Some(unit) = OneUnit::start(Kind::Mysql9, |_| {}).await else { return };
    let mut client = Raw::connect(unit.port(), Some("plain"), usual(Kind::Mysql9)).await;
    let named = |name: &str, value: &str, text: &str| {
        let mut payload = b"\x03\x01\x01\x00\x01\xfe\x00".to_vec();
        for part in [name, value] {
            payload.push(u8::try_from(part.len()).unwrap());
            payload.extend_from_slice(part.as_bytes());
        }
        payload.extend_from_slice(text.as_bytes());
        payload
    };
    let said = client.ask(&named("meridian_unit", "nowhere", "SELECT 1"), ReplyKind::Query).await;
    assert!(said.errno() == Some(1105) && said.message().contains("unit 'nowhere'"), "{}", said.message());
    assert_eq!(client.value("SELECT 1").await, "1", "an attribute belongs to one statement");
    let said = client.ask(&named("meridian_kye", "7", "SELECT 1"), ReplyKind::Query).await;
    assert!(
        said.errno() == Some(1105) && said.message().contains("'meridian_kye' cannot be read"),
        "{}",
        said.message()
    );
    let text = "/*meridian: key=8*/ SELECT 1";
    let said = client.ask(&named("meridian_key", "7", text), ReplyKind::Query).await;
    assert!(said.errno() == Some(1105) && said.message().contains("different values for key"), "{}", said.message());
    let said = client.ask(&named("meridian_key", "8", text), ReplyKind::Query).await;
    assert_eq!(said.first_value().as_deref(), Some("1"));
}
