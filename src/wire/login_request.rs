//! The client's login request (HandshakeResponse41) and the SSLRequest that may come before it.
//!
//! Clients older than 4.1 are refused. Source: "Protocol::HandshakeResponse41" in the MySQL source documentation;
//! MariaDB's extended flags stand in the last four filler bytes.

use super::capability::{Capabilities, Family};
use super::greeting::HandshakeError;
use super::payload::{PayloadReader, put_lenenc_bytes, put_nul_terminated};

/// The length of an SSLRequest, and of what begins a login request.
const PREFIX: usize = 32;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// The flags it set.
    pub capabilities: Capabilities,
    /// The largest packet it says it will take.
    pub max_packet: u32,
    /// The collation of its connection; 0 leaves it to the server. Ids over 255 do not fit.
    pub collation: u8,
    /// The user's name.
    pub user: String,
    /// The answer to the greeting's salt.
    pub auth_response: Vec<u8>,
    /// The schema to start in.
    pub schema: Option<String>,
    /// The plugin the answer was made with.
    pub plugin: Option<String>,
    /// Connection attributes as sent: pairs of length-encoded strings.
    pub attributes: Vec<u8>,
    /// The level of zstd it wishes for; 0 when it says none.
    pub zstd_level: u8,
}

/// Whether this packet asks for TLS instead of logging in.
pub fn is_tls_request(payload: &[u8]) -> bool {
    payload.len() == PREFIX
        && payload
            .first_chunk()
            .is_some_and(|bytes| Capabilities::from_parts(u32::from_le_bytes(*bytes), 0).contains(Capabilities::SSL))
}

impl LoginRequest {
    /// The payload of a login request; what stands in it follows the flags.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.encode_tls_request();
        let has = |flag| self.capabilities.contains(flag);
        put_nul_terminated(&mut out, self.user.as_bytes());
        if has(Capabilities::PLUGIN_AUTH_LENENC) {
            put_lenenc_bytes(&mut out, &self.auth_response);
        } else {
            // Every answer we know has 32 bytes at most.
            out.push(self.auth_response.len() as u8);
            out.extend_from_slice(&self.auth_response);
        }
        if has(Capabilities::CONNECT_WITH_DB) {
            put_nul_terminated(&mut out, self.schema.as_deref().unwrap_or_default().as_bytes());
        }
        if has(Capabilities::PLUGIN_AUTH) {
            put_nul_terminated(&mut out, self.plugin.as_deref().unwrap_or_default().as_bytes());
        }
        if has(Capabilities::CONNECT_ATTRS) {
            put_lenenc_bytes(&mut out, &self.attributes);
        }
        if has(Capabilities::ZSTD) {
            out.push(self.zstd_level);
        }
        out
    }

    /// The payload of the SSLRequest that announces this login.
    pub fn encode_tls_request(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&self.capabilities.classic().to_le_bytes());
        out.extend_from_slice(&self.max_packet.to_le_bytes());
        out.push(self.collation);
        out.extend_from_slice(&[0; 19]);
        out.extend_from_slice(&self.capabilities.extended().to_le_bytes());
        out
    }

    /// Reads a login request sent to a server of `family`.
    pub fn parse(payload: &[u8], family: Family) -> Result<LoginRequest, HandshakeError> {
        let mut reader = PayloadReader::new(payload);
        // The old request begins with two bytes of flags; the 4.1 flag stands in both layouts at the same place.
        let old_flags = reader.clone().u16()?;
        if !Capabilities(u64::from(old_flags)).contains(Capabilities::PROTOCOL_41) {
            return Err(HandshakeError::TooOld);
        }
        let classic = reader.u32()?;
        let max_packet = reader.u32()?;
        let collation = reader.u8()?;
        reader.bytes(19)?;
        let extended = reader.u32()?;
        let speaks_mysql = Capabilities::from_parts(classic, 0).contains(Capabilities::CLIENT_MYSQL);
        let carries_extended = family == Family::MariaDb && !speaks_mysql;
        let capabilities = Capabilities::from_parts(classic, if carries_extended { extended } else { 0 });
        if !capabilities.contains(Capabilities::SECURE_CONNECTION) {
            return Err(HandshakeError::TooOld);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let user = text(reader.nul_terminated()?);
        let auth_response = if capabilities.contains(Capabilities::PLUGIN_AUTH_LENENC) {
            reader.lenenc_bytes()?
        } else {
            let length = reader.u8()?;
            reader.bytes(usize::from(length))?
        };
        // From here on clients leave out what is empty, whatever their flags say; servers accept that.
        let mut schema = None;
        if capabilities.contains(Capabilities::CONNECT_WITH_DB) && !reader.is_empty() {
            schema = Some(text(reader.nul_terminated_or_rest())).filter(|name| !name.is_empty());
        }
        let mut plugin = None;
        if capabilities.contains(Capabilities::PLUGIN_AUTH) && !reader.is_empty() {
            plugin = Some(text(reader.nul_terminated_or_rest())).filter(|name| !name.is_empty());
        }
        let mut attributes = Vec::new();
        if capabilities.contains(Capabilities::CONNECT_ATTRS) && !reader.is_empty() {
            attributes = reader.lenenc_bytes()?.to_vec();
        }
        let auth_response = auth_response.to_vec();
        let zstd = capabilities.contains(Capabilities::ZSTD);
        let zstd_level = if zstd && !reader.is_empty() { reader.u8()? } else { 0 };
        Ok(LoginRequest {
            capabilities,
            max_packet,
            collation,
            user,
            auth_response,
            schema,
            plugin,
            attributes,
            zstd_level,
        })
    }
}

