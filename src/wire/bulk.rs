//! COM_STMT_BULK_EXECUTE (MariaDB): a prepared statement for many rows of parameters, as far as routing needs their values.
//!
//! Source: "COM_STMT_BULK_EXECUTE" in MariaDB's protocol documentation.

use super::execute::{ExecuteError, ParameterValue, read_value};
use super::payload::PayloadReader;

/// Command byte, statement id, flags.
const FIXED: usize = 7;

/// In the flags: the types of the parameters come before the rows.
const TYPES_FOLLOW: u16 = 128;

/// Before each value: what is to be read of it.
const VALUE_FOLLOWS: u8 = 0;
const NULL: u8 = 1;
const DEFAULT: u8 = 2;
const IGNORED: u8 = 3;

/// The parameters of one bulk execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkParameters<'a> {
    count: usize,
    new_types: Option<&'a [u8]>,
    types: &'a [u8],
    rows: &'a [u8],
}

impl<'a> BulkParameters<'a> {
    /// Finds the parts of the payload, command byte included, for a statement of `count` parameters; `remembered` are the types of an earlier
    /// execution.
    pub fn parse(
        payload: &'a [u8],
        count: usize,
        remembered: Option<&'a [u8]>,
    ) -> Result<BulkParameters<'a>, ExecuteError> {
        let mut reader = PayloadReader::new(payload);
        reader.bytes(FIXED - 2)?;
        let new_types = if reader.u16()? & TYPES_FOLLOW != 0 { Some(reader.bytes(2 * count)?) } else { None };
        let types = new_types.or(remembered).filter(|types| types.len() == 2 * count).ok_or(ExecuteError::NoTypes)?;
        Ok(BulkParameters { count, new_types, types, rows: reader.rest() })
    }

    /// The types this payload brought, two bytes for each parameter; to be remembered for later executions.
    pub fn new_types(&self) -> Option<&'a [u8]> {
        self.new_types
    }

    /// The rows in order. After an error nothing more comes.
    pub fn rows(&self) -> impl Iterator<Item = Result<Vec<ParameterValue<'a>>, ExecuteError>> + use<'a> {
        let parameters = *self;
        let mut reader = PayloadReader::new(self.rows);
        let mut broken = false;
        std::iter::from_fn(move || {
            if broken || reader.is_empty() || parameters.count == 0 {
                return None;
            }
            let row = parameters.row(&mut reader);
            broken = row.is_err();
            Some(row)
        })
    }

    fn row(&self, reader: &mut PayloadReader<'a>) -> Result<Vec<ParameterValue<'a>>, ExecuteError> {
        let value = |kind: &[u8]| match reader.u8()? {
            VALUE_FOLLOWS => read_value([kind[0], kind[1]], reader),
            NULL => Ok(ParameterValue::Null),
            // What the column holds or has by default is for the server to know.
            DEFAULT | IGNORED => Ok(ParameterValue::Other),
            unknown => Err(ExecuteError::UnknownIndicator(unknown)),
        };
        self.types.chunks_exact(2).map(value).collect()
    }
}

/// The same execution with its types in it, for a server connection that has not seen them; unchanged when it brings its own.
pub fn with_types(payload: &[u8], types: &[u8]) -> Vec<u8> {
    match payload.split_at_checked(FIXED) {
        Some((head, rows)) if u16::from_le_bytes([head[5], head[6]]) & TYPES_FOLLOW == 0 => {
            let flags = u16::from_le_bytes([head[5], head[6]]) | TYPES_FOLLOW;
            [&head[..5], &flags.to_le_bytes(), types, rows].concat()
        }
        Some(_) | None => payload.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// `(7, 'ab')`, `(NULL, DEFAULT)` as SHORT and VARCHAR.
    const WHOLE: &[u8] = b"\xfa\x01\0\0\0\x80\0\x02\0\x0f\0\0\x07\0\0\x02ab\x01\x02";

    #[test]
    fn rows_are_read_with_their_indicators() {
        let read = BulkParameters::parse(WHOLE, 2, None).unwrap();
        let rows: Vec<_> = read.rows().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows[0], [ParameterValue::Integer(7), ParameterValue::Bytes(b"ab")]);
        assert_eq!(rows[1], [ParameterValue::Null, ParameterValue::Other]);
        assert_eq!((rows.len(), read.new_types()), (2, Some(&b"\x02\0\x0f\0"[..])));
    }

    #[test]
    fn later_executions_use_the_remembered_types() {
        let later = [&WHOLE[..5], &[0, 0], &WHOLE[11..]].concat();
        assert_eq!(BulkParameters::parse(&later, 2, None), Err(ExecuteError::NoTypes));
        let types = &WHOLE[7..11];
        assert_eq!(BulkParameters::parse(&later, 2, Some(types)).unwrap().rows().count(), 2);
        assert_eq!(with_types(&later, types), WHOLE);
        assert_eq!(with_types(WHOLE, types), WHOLE);
    }

    #[test]
    fn torn_payloads_give_errors_not_values() {
        for cut in (0..WHOLE.len()).filter(|cut| ![11, 18].contains(cut)) {
            let read = BulkParameters::parse(&WHOLE[..cut], 2, None);
            let read = read.and_then(|found| found.rows().collect::<Result<Vec<_>, _>>());
            assert_eq!(read, Err(ExecuteError::Truncated), "{cut}");
        }
        let wrong = [&WHOLE[..11], &[9]].concat();
        let read = BulkParameters::parse(&wrong, 2, None).unwrap().rows().next();
        assert_eq!(read, Some(Err(ExecuteError::UnknownIndicator(9))));
    }
}
