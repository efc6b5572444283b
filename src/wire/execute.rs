//! The parameters inside a COM_STMT_EXECUTE, as far as routing needs their values.
//!
//! Types come with the first execution only; who keeps them for later ones is not decided here. Where query attributes are negotiated, the
//! payload tells how many values it has, each type is followed by a name, and what goes beyond the statement's own parameters are attributes.
//! Source: "COM_STMT_EXECUTE" in the MySQL source documentation.

use std::borrow::Cow;

use thiserror::Error;

use super::capability::Capabilities;
use super::payload::{PayloadReader, Truncated, put_lenenc_bytes};
use super::query_attributes::{AttributeValue, QueryAttributes};

/// Command byte, statement id, cursor flags, iteration count.
const FIXED: usize = 10;

/// In the cursor flags: the payload tells how many values it has, even when the statement has no parameters.
const COUNT_FOLLOWS: u8 = 8;

/// Why parameters cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ExecuteError {
    /// The payload is shorter than its parameters.
    #[error("the parameters of an execution end too early")]
    Truncated,
    /// Neither the payload nor an earlier execution gave types.
    #[error("an execution without parameter types")]
    NoTypes,
    /// A type whose length on the wire is unknown.
    #[error("a parameter of unknown type {0}")]
    UnknownType(u8),
    /// A row of a bulk execution with a value that is none of those known.
    #[error("a bulk parameter with indicator {0}")]
    UnknownIndicator(u8),
    /// Query attributes in several sets.
    #[error("query attributes in several sets")]
    SeveralSets,
}

impl From<Truncated> for ExecuteError {
    fn from(_: Truncated) -> ExecuteError {
        ExecuteError::Truncated
    }
}

/// A parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// NULL.
    Null,
    /// An integer of any width and sign.
    Integer(i128),
    /// Text, bytes, or a decimal's text.
    Bytes(&'a [u8]),
    /// Sent before by COM_STMT_SEND_LONG_DATA; its bytes are not in this payload.
    LongData,
    /// A float, a bit field, a date or a time: nothing a routing key is read from.
    Other,
}

/// How an execution is laid out; it follows from what was negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecuteForm {
    /// As many values as the statement has parameters.
    Plain,
    /// A count, names behind the types, attributes behind the parameters.
    WithAttributes,
}

impl ExecuteForm {
    /// The form where these flags are negotiated.
    pub fn of(negotiated: Capabilities) -> ExecuteForm {
        match negotiated.contains(Capabilities::QUERY_ATTRIBUTES) {
            true => ExecuteForm::WithAttributes,
            false => ExecuteForm::Plain,
        }
    }
}

/// The parameters of one execution, and its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteParameters<'a> {
    count: usize,
    nulls: &'a [u8],
    bound_now: bool,
    /// Two bytes for each value.
    types: Cow<'a, [u8]>,
    /// The names of the attributes.
    names: Vec<&'a [u8]>,
    values: &'a [u8],
    long_data: &'a [u16],
}

/// The statement id of a COM_STMT_EXECUTE, or of any other COM_STMT_ command.
pub fn statement_id(payload: &[u8]) -> Result<u32, Truncated> {
    let mut reader = PayloadReader::new(payload);
    reader.u8()?;
    reader.u32()
}

/// Those of the flags that ask for a cursor (read only, for update, scrollable).
pub const CURSOR_TYPES: u8 = 0x07;

/// The flags of a COM_STMT_EXECUTE.
pub fn cursor_flags(payload: &[u8]) -> Result<u8, Truncated> {
    payload.get(5).copied().map(|flags| flags & !COUNT_FOLLOWS).ok_or(Truncated)
}

/// How many values follow, and where what describes them begins.
fn described(payload: &[u8], count: usize, form: ExecuteForm) -> Result<(usize, usize), ExecuteError> {
    let mut reader = PayloadReader::new(payload);
    let fixed = reader.bytes(FIXED)?;
    let counted = form == ExecuteForm::WithAttributes && (count > 0 || fixed[5] & COUNT_FOLLOWS != 0);
    if !counted {
        return Ok((count, FIXED));
    }
    let told = usize::try_from(reader.lenenc()?).map_err(|_| Truncated)?;
    if told < count { Err(ExecuteError::Truncated) } else { Ok((told, payload.len() - reader.rest().len())) }
}

