//! The parameters inside a COM_STMT_EXECUTE, as far as routing needs their values.
//!
//! Types come with the first execution only; who keeps them for later ones is not decided here. Query attributes are not offered and so
//! never in the payload. Source: "COM_STMT_EXECUTE" in the MySQL source documentation.

use thiserror::Error;

use super::payload::{PayloadReader, Truncated};

/// Command byte, statement id, cursor flags, iteration count.
const FIXED: usize = 10;

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

/// The parameters of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecuteParameters<'a> {
    count: usize,
    nulls: &'a [u8],
    new_types: Option<&'a [u8]>,
    types: &'a [u8],
    values: &'a [u8],
    long_data: &'a [u16],
}

/// The statement id of a COM_STMT_EXECUTE, or of any other COM_STMT_ command.
pub fn statement_id(payload: &[u8]) -> Result<u32, Truncated> {
    let mut reader = PayloadReader::new(payload);
    reader.u8()?;
    reader.u32()
}

/// The cursor flags of a COM_STMT_EXECUTE; 0 asks for no cursor.
pub fn cursor_flags(payload: &[u8]) -> Result<u8, Truncated> {
    payload.get(5).copied().ok_or(Truncated)
}

impl<'a> ExecuteParameters<'a> {
    /// Finds the parts of a COM_STMT_EXECUTE's payload for a statement of `count` parameters.
    ///
    /// `remembered` are the types of an earlier execution, `long_data` the indexes of the parameters sent by COM_STMT_SEND_LONG_DATA.
    pub fn parse(
        payload: &'a [u8],
        count: usize,
        remembered: Option<&'a [u8]>,
        long_data: &'a [u16],
    ) -> Result<ExecuteParameters<'a>, ExecuteError> {
        let mut reader = PayloadReader::new(payload);
        reader.bytes(FIXED)?;
        if count == 0 {
            return Ok(ExecuteParameters { count, nulls: &[], new_types: None, types: &[], values: &[], long_data });
        }
        let nulls = reader.bytes(count.div_ceil(8))?;
        let new_types = if reader.u8()? == 1 { Some(reader.bytes(2 * count)?) } else { None };
        let types = new_types.or(remembered).filter(|types| types.len() == 2 * count).ok_or(ExecuteError::NoTypes)?;
        Ok(ExecuteParameters { count, nulls, new_types, types, values: reader.rest(), long_data })
    }

    /// The types this payload brought, two bytes for each parameter; to be remembered for later executions.
    pub fn new_types(&self) -> Option<&'a [u8]> {
        self.new_types
    }

    /// The values in order. After an error nothing more comes.
    pub fn values(&self) -> impl Iterator<Item = Result<ParameterValue<'a>, ExecuteError>> + use<'a> {
        let parameters = *self;
        let mut reader = PayloadReader::new(self.values);
        let mut broken = false;
        (0..self.count).map_while(move |index| {
            let value = (!broken).then(|| parameters.value(index, &mut reader));
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
        let unsigned = self.types[2 * index + 1] & 0x80 != 0;
        read_value(self.types[2 * index], unsigned, reader)
    }
}

fn read_value<'a>(
    kind: u8,
    unsigned: bool,
    reader: &mut PayloadReader<'a>,
) -> Result<ParameterValue<'a>, ExecuteError> {
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
pub fn with_types(payload: &[u8], count: usize, types: &[u8]) -> Result<Vec<u8>, ExecuteError> {
    let bound_at = FIXED + count.div_ceil(8);
    match payload.get(bound_at) {
        _ if count == 0 => Ok(payload.to_vec()),
        None => Err(ExecuteError::Truncated),
        Some(1) => Ok(payload.to_vec()),
        Some(_) => Ok([&payload[..bound_at], &[1], types, &payload[bound_at + 1..]].concat()),
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
        let parameters = ExecuteParameters::parse(&payload, 4, None, &[]).unwrap();
        assert_eq!(parameters.values().collect::<Result<Vec<_>, _>>().unwrap(), VALUES);
        assert_eq!(statement_id(&payload), Ok(1));
    }

    #[test]
    fn later_executions_use_the_remembered_types() {
        let first = payload();
        let types = ExecuteParameters::parse(&first, 4, None, &[]).unwrap().new_types().unwrap().to_vec();
        let mut later = first[..11].to_vec();
        later.push(0);
        later.extend_from_slice(&first[20..]);
        let parameters = ExecuteParameters::parse(&later, 4, Some(&types), &[]).unwrap();
        assert_eq!(parameters.values().collect::<Result<Vec<_>, _>>().unwrap(), VALUES);
        assert_eq!(ExecuteParameters::parse(&later, 4, None, &[]), Err(ExecuteError::NoTypes));
        assert_eq!(with_types(&later, 4, &types).unwrap(), first);
        assert_eq!(with_types(&first, 4, &types).unwrap(), first);
    }

    #[test]
    fn torn_payloads_give_errors_not_values() {
        let whole = payload();
        for cut in 0..whole.len() {
            let read = ExecuteParameters::parse(&whole[..cut], 4, None, &[])
                .and_then(|parameters| parameters.values().collect::<Result<Vec<_>, _>>());
            assert_eq!(read, Err(ExecuteError::Truncated), "{cut}");
        }
    }

    #[test]
    fn long_data_takes_no_bytes_of_the_payload() {
        let mut payload = payload();
        payload.truncate(payload.len() - 3);
        let parameters = ExecuteParameters::parse(&payload, 4, None, &[3]).unwrap();
        assert_eq!(parameters.values().last(), Some(Ok(ParameterValue::LongData)));
    }
}
