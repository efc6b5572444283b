//! The types of a prepared statement's parameters, as the reply to its PREPARE tells them.
//!
//! Source: "COM_STMT_PREPARE Response" and "Column Definition" in the MySQL protocol's documentation.

use super::packet::HEADER;
use super::payload::{PayloadReader, Truncated};

/// MYSQL_TYPE_VECTOR.
pub const VECTOR: u8 = 242;

/// The types of the first `count` parameters in a whole reply of Oracle MySQL's, which describes each in a packet. Errors: it does not.
pub fn parameter_types(reply: &[u8], count: u16) -> Result<Vec<u8>, Truncated> {
    let mut reader = PayloadReader::new(reply);
    let mut packet = || {
        let [low, middle, high, _] = reader.array::<HEADER>()?;
        reader.bytes(usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16)
    };
    packet()?;
    (0..count).map(|_| type_in(packet()?)).collect()
}

/// The type in a definition: behind six names, and the length, the character set and the width of what they are followed by.
fn type_in(definition: &[u8]) -> Result<u8, Truncated> {
    let mut reader = PayloadReader::new(definition);
    for _ in 0..6 {
        reader.lenenc_bytes()?;
    }
    reader.bytes(1 + 2 + 4)?;
    reader.u8()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_parameter_has_its_type_and_a_torn_reply_none() {
        // INSERT INTO v VALUES (?, ?) into an integer and a VECTOR(3), as MySQL 9.7 answers it.
        let ok = b"\x0c\0\0\x01\0\x01\0\0\0\0\0\x02\0\0\0\0";
        let integer = b"\x17\0\0\x02\x03def\0\0\0\x01?\0\x0c\x3f\0\x0b\0\0\0\x08\x80\0\0\0\0";
        let vector = b"\x17\0\0\x03\x03def\0\0\0\x01?\0\x0c\x3f\0\x0c\0\0\0\xf2\x80\0\0\0\0";
        let reply = [&ok[..], integer, vector].concat();
        assert_eq!(parameter_types(&reply, 2), Ok(vec![8, VECTOR]));
        assert_eq!(parameter_types(&reply, 0), Ok(vec![]));
        for cut in 0..reply.len() {
            assert!(parameter_types(&reply[..cut], 2).is_err(), "{cut}");
        }
    }
}
