//! OK packets: made for answers of our own, read after login and COM_PING.

use super::payload::{PayloadReader, Truncated, put_lenenc, put_lenenc_bytes};
use super::status;

/// What an OK packet says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OkPacket<'a> {
    /// Affected rows.
    pub affected_rows: u64,
    /// The insert id.
    pub insert_id: u64,
    /// Status flags.
    pub status: u16,
    /// Warnings.
    pub warnings: u16,
    /// A sentence for people, mostly empty.
    pub info: &'a [u8],
}

impl<'a> OkPacket<'a> {
    /// The payload with header 0x00.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(0x00)
    }

    /// The payload with header 0xFE, which ends rows under DEPRECATE_EOF.
    pub fn encode_as_eof(&self) -> Vec<u8> {
        self.encode_with(0xFE)
    }

    /// The payload with header 0x00, and the session-state blob `trackers`, for clients that negotiated SESSION_TRACK.
    pub fn encode_tracked(&self, trackers: &[u8]) -> Vec<u8> {
        let status = self.status | status::SESSION_STATE_CHANGED;
        let mut out = OkPacket { status, info: b"", ..self.clone() }.encode();
        put_lenenc_bytes(&mut out, self.info);
        put_lenenc_bytes(&mut out, trackers);
        out
    }

    fn encode_with(&self, header: u8) -> Vec<u8> {
        let mut out = vec![header];
        put_lenenc(&mut out, self.affected_rows);
        put_lenenc(&mut out, self.insert_id);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&self.warnings.to_le_bytes());
        // Servers write the length with and without SESSION_TRACK, whatever the documentation says of the latter.
        if !self.info.is_empty() {
            put_lenenc_bytes(&mut out, self.info);
        }
        out
    }

    /// Reads a payload with header 0x00 or 0xFE. A session-state blob is passed over.
    pub fn parse(payload: &'a [u8]) -> Result<OkPacket<'a>, Truncated> {
        let mut reader = PayloadReader::new(payload);
        reader.u8()?;
        let (affected_rows, insert_id) = (reader.lenenc()?, reader.lenenc()?);
        let (status, warnings) = (reader.u16()?, reader.u16()?);
        let info = if reader.is_empty() { &[] } else { reader.lenenc_bytes()? };
        Ok(OkPacket { affected_rows, insert_id, status, warnings, info })
    }
}

/// The payload of an EOF packet.
pub fn encode_eof(status: u16, warnings: u16) -> Vec<u8> {
    let mut out = vec![0xFE];
    out.extend_from_slice(&warnings.to_le_bytes());
    out.extend_from_slice(&status.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ok_packet_comes_back() {
        let packet =
            OkPacket { affected_rows: 300, insert_id: 70_000, status: 3, warnings: 2, info: b"Rows matched: 1" };
        assert_eq!(OkPacket::parse(&packet.encode()), Ok(packet.clone()));
        assert_eq!(OkPacket::parse(&packet.encode_as_eof()), Ok(packet.clone()));
        assert_eq!(OkPacket::parse(&packet.encode()[..6]), Err(Truncated));
    }

    #[test]
    fn trackers_stand_behind_the_sentence() {
        let packet = OkPacket { status: 1, ..OkPacket::default() };
        assert_eq!(
            packet.encode_tracked(b"\x05\t\x08T_______"),
            b"\x00\x00\x00\x01@\x00\x00\x00\x0b\x05\t\x08T_______"
        );
        assert_eq!(packet.encode_tracked(b""), b"\x00\x00\x00\x01@\x00\x00\x00\x00");
    }

    #[test]
    fn the_plain_ok_is_the_servers() {
        let packet = OkPacket { status: 2, ..OkPacket::default() };
        assert_eq!(packet.encode(), [0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(encode_eof(2, 1), [0xFE, 1, 0, 2, 0]);
    }
}
