//! Reading and writing the scalar pieces of payloads: fixed and length-encoded integers, strings.
//!
//! Reading never passes the end: a payload that is too short is [`Truncated`], never a panic.
//! Source: "Protocol basic data types" in the MySQL source documentation.

use thiserror::Error;

/// A payload ended before the piece that had to be in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the payload ends too early")]
pub struct Truncated;

/// A cursor over one payload.
#[derive(Clone, Copy, Debug)]
pub struct PayloadReader<'a> {
    rest: &'a [u8],
}

impl<'a> PayloadReader<'a> {
    /// Starts at the first byte of `payload`.
    pub fn new(payload: &'a [u8]) -> Self {
        PayloadReader { rest: payload }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A one-byte integer.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array().map(u8::from_le_bytes)
    }

    /// A two-byte integer.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_le_bytes)
    }

    /// A four-byte integer.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_le_bytes)
    }

    /// An eight-byte integer.
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length-encoded integer. The first bytes 0xFB (NULL) and 0xFF (error) are none, and count as truncated.
    pub fn lenenc(&mut self) -> Result<u64, Truncated> {
        match self.u8()? {
            small @ 0..=0xFA => Ok(u64::from(small)),
            0xFC => self.u16().map(u64::from),
            0xFD => {
                let [low, middle, high] = self.array()?;
                Ok(u64::from(u32::from_le_bytes([low, middle, high, 0])))
            }
            0xFE => self.u64(),
            0xFB | 0xFF => Err(Truncated),
        }
    }

    /// A string with a length-encoded length before it.
    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8], Truncated> {
        let length = usize::try_from(self.lenenc()?).map_err(|_| Truncated)?;
        self.bytes(length)
    }

    /// A string up to a NUL byte, which is skipped.
    pub fn nul_terminated(&mut self) -> Result<&'a [u8], Truncated> {
        let length = memchr::memchr(0, self.rest).ok_or(Truncated)?;
        let text = self.bytes(length)?;
        self.bytes(1)?;
        Ok(text)
    }

    /// A string up to a NUL byte or to the end: some clients leave the last NUL out.
    pub fn nul_terminated_or_rest(&mut self) -> &'a [u8] {
        match self.nul_terminated() {
            Ok(text) => text,
            Err(Truncated) => std::mem::take(&mut self.rest),
        }
    }
}

/// Appends a length-encoded integer.
pub fn put_lenenc(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_le_bytes();
    match value {
        0..=0xFA => out.push(bytes[0]),
        0xFB..=0xFFFF => {
            out.push(0xFC);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xFF_FFFF => {
            out.push(0xFD);
            out.extend_from_slice(&bytes[..3]);
        }
        _ => {
            out.push(0xFE);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends a string with its length-encoded length before it.
pub fn put_lenenc_bytes(out: &mut Vec<u8>, text: &[u8]) {
    put_lenenc(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends a string and a NUL byte.
pub fn put_nul_terminated(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.push(0);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn length_encoded_integers_come_back() {
        for value in [0, 250, 251, 0xFFFF, 0x1_0000, 0xFF_FFFF, 0x100_0000, u64::MAX] {
            let mut out = Vec::new();
            put_lenenc(&mut out, value);
            let mut reader = PayloadReader::new(&out);
            assert_eq!(reader.lenenc(), Ok(value));
            assert!(reader.is_empty());
            assert_eq!(PayloadReader::new(&out[..out.len() - 1]).lenenc(), Err(Truncated), "{value}");
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_truncated() {
        assert_eq!(PayloadReader::new(&[0xFE, 255, 255, 255, 255, 255, 255, 255, 255]).lenenc_bytes(), Err(Truncated));
        assert_eq!(PayloadReader::new(b"abc").nul_terminated(), Err(Truncated));
        assert_eq!(PayloadReader::new(b"abc").nul_terminated_or_rest(), b"abc");
    }
}
