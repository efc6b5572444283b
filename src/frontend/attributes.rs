//! What a client's query attributes tell Meridian: `meridian_key`, `meridian_level`, `meridian_unit`. Those of others are the server's to read.

use crate::route::Rejection;
use crate::sql::{Hint, KeyValue, SqlRefusal, hint_key, hint_level};
use crate::wire::{AttributeValue, QueryAttributes};

/// How our names begin.
const PREFIX: &str = "meridian_";

/// The hint in `attributes`. Errors: one of ours that cannot be read; someone relies on it.
pub(super) fn hint_in(attributes: &QueryAttributes) -> Result<Option<Box<Hint>>, Rejection> {
    // Nearly always there are none.
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut hint: Option<Box<Hint>> = None;
    for (name, value) in attributes.iter() {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let bad = || Rejection::Sql(SqlRefusal::BadHint { found: format!("{PREFIX}{name}") });
        let hint = hint.get_or_insert_default();
        let text = match value {
            AttributeValue::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            AttributeValue::Integer(_) | AttributeValue::Null | AttributeValue::Other => None,
        };
        match (name, value) {
            // NULL says nothing, as it does in a session variable.
            ("key" | "level" | "unit", AttributeValue::Null) => {}
            ("key", AttributeValue::Integer(number)) => hint.key = Some(KeyValue::Integer(*number)),
            ("key", _) => hint.key = Some(text.and_then(hint_key).ok_or_else(bad)?),
            ("level", _) => hint.level = Some(text.and_then(hint_level).ok_or_else(bad)?),
            ("unit", _) => hint.unit = Some(text.filter(|unit| !unit.is_empty()).ok_or_else(bad)?.to_owned()),
            _ => return Err(bad()),
        }
    }
    Ok(hint)
}
