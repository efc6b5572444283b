//! Packets of Meridian's own to a client, and what they tell of its session.

use super::client::ReadError;
use super::session::{Session, SessionEnd};
use super::transaction::Autocommit;
use super::transaction_trackers::waits_read_only;
use crate::sql::Family;
use crate::wire::capability::{Capabilities, CapabilityClass};
use crate::wire::ok_packet::{OkPacket, encode_eof};
use crate::wire::packet::write_packet;
use crate::wire::status;

impl Session {
    /// Sends packets of Meridian's own to the client.
    pub(super) async fn send(&mut self, packets: &[u8]) -> Result<(), SessionEnd> {
        self.client.send(packets).await.map_err(|error| SessionEnd::Client(ReadError::Io(error)))
    }

    /// An OK packet with the session's status.
    pub(super) async fn send_ok(&mut self, mut sequence: u8) -> Result<(), SessionEnd> {
        let ok = OkPacket { affected_rows: 0, insert_id: 0, status: self.status(), warnings: 0, info: b"" };
        let mut packet = Vec::new();
        write_packet(&mut packet, &mut sequence, &ok.encode());
        self.send(&packet).await
    }

    /// The EOF that answers COM_SET_OPTION: an OK packet in its clothes where EOF packets are not wanted.
    pub(super) async fn send_eof(&mut self, mut sequence: u8) -> Result<(), SessionEnd> {
        let payload = if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            OkPacket { status: self.status(), ..OkPacket::default() }.encode_as_eof()
        } else {
            encode_eof(self.status(), 0)
        };
        let mut packet = Vec::new();
        write_packet(&mut packet, &mut sequence, &payload);
        self.send(&packet).await
    }

    /// The status flags of packets of Meridian's own: clients escape by some of them.
    pub(super) fn status(&self) -> u16 {
        let autocommit = if self.autocommit == Autocommit::On { status::AUTOCOMMIT } else { 0 };
        let in_transaction = if self.transaction.is_begun() { status::IN_TRANS } else { 0 };
        let read_only = if waits_read_only(&self.transaction) { status::IN_TRANS_READONLY } else { 0 };
        let escapes = if self.reading.mode.no_backslash_escapes { status::NO_BACKSLASH_ESCAPES } else { 0 };
        let mariadb = self.listener.dialect.family == Family::MariaDb;
        let quotes = if self.reading.mode.ansi_quotes && mariadb { status::ANSI_QUOTES } else { 0 };
        autocommit | in_transaction | read_only | escapes | quotes
    }

    /// The flags that make this client's pool.
    pub(super) fn class(&self) -> CapabilityClass {
        CapabilityClass::of(self.capabilities)
    }
}