/// The connection attributes of a login request, as pairs; a torn tail is left out.
pub fn attribute_pairs(attributes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut reader = PayloadReader::new(attributes);
    std::iter::from_fn(move || Some((reader.lenenc_bytes().ok()?, reader.lenenc_bytes().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn request(extra: Capabilities) -> LoginRequest {
        LoginRequest {
            capabilities: Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION | extra,
            max_packet: 1 << 24,
            collation: 45,
            user: "app".to_owned(),
            auth_response: vec![9; 20],
            schema: None,
            plugin: None,
            attributes: Vec::new(),
            zstd_level: 0,
        }
    }

    #[test]
    fn a_full_request_comes_back_and_its_torn_twins_do_not_pass_its_answer() {
        let mut own = request(
            Capabilities::CONNECT_WITH_DB
                | Capabilities::PLUGIN_AUTH
                | Capabilities::PLUGIN_AUTH_LENENC
                | Capabilities::CONNECT_ATTRS
                | Capabilities::ZSTD
                | Capabilities::EXTENDED_METADATA,
        );
        own.schema = Some("shop".to_owned());
        own.plugin = Some("mysql_native_password".to_owned());
        own.attributes = b"\x03_os\x05Linux".to_vec();
        own.zstd_level = 7;
        let payload = own.encode();
        assert_eq!(LoginRequest::parse(&payload, Family::MariaDb), Ok(own.clone()));
        for cut in 0..PREFIX + 4 + 21 {
            assert_eq!(LoginRequest::parse(&payload[..cut], Family::MariaDb), Err(HandshakeError::Truncated), "{cut}");
        }
        assert_eq!(attribute_pairs(&own.attributes).collect::<Vec<_>>(), [(&b"_os"[..], &b"Linux"[..])]);
    }

    #[test]
    fn extended_flags_count_only_between_mariadb_and_mariadb() {
        let payload = request(Capabilities::EXTENDED_METADATA).encode();
        let read = |payload: &[u8], family| LoginRequest::parse(payload, family).unwrap().capabilities.extended();
        assert_eq!(read(&payload, Family::MySql), 0);
        assert_eq!(read(&payload, Family::MariaDb), Capabilities::EXTENDED_METADATA.extended());
        let mysql = request(Capabilities::EXTENDED_METADATA | Capabilities::CLIENT_MYSQL).encode();
        assert_eq!(read(&mysql, Family::MariaDb), 0);
    }

    #[test]
    fn clients_before_4_1_are_refused() {
        let mut old = request(Capabilities::NONE);
        old.capabilities = Capabilities::SECURE_CONNECTION;
        assert_eq!(LoginRequest::parse(&old.encode(), Family::MySql), Err(HandshakeError::TooOld));
        assert_eq!(LoginRequest::parse(b"\x05\0\0\0\x01app\0", Family::MySql), Err(HandshakeError::TooOld));
    }

    #[test]
    fn only_the_short_packet_with_the_flag_asks_for_tls() {
        let own = request(Capabilities::SSL);
        assert!(is_tls_request(&own.encode_tls_request()));
        assert!(!is_tls_request(&own.encode()));
        assert!(!is_tls_request(&request(Capabilities::NONE).encode_tls_request()));
    }
}
