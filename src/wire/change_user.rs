//! COM_CHANGE_USER: who the client wants to be, on the connection it has.
//!
//! Source: "COM_CHANGE_USER" in the MySQL source documentation.

use super::capability::Capabilities;
use super::payload::{PayloadReader, Truncated};

/// What a COM_CHANGE_USER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeUser {
    /// The user's name.
    pub user: String,
    /// Its answer to the salt of the last exchange.
    pub auth_response: Vec<u8>,
    /// The schema to start in.
    pub schema: Option<String>,
    /// The collation of the connection; `None` where the client left it out.
    pub collation: Option<u16>,
    /// The plugin the answer was made with.
    pub plugin: Option<String>,
    /// Connection attributes as sent: pairs of length-encoded strings.
    pub attributes: Vec<u8>,
}

impl ChangeUser {
    /// Reads the payload, command byte included, from a client that negotiated these flags. What comes after the schema may be left out.
    pub fn parse(payload: &[u8], negotiated: Capabilities) -> Result<ChangeUser, Truncated> {
        let mut reader = PayloadReader::new(payload);
        reader.u8()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let user = text(reader.nul_terminated()?);
        let length = reader.u8()?;
        let auth_response = reader.bytes(usize::from(length))?.to_vec();
        let schema = Some(text(reader.nul_terminated_or_rest())).filter(|name| !name.is_empty());
        let collation = if reader.is_empty() { None } else { Some(reader.u16()?) };
        let mut plugin = None;
        if negotiated.contains(Capabilities::PLUGIN_AUTH) && !reader.is_empty() {
            plugin = Some(text(reader.nul_terminated_or_rest())).filter(|name| !name.is_empty());
        }
        let mut attributes = Vec::new();
        if negotiated.contains(Capabilities::CONNECT_ATTRS) && !reader.is_empty() {
            attributes = reader.lenenc_bytes()?.to_vec();
        }
        Ok(ChangeUser { user, auth_response, schema, collation, plugin, attributes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"\x11app\0\x03abcshop\0\x2f\x01mysql_native_password\0\x0a\x03_os\x05Linux";

    #[test]
    fn a_whole_request_and_its_shorter_forms_are_read() {
        let flags = Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS;
        let whole = ChangeUser {
            user: "app".to_owned(),
            auth_response: b"abc".to_vec(),
            schema: Some("shop".to_owned()),
            collation: Some(303),
            plugin: Some("mysql_native_password".to_owned()),
            attributes: b"\x03_os\x05Linux".to_vec(),
        };
        assert_eq!(ChangeUser::parse(WHOLE, flags), Ok(whole.clone()));
        let short = ChangeUser { collation: None, plugin: None, attributes: Vec::new(), ..whole };
        assert_eq!(ChangeUser::parse(&WHOLE[..14], flags), Ok(short.clone()));
        let bare = ChangeUser { schema: None, auth_response: Vec::new(), ..short };
        assert_eq!(ChangeUser::parse(b"\x11app\0\0\0", flags), Ok(bare));
    }

    #[test]
    fn torn_requests_are_refused() {
        let flags = Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS;
        // Up to the answer's end, within the collation, and within the attributes.
        for cut in (0..9).chain([15]).chain(39..WHOLE.len()) {
            assert_eq!(ChangeUser::parse(&WHOLE[..cut], flags), Err(Truncated), "{cut}");
        }
    }
}
