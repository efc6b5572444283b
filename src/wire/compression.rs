//! The compressed packet layer: a header of seven bytes, and zlib or zstd over whatever packets, or parts of packets, are behind it.
//!
//! It knows nothing of what it carries. Source: "Compression" in the MySQL source documentation (page_protocol_basic_compression).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use thiserror::Error;

use super::capability::Capabilities;

/// Bytes before each compressed payload: its length, a sequence number, its length before compression.
pub const COMPRESSED_HEADER: usize = 7;

/// What is shorter than this goes as it is, as at the servers.
const WORTH_COMPRESSING: usize = 50;

/// The servers' default for zlib.
const ZLIB_LEVEL: u32 = 6;

/// The servers' default for zstd.
const ZSTD_LEVEL: i32 = 3;

/// The highest level of zstd that is honoured: beyond it a worker's other clients would wait for one client's wish.
const HIGHEST_ZSTD_LEVEL: i32 = 9;

/// How payloads are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// zlib.
    Zlib,
    /// zstd.
    Zstd {
        /// 1 to 9.
        level: i32,
    },
}

impl Algorithm {
    /// What these negotiated flags ask for; zlib goes before zstd, as at the servers. `level` is the client's wish for zstd, 0 for none.
    pub fn of(negotiated: Capabilities, level: u8) -> Option<Algorithm> {
        if negotiated.contains(Capabilities::COMPRESS) {
            return Some(Algorithm::Zlib);
        }
        let level = if level == 0 { ZSTD_LEVEL } else { i32::from(level).min(HIGHEST_ZSTD_LEVEL) };
        negotiated.contains(Capabilities::ZSTD).then_some(Algorithm::Zstd { level })
    }
}

/// Why a compressed packet cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CompressionError {
    /// It does not expand to what its header says.
    #[error("a compressed packet that does not expand to what its header says")]
    Corrupt,
}

/// The header of a compressed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedHeader {
    /// Bytes behind the header.
    pub length: usize,
    /// The sequence number of this layer; it wraps.
    pub sequence: u8,
    /// Bytes they expand to; 0 when they are not compressed.
    pub expanded: usize,
}

impl CompressedHeader {
    /// The header at the beginning of `bytes`; `None` while it is incomplete.
    pub fn peek(bytes: &[u8]) -> Option<CompressedHeader> {
        let [a, b, c, sequence, d, e, f] = *bytes.first_chunk()?;
        let number = |low, middle, high| usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        Some(CompressedHeader { length: number(a, b, c), sequence, expanded: number(d, e, f) })
    }
}

/// Appends what stands in `payload`, which belongs to `header`, to `out`. Errors: it is corrupt; what was appended is then of no use.
pub fn expand(
    algorithm: Algorithm,
    header: CompressedHeader,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    if header.expanded == 0 {
        out.extend_from_slice(payload);
        return Ok(());
    }
    match algorithm {
        Algorithm::Zlib => {
            let before = out.len();
            // One byte more than promised shows a packet that lies about its length, without reading all of it.
            let mut bounded = ZlibDecoder::new(payload).take(header.expanded as u64 + 1);
            bounded.read_to_end(out).map_err(|_| CompressionError::Corrupt)?;
            if out.len() - before == header.expanded { Ok(()) } else { Err(CompressionError::Corrupt) }
        }
        Algorithm::Zstd { .. } => {
            let found = zstd::bulk::decompress(payload, header.expanded).map_err(|_| CompressionError::Corrupt)?;
            out.extend_from_slice(&found);
            if found.len() == header.expanded { Ok(()) } else { Err(CompressionError::Corrupt) }
        }
    }
}

/// Appends `bytes`, fewer than 16 MiB, to `out` as one compressed packet; `sequence` moves on. What compression does not shorten goes as it is.
pub fn write_compressed(algorithm: Algorithm, bytes: &[u8], sequence: &mut u8, out: &mut Vec<u8>) {
    let shorter = if bytes.len() < WORTH_COMPRESSING { None } else { compressed(algorithm, bytes) };
    let (payload, expanded) = match &shorter {
        Some(shorter) => (shorter.as_slice(), bytes.len()),
        None => (bytes, 0),
    };
    out.extend_from_slice(&payload.len().to_le_bytes()[..3]);
    out.push(*sequence);
    out.extend_from_slice(&expanded.to_le_bytes()[..3]);
    out.extend_from_slice(payload);
    *sequence = sequence.wrapping_add(1);
}