impl<'a> ExecuteParameters<'a> {
    /// Finds the parts of a COM_STMT_EXECUTE's payload for a statement of `count` parameters.
    ///
    /// `remembered` are the types of an earlier execution, `long_data` the indexes of the parameters sent by COM_STMT_SEND_LONG_DATA.
    pub fn parse(
        payload: &'a [u8],
        count: usize,
        form: ExecuteForm,
        remembered: Option<&'a [u8]>,
        long_data: &'a [u16],
    ) -> Result<ExecuteParameters<'a>, ExecuteError> {
        let (told, at) = described(payload, count, form)?;
        let mut found = ExecuteParameters {
            count,
            nulls: &[],
            bound_now: false,
            types: Cow::Borrowed(&[]),
            names: Vec::new(),
            values: &[],
            long_data,
        };
        if told == 0 {
            return Ok(found);
        }
        let mut reader = PayloadReader::new(payload.get(at..).unwrap_or_default());
        found.nulls = reader.bytes(told.div_ceil(8))?;
        found.bound_now = reader.u8()? == 1;
        found.types = match (found.bound_now, form) {
            (true, ExecuteForm::Plain) => Cow::Borrowed(reader.bytes(2 * told)?),
            (true, ExecuteForm::WithAttributes) => {
                let mut types = Vec::new();
                for index in 0..told {
                    types.extend_from_slice(reader.bytes(2)?);
                    let name = reader.lenenc_bytes()?;
                    found.names.extend((index >= count).then_some(name));
                }
                Cow::Owned(types)
            }
            (false, _) => Cow::Borrowed(remembered.ok_or(ExecuteError::NoTypes)?),
        };
        // Attributes have no remembered types: whoever sends some binds all values anew.
        if found.types.len() != 2 * told {
            return Err(ExecuteError::NoTypes);
        }
        found.values = reader.rest();
        Ok(found)
    }

    /// The types this payload brought, two bytes for each parameter; to be remembered for later executions.
    pub fn new_types(&self) -> Option<&[u8]> {
        self.bound_now.then(|| &self.types[..2 * self.count])
    }

    /// The values of the parameters in order. After an error nothing more comes.
    pub fn values(&self) -> impl Iterator<Item = Result<ParameterValue<'a>, ExecuteError>> {
        self.all_values().take(self.count)
    }

    /// The two bytes of each parameter's type, in order.
    pub fn types(&self) -> impl Iterator<Item = [u8; 2]> {
        self.types.chunks_exact(2).map(|described| [described[0], described[1]]).take(self.count)
    }

    /// The attributes behind the parameters.
    pub fn attributes(&self) -> Result<QueryAttributes, ExecuteError> {
        if self.names.is_empty() {
            return Ok(QueryAttributes::default());
        }
        let values = self.all_values().collect::<Result<Vec<_>, _>>()?;
        let named = self.names.iter().zip(values.into_iter().skip(self.count));
        let attributes =
            named.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), AttributeValue::from(value)));
        Ok(QueryAttributes::new(attributes.collect()))
    }

    fn all_values(&self) -> impl Iterator<Item = Result<ParameterValue<'a>, ExecuteError>> {
        let mut reader = PayloadReader::new(self.values);
        let mut broken = false;
        (0..self.types.len() / 2).map_while(move |index| {
            let value = (!broken).then(|| self.value(index, &mut reader));
            broken |= matches!(value, Some(Err(_)));
            value
        })
    }

    fn value(&self, index: usize, reader: &mut PayloadReader<'a>) -> Result<ParameterValue<'a>, ExecuteError> {
        if self.long_data.iter().any(|&sent| usize::from(sent) == index) {
            return Ok(ParameterValue::LongData);
        }
        if self.nulls[index / 8] >> (index % 8) & 1 == 1 {
            return Ok(ParameterValue::Null);
        }
        read_value([self.types[2 * index], self.types[2 * index + 1]], reader)
    }
}

