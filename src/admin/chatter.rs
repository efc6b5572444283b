//! What clients and drivers ask by themselves when they connect: `select @@version_comment limit 1`, `SELECT DATABASE()`, `SET NAMES …`.
//!
//! It answers them as far as a console can, and guesses at nothing: an unknown variable or function is an error.

use super::grammar::GrammarError;

/// What a client asks by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chatter {
    /// SELECT of variables, functions and constants; one row.
    Select(Vec<Item>),
    /// SHOW WARNINGS: there are never any.
    Warnings,
    /// SET, COMMIT: the console has nothing to set or to commit.
    Nothing,
}

/// One column of a SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The column's name: the alias, or the text as written.
    pub label: String,
    /// What it gives.
    pub value: ItemValue,
}

/// What one column gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemValue {
    /// A text fixed by the console.
    Text(String),
    /// A number fixed by the console, or a constant.
    Number(u64),
    /// NULL.
    Null,
    /// The account that is logged in, with its address.
    Account,
    /// The connection's id.
    ConnectionId,
}

/// The version the console greets with: drivers read its number.
pub fn server_version() -> String {
    format!("8.0.11-meridian-{}", env!("CARGO_PKG_VERSION"))
}

/// The largest packet the console takes, in bytes.
pub const MAX_PACKET: u32 = 1 << 20;

/// Reads what follows SELECT. Errors: what the console cannot answer.
pub fn parse_select(list: &str) -> Result<Chatter, GrammarError> {
    let list = without_limit(list.trim());
    list.split(',').map(|item| parse_item(item.trim())).collect::<Result<_, _>>().map(Chatter::Select)
}

/// Drops a `LIMIT n` at the end.
fn without_limit(list: &str) -> &str {
    let last_two = list.rsplit_once(char::is_whitespace).and_then(|(before, count)| {
        let (items, limit) = before.trim_end().rsplit_once(char::is_whitespace)?;
        (limit.eq_ignore_ascii_case("limit") && count.parse::<u32>().is_ok()).then_some(items)
    });
    last_two.unwrap_or(list).trim_end()
}

fn parse_item(text: &str) -> Result<Item, GrammarError> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (expression, label) = match words[..] {
        [expression] => (expression, expression),
        [expression, name, alias] if name.eq_ignore_ascii_case("as") => (expression, alias),
        [expression, alias] => (expression, alias),
        _ => (text, text),
    };
    let value = value_of(expression)?;
    let label = label.trim_matches(|quote: char| matches!(quote, '`' | '\'' | '"')).to_owned();
    Ok(Item { label, value })
}

fn value_of(expression: &str) -> Result<ItemValue, GrammarError> {
    let lower = expression.to_ascii_lowercase();
    if let Some(variable) = lower.strip_prefix("@@") {
        let scopes = ["session.", "global.", "local."];
        let name = scopes.iter().find_map(|scope| variable.strip_prefix(scope)).unwrap_or(variable);
        return variable_of(name).ok_or_else(|| GrammarError::UnknownVariable(name.to_owned()));
    }
    if let Ok(number) = lower.parse() {
        return Ok(ItemValue::Number(number));
    }
    match lower.as_str() {
        "database()" | "schema()" | "null" => Ok(ItemValue::Null),
        "user()" | "current_user()" | "current_user" | "session_user()" => Ok(ItemValue::Account),
        "connection_id()" => Ok(ItemValue::ConnectionId),
        "version()" => Ok(ItemValue::Text(server_version())),
        _ => Err(GrammarError::Expected {
            found: expression.chars().take(60).collect(),
            expected: "a verb of the console (HELP lists them); SELECT knows only what clients ask when they connect"
                .to_owned(),
        }),
    }
}

/// The variables that the mysql and mariadb clients and the common drivers ask for.
fn variable_of(name: &str) -> Option<ItemValue> {
    let text = |text: &str| Some(ItemValue::Text(text.to_owned()));
    match name {
        "version_comment" => text("Meridian console; HELP lists the verbs"),
        "version" => Some(ItemValue::Text(server_version())),
        "max_allowed_packet" => Some(ItemValue::Number(u64::from(MAX_PACKET))),
        "wait_timeout" | "interactive_timeout" | "net_write_timeout" => Some(ItemValue::Number(28_800)),
        "autocommit" | "auto_increment_increment" => Some(ItemValue::Number(1)),
        "lower_case_table_names" | "performance_schema" | "transaction_read_only" | "tx_read_only" => {
            Some(ItemValue::Number(0))
        }
        "socket" => Some(ItemValue::Null),
        "sql_mode" | "init_connect" => text(""),
        "license" => text("Apache-2.0"),
        "time_zone" | "system_time_zone" => text("UTC"),
        "transaction_isolation" | "tx_isolation" => text("REPEATABLE-READ"),
        _ if name.starts_with("character_set_") => text("utf8mb4"),
        _ if name.starts_with("collation_") => text("utf8mb4_general_ci"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn items(list: &str) -> Vec<Item> {
        match parse_select(list).unwrap() {
            Chatter::Select(items) => items,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_clients_send_on_connect_is_answered() {
        let comment = items("@@version_comment limit 1");
        assert_eq!(comment[0].label, "@@version_comment");
        assert!(matches!(&comment[0].value, ItemValue::Text(text) if text.starts_with("Meridian")));
        let settings = items("@@max_allowed_packet,@@wait_timeout, @@socket");
        assert_eq!(settings[0].value, ItemValue::Number(1 << 20));
        assert_eq!(settings[2].value, ItemValue::Null);
        assert_eq!(items("DATABASE(), USER() limit 1")[1].value, ItemValue::Account);
        assert_eq!(items("1")[0].value, ItemValue::Number(1));
        assert_eq!(
            items("@@session.auto_increment_increment AS auto_increment_increment")[0].label,
            "auto_increment_increment"
        );
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(parse_select("@@no_such"), Err(GrammarError::UnknownVariable("no_such".to_owned())));
        assert!(parse_select("* FROM units").is_err());
        assert!(parse_select("").is_err());
    }
}