fn compressed(algorithm: Algorithm, bytes: &[u8]) -> Option<Vec<u8>> {
    let shorter = match algorithm {
        Algorithm::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(ZLIB_LEVEL));
            encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
        }
        Algorithm::Zstd { level } => zstd::bulk::compress(bytes, level).ok(),
    };
    shorter.filter(|shorter| shorter.len() < bytes.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const ALGORITHMS: [Algorithm; 2] = [Algorithm::Zlib, Algorithm::Zstd { level: 3 }];

    fn round_trip(algorithm: Algorithm, bytes: &[u8]) -> (Vec<u8>, CompressedHeader) {
        let mut wire = Vec::new();
        write_compressed(algorithm, bytes, &mut 255, &mut wire);
        let header = CompressedHeader::peek(&wire).unwrap();
        assert_eq!((header.length, header.sequence), (wire.len() - COMPRESSED_HEADER, 255));
        let mut back = Vec::new();
        expand(algorithm, header, &wire[COMPRESSED_HEADER..], &mut back).unwrap();
        assert!(back == bytes);
        (wire, header)
    }

    #[test]
    fn what_is_compressed_comes_back_and_what_is_short_or_random_goes_as_it_is() {
        for algorithm in ALGORITHMS {
            assert_eq!(round_trip(algorithm, b"\x09\0\0\0\x03SELECT 1").1.expanded, 0);
            let rows = b"the same row ".repeat(1000);
            let (wire, header) = round_trip(algorithm, &rows);
            assert_eq!(header.expanded, rows.len());
            assert!(wire.len() < rows.len() / 10, "{} of {}", wire.len(), rows.len());
            let mut number = 7u32;
            let noise = std::iter::repeat_with(|| {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (number >> 24) as u8
            });
            let noise: Vec<u8> = noise.take(5000).collect();
            round_trip(algorithm, &noise);
        }
    }

    #[test]
    fn the_servers_own_example_is_read() {
        // "select "012345678901234567890123456789012345"", from the documentation.
        let wire = b"\x22\x00\x00\x00\x32\x00\x00\x78\x9c\xd3\x63\x60\x60\x60\x2e\x4e\xcd\x49\x4d\x2e\x51\x50\x32\x30\x34\x32\x36\x31\x35\x33\xb7\xb0\xc4\xcd\x52\x02\x00\x0c\xd1\x0a\x6c";
        let header = CompressedHeader::peek(wire).unwrap();
        let mut out = Vec::new();
        expand(Algorithm::Zlib, header, &wire[COMPRESSED_HEADER..], &mut out).unwrap();
        assert_eq!(out, b"\x2e\0\0\0\x03select \"012345678901234567890123456789012345\"");
    }

    #[test]
    fn torn_and_lying_packets_are_refused() {
        for algorithm in ALGORITHMS {
            let rows = b"the same row ".repeat(100);
            let (wire, header) = round_trip(algorithm, &rows);
            assert_eq!(CompressedHeader::peek(&wire[..6]), None);
            let torn = &wire[COMPRESSED_HEADER..wire.len() - 3];
            let lies = [CompressedHeader { expanded: 10, ..header }, CompressedHeader { expanded: 9999, ..header }];
            assert_eq!(expand(algorithm, header, torn, &mut Vec::new()), Err(CompressionError::Corrupt));
            for lie in lies {
                let read = expand(algorithm, lie, &wire[COMPRESSED_HEADER..], &mut Vec::new());
                assert_eq!(read, Err(CompressionError::Corrupt), "{lie:?}");
            }
        }
    }

    #[test]
    fn zlib_goes_before_zstd_and_levels_are_bounded() {
        assert_eq!(Algorithm::of(Capabilities::COMPRESS | Capabilities::ZSTD, 5), Some(Algorithm::Zlib));
        assert_eq!(Algorithm::of(Capabilities::ZSTD, 0), Some(Algorithm::Zstd { level: 3 }));
        assert_eq!(Algorithm::of(Capabilities::ZSTD, 22), Some(Algorithm::Zstd { level: 9 }));
        assert_eq!(Algorithm::of(Capabilities::NONE, 3), None);
    }
}
