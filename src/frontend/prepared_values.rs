//! The values of an execution, as routing and the server's memory of types read them.

use std::sync::Arc;

use super::execution::Kinds;
use super::prepared::Prepared;
use crate::sql::KeyValue;
use crate::wire::bulk::BulkParameters;
use crate::wire::execute::{CURSOR_TYPES, ExecuteError, ExecuteForm, ExecuteParameters, ParameterValue, cursor_flags};
use crate::wire::parameter_history::ParameterKind;
use crate::wire::query_attributes::QueryAttributes;

/// What an execution says of its parameters.
#[derive(Default)]
pub(super) struct ReadParameters {
    /// The values as routing reads them.
    pub(super) values: Vec<KeyValue>,
    /// Their kinds.
    pub(super) kinds: Kinds,
    /// Their types, for later executions.
    pub(super) types: Option<Arc<[u8]>>,
    /// The attributes behind them.
    pub(super) attributes: QueryAttributes,
}

/// Whether and how the values can be read; the types, if this execution brings new ones or an earlier one did.
pub(super) fn read_parameters(
    payload: &[u8],
    statement: &Prepared,
    form: ExecuteForm,
    long: &[u16],
) -> Result<ReadParameters, ExecuteError> {
    cursor_flags(payload)?;
    let parsed = ExecuteParameters::parse(payload, statement.parameters, form, statement.types.as_deref(), long)?;
    let attributes = parsed.attributes()?;
    if statement.parameters == 0 {
        return Ok(ReadParameters { attributes, ..ReadParameters::default() });
    }
    let mut values = Vec::with_capacity(statement.parameters);
    let mut kinds = Kinds::new();
    let stores = stores(&statement.key.text);
    for (described, value) in parsed.types().zip(parsed.values()) {
        let value = value?;
        kinds.push(match ParameterKind::of(described, value) {
            // Stored, it is a NULL of whatever type; and rows differ in where they have one.
            ParameterKind::Null if stores => ParameterKind::Nothing,
            kind => kind,
        });
        values.push(key_value(value));
    }
    let types = parsed.new_types().map(Arc::from).or_else(|| statement.types.clone());
    Ok(ReadParameters { values, kinds, types, attributes })
}

pub(super) fn asks_for_cursor(payload: &[u8]) -> bool {
    cursor_flags(payload).is_ok_and(|flags| flags & CURSOR_TYPES != 0)
}

/// Whether a statement begins as those do that give no rows.
fn stores(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    ["INSERT", "REPLACE", "UPDATE", "DELETE"].into_iter().any(begins)
}

/// A value as routing reads it.
fn key_value(value: ParameterValue<'_>) -> KeyValue {
    match value {
        ParameterValue::Null => KeyValue::Null,
        ParameterValue::Integer(integer) => KeyValue::Integer(integer),
        ParameterValue::Bytes(bytes) => KeyValue::Text(bytes.into()),
        ParameterValue::LongData | ParameterValue::Other => KeyValue::Unreadable,
    }
}

/// The rows of a bulk execution as routing reads them, and their types for later executions.
type ReadRows = (Vec<Vec<KeyValue>>, Option<Arc<[u8]>>);

pub(super) fn read_rows(payload: &[u8], statement: &Prepared) -> Result<ReadRows, ExecuteError> {
    let parsed = BulkParameters::parse(payload, statement.parameters, statement.types.as_deref())?;
    let rows = parsed.rows().map(|row| row.map(|values| values.into_iter().map(key_value).collect()));
    let types = parsed.new_types().map(Arc::from).or_else(|| statement.types.clone());
    Ok((rows.collect::<Result<_, _>>()?, types))
}