/// One value of the binary protocol; `described` are the two bytes of its type.
pub(super) fn read_value<'a>(
    described: [u8; 2],
    reader: &mut PayloadReader<'a>,
) -> Result<ParameterValue<'a>, ExecuteError> {
    let [kind, flags] = described;
    let unsigned = flags & 0x80 != 0;
    let integer = |signed: i128, plain: i128| ParameterValue::Integer(if unsigned { plain } else { signed });
    Ok(match kind {
        // TINY; SHORT, YEAR; LONG, INT24; LONGLONG
        1 => reader.u8().map(|value| integer((value as i8).into(), value.into()))?,
        2 | 13 => reader.u16().map(|value| integer((value as i16).into(), value.into()))?,
        3 | 9 => reader.u32().map(|value| integer((value as i32).into(), value.into()))?,
        8 => reader.u64().map(|value| integer((value as i64).into(), value.into()))?,
        // FLOAT, DOUBLE
        4 => reader.bytes(4).map(|_| ParameterValue::Other)?,
        5 => reader.bytes(8).map(|_| ParameterValue::Other)?,
        6 => ParameterValue::Null,
        // TIMESTAMP, DATE, TIME, DATETIME: a length and so many bytes
        7 | 10 | 11 | 12 => {
            let length = reader.u8()?;
            reader.bytes(usize::from(length)).map(|_| ParameterValue::Other)?
        }
        // BIT, VECTOR, GEOMETRY
        16 | 242 | 255 => reader.lenenc_bytes().map(|_| ParameterValue::Other)?,
        // DECIMAL, VARCHAR, JSON, NEWDECIMAL, ENUM, SET, the BLOBs, VAR_STRING, STRING
        0 | 15 | 245..=254 => ParameterValue::Bytes(reader.lenenc_bytes()?),
        unknown => return Err(ExecuteError::UnknownType(unknown)),
    })
}

