//! The attributes a client sends along with a statement: before the text of a COM_QUERY, behind the parameters of a COM_STMT_EXECUTE.
//!
//! They are read where they stand and forwarded as they came; what they mean is not decided here. Only MySQL has them, and only where
//! CLIENT_QUERY_ATTRIBUTES is negotiated. Sources: "COM_QUERY", "COM_STMT_EXECUTE" in the MySQL source documentation.

use super::capability::Capabilities;
use super::execute::{ExecuteError, ParameterValue, read_value};
use super::payload::{PayloadReader, Truncated};

/// What begins the text of a COM_QUERY without attributes where attributes are negotiated: none of them, in one set.
pub const NO_ATTRIBUTES: [u8; 2] = [0, 1];

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// NULL.
    Null,
    /// An integer of any width and sign.
    Integer(i128),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// A float, a date or a time.
    Other,
}

impl From<ParameterValue<'_>> for AttributeValue {
    fn from(value: ParameterValue<'_>) -> AttributeValue {
        match value {
            ParameterValue::Null => AttributeValue::Null,
            ParameterValue::Integer(integer) => AttributeValue::Integer(integer),
            ParameterValue::Bytes(bytes) => AttributeValue::Bytes(bytes.to_vec()),
            ParameterValue::LongData | ParameterValue::Other => AttributeValue::Other,
        }
    }
}

/// The attributes of one statement, in the order they were sent; nearly always none, which costs no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryAttributes(Vec<(String, AttributeValue)>);

impl QueryAttributes {
    /// These attributes.
    pub(super) fn new(attributes: Vec<(String, AttributeValue)>) -> QueryAttributes {
        QueryAttributes(attributes)
    }

    /// The value of the attribute called `name`; of several, the first, as the server's own `mysql_query_attribute_string` takes it.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Where the text of a COM_QUERY begins in its payload, and the attributes before it.
///
/// Errors: the attributes are torn, of an unknown type, or come in several sets, which no server takes.
pub fn text_of_query(payload: &[u8], negotiated: Capabilities) -> Result<(usize, QueryAttributes), ExecuteError> {
    if !negotiated.contains(Capabilities::QUERY_ATTRIBUTES) {
        return Ok((1, QueryAttributes::default()));
    }
    let mut reader = PayloadReader::new(payload);
    reader.u8()?;
    let count = usize::try_from(reader.lenenc()?).map_err(|_| Truncated)?;
    if reader.lenenc()? != 1 {
        return Err(ExecuteError::SeveralSets);
    }
    let attributes = if count == 0 { QueryAttributes::default() } else { read_set(&mut reader, count)? };
    Ok((payload.len() - reader.rest().len(), attributes))
}

/// A set of `count` attributes: which are NULL, their types and names, their values.
fn read_set(reader: &mut PayloadReader<'_>, count: usize) -> Result<QueryAttributes, ExecuteError> {
    let nulls = reader.bytes(count.div_ceil(8))?;
    // In a COM_QUERY nothing is remembered of an earlier one, so types always come.
    if reader.u8()? != 1 {
        return Err(ExecuteError::NoTypes);
    }
    let mut named = Vec::new();
    for _ in 0..count {
        let kind: [u8; 2] = reader.array()?;
        named.push((kind, reader.lenenc_bytes()?));
    }
    let mut attributes = Vec::with_capacity(named.len());
    for (index, (kind, name)) in named.into_iter().enumerate() {
        let is_null = nulls[index / 8] >> (index % 8) & 1 == 1;
        let value = if is_null { ParameterValue::Null } else { read_value(kind, reader)? };
        attributes.push((String::from_utf8_lossy(name).into_owned(), value.into()));
    }
    Ok(QueryAttributes::new(attributes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// What the mysql client sends after `query_attributes meridian_key 6000 trace abc`, and one that is NULL.
    const QUERY: &[u8] =
        b"\x03\x03\x01\x04\x01\xfe\x00\x0cmeridian_key\xfe\x00\x05trace\x06\x00\x04none\x046000\x03abcSELECT 1";

    #[test]
    fn the_text_is_found_behind_the_attributes() {
        let (at, attributes) = text_of_query(QUERY, Capabilities::QUERY_ATTRIBUTES).unwrap();
        assert_eq!(&QUERY[at..], b"SELECT 1");
        assert_eq!(attributes.get("meridian_key"), Some(&AttributeValue::Bytes(b"6000".to_vec())));
        assert_eq!(attributes.get("none"), Some(&AttributeValue::Null));
        assert_eq!(attributes.get("other"), None);
        assert_eq!(attributes.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["meridian_key", "trace", "none"]);
    }

    #[test]
    fn a_query_without_attributes_costs_two_bytes_and_one_that_negotiated_none_nothing() {
        let plain = text_of_query(b"\x03\x00\x01SELECT 1", Capabilities::QUERY_ATTRIBUTES).unwrap();
        assert_eq!(plain, (3, QueryAttributes::default()));
        assert_eq!(text_of_query(b"\x03SELECT 1", Capabilities::NONE).unwrap().0, 1);
    }

    #[test]
    fn torn_attributes_are_refused() {
        let text_at = QUERY.len() - b"SELECT 1".len();
        for cut in 0..text_at {
            let read = text_of_query(&QUERY[..cut], Capabilities::QUERY_ATTRIBUTES);
            assert_eq!(read, Err(ExecuteError::Truncated), "{cut}");
        }
        let several = text_of_query(b"\x03\x00\x02SELECT 1", Capabilities::QUERY_ATTRIBUTES);
        assert_eq!(several, Err(ExecuteError::SeveralSets));
    }

    #[test]
    fn a_count_beyond_all_bytes_takes_no_memory() {
        let lie = b"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\x0f\x01";
        assert_eq!(text_of_query(lie, Capabilities::QUERY_ATTRIBUTES), Err(ExecuteError::Truncated));
    }
}
