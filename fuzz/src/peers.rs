//! What clients and servers send before and between replies.

use crate::wire::execute::{ExecuteForm, cursor_flags, statement_id, with_types};
use crate::wire::login_request::{attribute_pairs, is_tls_request};
use crate::wire::query_attributes::text_of_query;
use crate::wire::{
    AuthSwitch, Capabilities, Command, ErrorPacket, ExecuteParameters, Family, Greeting, HEADER, InfileScanner,
    LoginRequest, OkPacket, next_command,
};

/// Greetings, login requests, switches and the packets that end a login. What can be read can be written and read again, to the same.
pub fn handshake(bytes: &[u8]) {
    for family in [Family::MariaDb, Family::MySql] {
        if let Ok(request) = LoginRequest::parse(bytes, family) {
            assert!(attribute_pairs(&request.attributes).count() <= request.attributes.len());
            let again = LoginRequest::parse(&request.encode(), family);
            assert!(again.is_ok(), "{request:?} is written as {again:?}");
        }
    }
    if let Ok(greeting) = Greeting::parse(bytes) {
        let again = Greeting::parse(&greeting.encode());
        assert!(again.is_ok(), "{greeting:?} is written as {again:?}");
    }
    let _ = (is_tls_request(bytes), AuthSwitch::parse(bytes), OkPacket::parse(bytes), ErrorPacket::parse(bytes));
}

/// The commands of a client: the same frames however their bytes arrive, and executions that stay within their packet.
pub fn commands(bytes: &[u8]) {
    let [count, most, stream @ ..] = bytes else { return };
    let max = usize::from(*most) * 8 + 1;
    let mut rest = stream;
    while let Ok(Some(frame)) = next_command(rest, max) {
        assert!(frame.length <= max);
        let payload = frame.payload(rest).into_owned();
        assert_eq!(payload.len(), frame.length);
        if let Some(command) = payload.first().and_then(|byte| Command::from_byte(*byte)) {
            assert!(!command.name().is_empty());
        }
        execution(&payload, usize::from(*count));
        let whole = HEADER + payload.len();
        // One byte less is not a command yet.
        assert!(matches!(next_command(&rest[..whole - 1], max), Ok(None)));
        rest = &rest[whole..];
    }
    local_file(stream, usize::from(*count));
}

fn execution(payload: &[u8], count: usize) {
    let _ = (statement_id(payload), cursor_flags(payload));
    for negotiated in [Capabilities::PROTOCOL_41, Capabilities::QUERY_ATTRIBUTES] {
        let form = ExecuteForm::of(negotiated);
        let _ = with_types(payload, count, form, &vec![0; 2 * count]);
        if let Ok(parameters) = ExecuteParameters::parse(payload, count, form, None, &[]) {
            let _ = (parameters.values().count(), parameters.attributes().is_ok());
        }
        if let Ok((text, _)) = text_of_query(payload, negotiated) {
            assert!(text <= payload.len().max(1));
        }
    }
}

/// A sent file ends at the same byte in one piece and in two.
fn local_file(bytes: &[u8], cut: usize) {
    let whole = InfileScanner::default().feed(bytes);
    assert!(whole.forward <= bytes.len());
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let mut torn = InfileScanner::default();
    let head = torn.feed(first);
    let forward = if head.ended.is_some() { head.forward } else { head.forward + torn.feed(second).forward };
    assert_eq!(forward, whole.forward);
}
