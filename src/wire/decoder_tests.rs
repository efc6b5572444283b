//! No bytes from a peer make a decoder panic, and what is encoded comes back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::auth_switch::AuthSwitch;
use super::bulk::BulkParameters;
use super::capability::{Capabilities, Family};
use super::change_user::ChangeUser;
use super::command_reader::next_command;
use super::error_packet::ErrorPacket;
use super::execute::{ExecuteForm, ExecuteParameters, with_types};
use super::greeting::Greeting;
use super::infile_scanner::InfileScanner;
use super::login_request::{LoginRequest, attribute_pairs, is_tls_request};
use super::ok_packet::OkPacket;
use super::query_attributes::text_of_query;

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..40) {
        let _ = Greeting::parse(&bytes);
        let _ = LoginRequest::parse(&bytes, Family::MariaDb);
        let _ = (is_tls_request(&bytes), AuthSwitch::parse(&bytes), OkPacket::parse(&bytes), ErrorPacket::parse(&bytes));
        for form in [ExecuteForm::Plain, ExecuteForm::WithAttributes] {
            let _ = with_types(&bytes, count, form, &[]);
            if let Ok(parameters) = ExecuteParameters::parse(&bytes, count, form, None, &[]) {
                prop_assert!(parameters.values().count() <= count);
                let _ = parameters.attributes();
            }
        }
        if let Ok(parameters) = BulkParameters::parse(&bytes, count, None) {
            prop_assert!(parameters.rows().count() <= bytes.len());
        }
        if let Ok((at, _)) = text_of_query(&bytes, Capabilities::QUERY_ATTRIBUTES) {
            prop_assert!(at <= bytes.len());
        }
        let _ = ChangeUser::parse(&bytes, Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS);
        if let Ok(Some(frame)) = next_command(&bytes, 1000) {
            prop_assert_eq!(frame.payload(&bytes).len(), frame.length);
        }
        prop_assert!(attribute_pairs(&bytes).count() <= bytes.len());
        prop_assert!(InfileScanner::default().feed(&bytes).forward <= bytes.len());
    }

    #[test]
    fn login_requests_come_back(
        user in "[^\\x00]{0,40}",
        auth_response in prop::collection::vec(any::<u8>(), 0..250),
        schema in prop::option::of("[a-z]{1,64}"),
        plugin in prop::option::of("[a-z_]{1,30}"),
        attributes in prop::collection::vec(any::<u8>(), 0..500),
        collation in any::<u8>(),
        lenenc in any::<bool>(),
    ) {
        let mut capabilities = Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION | Capabilities::CONNECT_ATTRS;
        capabilities = capabilities | Capabilities::CONNECT_WITH_DB | Capabilities::PLUGIN_AUTH;
        if lenenc {
            capabilities = capabilities | Capabilities::PLUGIN_AUTH_LENENC;
        }
        let own = LoginRequest { capabilities, max_packet: 7, collation, user, auth_response, schema, plugin, attributes, zstd_level: 0 };
        prop_assert_eq!(LoginRequest::parse(&own.encode(), Family::MySql), Ok(own));
    }
}