/// The same execution with its types in it, for a server connection that has not seen them; unchanged when it brings its own.
pub fn with_types(payload: &[u8], count: usize, form: ExecuteForm, types: &[u8]) -> Result<Vec<u8>, ExecuteError> {
    let (told, at) = described(payload, count, form)?;
    let bound_at = at + told.div_ceil(8);
    let types = match form {
        ExecuteForm::Plain => Cow::Borrowed(types),
        ExecuteForm::WithAttributes => {
            let mut named = Vec::with_capacity(types.len() / 2 * 3);
            for kind in types.chunks(2) {
                named.extend_from_slice(kind);
                put_lenenc_bytes(&mut named, b"");
            }
            Cow::Owned(named)
        }
    };
    match payload.get(bound_at) {
        _ if told == 0 => Ok(payload.to_vec()),
        None => Err(ExecuteError::Truncated),
        Some(1) => Ok(payload.to_vec()),
        Some(_) => Ok([&payload[..bound_at], &[1], &types, &payload[bound_at + 1..]].concat()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// `(?, ?, ?, ?)` with -2 as TINY, NULL, 18446744073709551615 as unsigned LONGLONG, and "ab".
    fn payload() -> Vec<u8> {
        let mut out = vec![0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0b0010, 1];
        out.extend_from_slice(&[1, 0, 3, 0, 8, 0x80, 253, 0]);
        out.push(0xFE);
        out.extend_from_slice(&[255; 8]);
        out.extend_from_slice(b"\x02ab");
        out
    }

    const VALUES: [ParameterValue<'static>; 4] = [
        ParameterValue::Integer(-2),
        ParameterValue::Null,
        ParameterValue::Integer(u64::MAX as i128),
        ParameterValue::Bytes(b"ab"),
    ];

    #[test]
    fn values_are_read_with_their_sign_and_width() {
        let payload = payload();
        let parameters = ExecuteParameters::parse(&payload, 4, ExecuteForm::Plain, None, &[]).unwrap();
        assert_eq!(parameters.values().collect::<Result<Vec<_>, _>>().unwrap(), VALUES);
        assert_eq!(statement_id(&payload), Ok(1));
    }

    #[test]
    fn later_executions_use_the_remembered_types() {
        let first = payload();
        let types =
            ExecuteParameters::parse(&first, 4, ExecuteForm::Plain, None, &[]).unwrap().new_types().unwrap().to_vec();
        let mut later = first[..11].to_vec();
        later.push(0);
        later.extend_from_slice(&first[20..]);
        let parameters = ExecuteParameters::parse(&later, 4, ExecuteForm::Plain, Some(&types), &[]).unwrap();
        assert_eq!(parameters.values().collect::<Result<Vec<_>, _>>().unwrap(), VALUES);
        assert_eq!(ExecuteParameters::parse(&later, 4, ExecuteForm::Plain, None, &[]), Err(ExecuteError::NoTypes));
        assert_eq!(with_types(&later, 4, ExecuteForm::Plain, &types).unwrap(), first);
        assert_eq!(with_types(&first, 4, ExecuteForm::Plain, &types).unwrap(), first);
    }

    #[test]
    fn torn_payloads_give_errors_not_values() {
        let whole = payload();
        for cut in 0..whole.len() {
            let read = ExecuteParameters::parse(&whole[..cut], 4, ExecuteForm::Plain, None, &[])
                .and_then(|parameters| parameters.values().collect::<Result<Vec<_>, _>>());
            assert_eq!(read, Err(ExecuteError::Truncated), "{cut}");
        }
    }

    #[test]
    fn long_data_takes_no_bytes_of_the_payload() {
        let mut payload = payload();
        payload.truncate(payload.len() - 3);
        let parameters = ExecuteParameters::parse(&payload, 4, ExecuteForm::Plain, None, &[3]).unwrap();
        assert_eq!(parameters.values().last(), Some(Ok(ParameterValue::LongData)));
    }

    /// `SELECT id FROM users WHERE username = ? LIMIT 1` with 'admin', as mysql2 sends it where attributes are negotiated.
    const OF_MYSQL2: &[u8] = b"\x17\x04\0\0\0\x08\x01\0\0\0\x01\0\x01\xfd\0\0\x05admin";

    #[test]
    fn where_attributes_are_negotiated_the_count_and_the_names_are_passed_over() {
        let read = ExecuteParameters::parse(OF_MYSQL2, 1, ExecuteForm::WithAttributes, None, &[]).unwrap();
        assert_eq!(read.values().collect::<Vec<_>>(), [Ok(ParameterValue::Bytes(b"admin"))]);
        assert_eq!((read.new_types(), read.attributes()), (Some(&b"\xfd\0"[..]), Ok(QueryAttributes::default())));
        assert_eq!(cursor_flags(OF_MYSQL2), Ok(0));
        let later = b"\x17\x04\0\0\0\x08\x01\0\0\0\x01\0\0\x05admin";
        let read = ExecuteParameters::parse(later, 1, ExecuteForm::WithAttributes, Some(b"\xfd\0"), &[]).unwrap();
        assert_eq!(read.values().collect::<Vec<_>>(), [Ok(ParameterValue::Bytes(b"admin"))]);
        assert_eq!(with_types(later, 1, ExecuteForm::WithAttributes, b"\xfd\0").unwrap(), OF_MYSQL2);
        for cut in 0..OF_MYSQL2.len() {
            let read = ExecuteParameters::parse(&OF_MYSQL2[..cut], 1, ExecuteForm::WithAttributes, None, &[]);
            let read = read.and_then(|found| found.values().collect::<Result<Vec<_>, _>>());
            assert_eq!(read, Err(ExecuteError::Truncated), "{cut}");
        }
    }

    #[test]
    fn what_goes_beyond_the_parameters_are_attributes() {
        let payload = b"\x17\x01\0\0\0\x08\x01\0\0\0\x02\0\x01\x01\0\0\x08\0\x0cmeridian_key\x07\x70\x17\0\0\0\0\0\0";
        let read = ExecuteParameters::parse(payload, 1, ExecuteForm::WithAttributes, None, &[]).unwrap();
        assert_eq!(read.values().collect::<Vec<_>>(), [Ok(ParameterValue::Integer(7))]);
        assert_eq!(read.new_types(), Some(&b"\x01\0"[..]));
        assert_eq!(read.attributes().unwrap().get("meridian_key"), Some(&AttributeValue::Integer(6000)));
        // A statement without parameters may carry some as well.
        let read = ExecuteParameters::parse(payload, 0, ExecuteForm::WithAttributes, None, &[]).unwrap();
        assert_eq!(read.values().count(), 0);
        assert_eq!(read.attributes().unwrap().iter().count(), 2);
    }
}
