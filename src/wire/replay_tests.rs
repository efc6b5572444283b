//! The scanner against replies of real servers, torn everywhere, and against replies made up at random.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::error_packet::{ErrorPacket, GENERAL_ERROR};
use super::ok_packet::{OkPacket, encode_eof};
use super::packet::{HEADER, MAX_PAYLOAD, write_packet};
use super::payload::put_lenenc;
use super::scanner::{EndKind, ReplyEnd, ReplyKind, ResponseScanner, ScanError, ScanEvent, ScanFlags};
use super::status;

struct Captured {
    name: String,
    kind: ReplyKind,
    flags: ScanFlags,
    infile_at: Option<usize>,
    bytes: Vec<u8>,
    expected: &'static str,
}

fn captured() -> Vec<Captured> {
    let lines: Vec<_> = include_str!("captured_replies.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let cases = lines.chunks(2).map(|pair| {
        let [reply, expected] = pair else { panic!("a reply without an expectation") };
        let fields: Vec<_> = reply.split(' ').collect();
        let [name, kind, eof, infile_at, hex] = fields[..] else { panic!("{reply}") };
        let kind = match kind {
            "Query" => ReplyKind::Query,
            "Cursor" => ReplyKind::Cursor,
            "Prepare" => ReplyKind::Prepare,
            "Fetch" => ReplyKind::Fetch,
            "FieldList" => ReplyKind::FieldList,
            "Simple" => ReplyKind::Simple,
            "Statistics" => ReplyKind::Statistics,
            other => panic!("{other}"),
        };
        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        Captured {
            name: format!("{name} {eof}"),
            kind,
            flags: ScanFlags { deprecate_eof: eof == "no-eof", ..ScanFlags::default() },
            infile_at: infile_at.parse().ok(),
            bytes: digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect(),
            expected: expected.strip_prefix("--> ").unwrap(),
        }
    });
    cases.collect()
}

fn summary(end: &ReplyEnd) -> String {
    let kind = match end.kind {
        EndKind::Ok => "ok".to_owned(),
        EndKind::Eof => "eof".to_owned(),
        EndKind::Error { errno } => format!("error-{errno}"),
    };
    let status = end.status.map_or("-".to_owned(), |flags| flags.to_string());
    let prepared =
        end.prepared.map_or("-".to_owned(), |ok| format!("{}/{}/{}", ok.statement_id, ok.columns, ok.parameters));
    let ReplyEnd { seen_status, warnings, affected_rows, insert_id, results, .. } = end;
    format!(
        "{kind} status {status} seen {seen_status} warnings {warnings} affected {affected_rows} insert-id {insert_id} \
         results {results} prepared {prepared}"
    )
}

/// Feeds pieces until the reply ends; gives its end, the bytes forwarded, and where LOCAL INFILE began.
fn replay<'a>(
    scanner: &mut ResponseScanner,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(Option<ReplyEnd>, usize, Option<usize>), ScanError> {
    let (mut forwarded, mut infile_at) = (0, None);
    for piece in pieces {
        let mut piece = piece;
        loop {
            let fed = scanner.feed(piece)?;
            forwarded += fed.forward;
            match fed.event {
                Some(ScanEvent::End(end)) => return Ok((Some(end), forwarded, infile_at)),
                Some(ScanEvent::LocalInfile) => infile_at = Some(forwarded),
                None => assert_eq!(fed.forward, piece.len(), "bytes held back"),
            }
            piece = &piece[fed.forward..];
            if piece.is_empty() {
                break;
            }
        }
    }
    Ok((None, forwarded, infile_at))
}

#[test]
fn replies_of_real_servers_end_where_they_end_however_they_are_torn() {
    for case in captured() {
        for size in [1, 2, 3, 4, 5, 7, 11, 64, case.bytes.len()] {
            let mut scanner = ResponseScanner::new(case.kind, case.flags);
            let (end, forwarded, infile_at) = replay(&mut scanner, case.bytes.chunks(size)).unwrap();
            assert_eq!(
                end.map(|end| summary(&end)).as_deref(),
                Some(case.expected),
                "{} in pieces of {size}",
                case.name
            );
            assert_eq!((forwarded, infile_at), (case.bytes.len(), case.infile_at), "{} in pieces of {size}", case.name);
            assert_eq!(scanner.feed(b"x"), Err(ScanError::AfterEnd), "{}", case.name);
        }
    }
}

#[test]
fn torn_replies_have_no_end() {
    for case in captured() {
        for cut in 0..case.bytes.len() {
            let mut scanner = ResponseScanner::new(case.kind, case.flags);
            let (end, forwarded, _) = replay(&mut scanner, [&case.bytes[..cut]].into_iter()).unwrap();
            assert_eq!((end, forwarded), (None, cut), "{} cut at {cut}", case.name);
        }
    }
}

#[test]
fn bytes_after_the_end_are_not_forwarded() {
    for case in captured().into_iter().filter(|case| case.infile_at.is_none()) {
        let longer = [case.bytes.as_slice(), b"\0\0"].concat();
        let fed = ResponseScanner::new(case.kind, case.flags).feed(&longer).unwrap();
        assert_eq!(fed.forward, case.bytes.len(), "{}", case.name);
        assert!(matches!(fed.event, Some(ScanEvent::End(_))), "{}", case.name);
    }
}

/// A result set of one column with these rows, and its end.
fn result_set(flags: ScanFlags, rows: &[Vec<u8>], end: &[u8]) -> Vec<u8> {
    let (mut out, mut sequence) = (Vec::new(), 1);
    write_packet(&mut out, &mut sequence, &[1]);
    write_packet(&mut out, &mut sequence, b"\x03def a column definition");
    if !flags.deprecate_eof {
        write_packet(&mut out, &mut sequence, &encode_eof(2, 0));
    }
    for row in rows {
        write_packet(&mut out, &mut sequence, row);
    }
    write_packet(&mut out, &mut sequence, end);
    out
}

fn end_of(flags: ScanFlags) -> Vec<u8> {
    let ok = OkPacket { status: 34, warnings: 5, ..OkPacket::default() };
    if flags.deprecate_eof { ok.encode_as_eof() } else { encode_eof(34, 5) }
}

const BOTH: [ScanFlags; 2] = [
    ScanFlags { deprecate_eof: false, optional_metadata: false, progress: false },
    ScanFlags { deprecate_eof: true, optional_metadata: false, progress: false },
];

#[test]
fn rows_around_16_mib_are_rows_whatever_they_begin_with() {
    for flags in BOTH {
        for length in [MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD] {
            // Of the continuation's first bytes, 0xFE and 0xFF must mean nothing either.
            for (first, filler) in [(0xFD, 0xFE), (0xFD, 0xFF), (0xFE, 0xFE), (0xFE, 0xFF)] {
                if first == 0xFE && length < MAX_PAYLOAD {
                    continue;
                }
                let mut row = vec![filler; length];
                row[0] = first;
                let bytes = result_set(flags, &[row, b"\x01x".to_vec()], &end_of(flags));
                for size in [65536, MAX_PAYLOAD + HEADER, bytes.len()] {
                    let mut scanner = ResponseScanner::new(ReplyKind::Query, flags);
                    let (end, forwarded, _) = replay(&mut scanner, bytes.chunks(size)).unwrap();
                    let end = end.unwrap();
                    assert_eq!((end.status, end.warnings, forwarded), (Some(34), 5, bytes.len()), "{length} {filler}");
                }
            }
        }
    }
}

#[test]
fn a_last_packet_of_16_mib_ends_with_its_continuation() {
    for length in [MAX_PAYLOAD, MAX_PAYLOAD + 9] {
        let mut payload = OkPacket { status: 2, ..OkPacket::default() }.encode();
        payload.resize(length, b'x');
        let mut bytes = Vec::new();
        write_packet(&mut bytes, &mut 1, &payload);
        let mut scanner = ResponseScanner::new(ReplyKind::Query, BOTH[0]);
        let (end, forwarded, _) = replay(&mut scanner, [&bytes[..]].into_iter()).unwrap();
        assert_eq!((end.unwrap().status, forwarded), (Some(2), bytes.len()));
    }
}

#[test]
fn an_eof_like_row_of_nine_bytes_is_a_row_to_clients_that_know_eof() {
    let mut row = vec![0xFE];
    row.extend_from_slice(&[0; 8]);
    let bytes = result_set(BOTH[0], &[row], &end_of(BOTH[0]));
    let (end, forwarded, _) =
        replay(&mut ResponseScanner::new(ReplyKind::Query, BOTH[0]), [&bytes[..]].into_iter()).unwrap();
    assert_eq!((end.unwrap().results, forwarded), (1, bytes.len()));
}

#[test]
fn the_flag_of_a_cursor_ends_a_result_only_where_a_cursor_was_asked_for() {
    // A procedure that opened and closed a cursor of its own leaves the flag set before the rows of its SELECT.
    let mut bytes = result_set(BOTH[0], &[b"\x01x".to_vec()], &end_of(BOTH[0]));
    let definitions_end = bytes.len() - 9 - 6 - 9;
    bytes[definitions_end + HEADER + 3] |= 0x40;
    let (end, forwarded, _) =
        replay(&mut ResponseScanner::new(ReplyKind::Query, BOTH[0]), [&bytes[..]].into_iter()).unwrap();
    assert_eq!((end.unwrap().status, forwarded), (Some(34), bytes.len()));
    let fed = ResponseScanner::new(ReplyKind::Cursor, BOTH[0]).feed(&bytes).unwrap();
    assert_eq!(fed.forward, definitions_end + 9);
    assert!(matches!(fed.event, Some(ScanEvent::End(_))));
}

#[test]
fn the_request_for_a_file_with_a_long_name_may_be_torn() {
    let mut bytes = Vec::new();
    write_packet(&mut bytes, &mut 1, &[&[0xFB][..], &[b'x'; 300]].concat());
    for size in [1, 7, 30, 100, bytes.len()] {
        let mut scanner = ResponseScanner::new(ReplyKind::Query, BOTH[1]);
        let (end, forwarded, infile_at) = replay(&mut scanner, bytes.chunks(size)).unwrap();
        assert_eq!((end, forwarded, infile_at), (None, bytes.len(), Some(bytes.len())), "in pieces of {size}");
    }
}

#[test]
fn what_cannot_stand_there_is_an_error() {
    let feed = |kind, bytes: &[u8]| ResponseScanner::new(kind, BOTH[0]).feed(bytes);
    assert_eq!(feed(ReplyKind::Query, &[0, 0, 0, 1]), Err(ScanError::Empty));
    assert_eq!(feed(ReplyKind::Query, &[2, 0, 0, 1, 0xFF, 1]), Err(ScanError::Truncated));
    assert_eq!(feed(ReplyKind::Query, &[3, 0, 0, 1, 0, 1, 1]), Err(ScanError::Truncated));
    assert!(matches!(feed(ReplyKind::Simple, &[1, 0, 0, 1, 7]), Err(ScanError::Unexpected { first: 7, .. })));
    assert!(matches!(feed(ReplyKind::Prepare, &[1, 0, 0, 1, 0xFE]), Err(ScanError::Unexpected { .. })));
    assert!(matches!(feed(ReplyKind::Query, &[5, 0, 0, 1, 0xFE, 0, 0, 2, 0]), Err(ScanError::Unexpected { .. })));
    let skipped = [&[1, 0, 0, 1, 1][..], &[3, 0, 0, 3, 3, 1, 1]].concat();
    assert_eq!(feed(ReplyKind::Query, &skipped), Err(ScanError::OutOfOrder { expected: 2, got: 3 }));
    let mut rows = result_set(BOTH[0], &[b"\x01a".to_vec(), b"\x01b".to_vec()], &end_of(BOTH[0]));
    let second_row = rows.len() - 9 - 6;
    rows[second_row + 3] = 77;
    assert!(matches!(feed(ReplyKind::Query, &rows), Err(ScanError::OutOfOrder { got: 77, .. })));
}

#[test]
fn definitions_may_be_left_out_where_that_was_negotiated() {
    let flags = ScanFlags { deprecate_eof: true, optional_metadata: true, progress: false };
    let (mut bytes, mut sequence) = (Vec::new(), 1);
    write_packet(&mut bytes, &mut sequence, &[1, 0]);
    write_packet(&mut bytes, &mut sequence, b"\x01x");
    write_packet(&mut bytes, &mut sequence, &end_of(flags));
    let (end, forwarded, _) = replay(&mut ResponseScanner::new(ReplyKind::Query, flags), bytes.chunks(1)).unwrap();
    assert_eq!((end.unwrap().status, forwarded), (Some(34), bytes.len()));
}

#[test]
fn progress_reports_end_nothing_where_they_were_negotiated() {
    const REPORT: &[u8] = b"\xFF\xFF\xFF\x01\x01\x02\x10\x27\x00\x11copy to tmp table";
    let reply = |flags: ScanFlags, end: &[u8]| {
        let (mut bytes, mut sequence) = (Vec::new(), 1);
        for payload in [REPORT, REPORT, &[1], b"\x03def a column definition"] {
            write_packet(&mut bytes, &mut sequence, payload);
        }
        if !flags.deprecate_eof {
            write_packet(&mut bytes, &mut sequence, &encode_eof(2, 0));
        }
        for payload in [b"\x01a", REPORT, b"\x01b", end] {
            write_packet(&mut bytes, &mut sequence, payload);
        }
        bytes
    };
    for flags in BOTH {
        let negotiated = ScanFlags { progress: true, ..flags };
        let bytes = reply(flags, &end_of(flags));
        let (end, forwarded, _) =
            replay(&mut ResponseScanner::new(ReplyKind::Query, negotiated), bytes.chunks(1)).unwrap();
        let end = end.unwrap();
        assert_eq!((end.kind, end.rows, end.results, forwarded), (EndKind::Eof, 2, 1, bytes.len()));
        let error = ErrorPacket { errno: 1317, sqlstate: GENERAL_ERROR, message: "interrupted".to_owned() };
        let bytes = reply(flags, &error.encode());
        let (end, ..) = replay(&mut ResponseScanner::new(ReplyKind::Query, negotiated), bytes.chunks(7)).unwrap();
        assert_eq!(end.unwrap().kind, EndKind::Error { errno: 1317 });
        // Whoever did not ask for them gets none, and would take one for an error.
        let fed = ResponseScanner::new(ReplyKind::Query, flags).feed(&bytes).unwrap();
        assert!(matches!(fed.event, Some(ScanEvent::End(end)) if end.kind == EndKind::Error { errno: 0xFFFF }));
    }
}

/// One result of a made-up reply: an OK with these numbers, rows of these lengths, or an error after such rows.
#[derive(Clone, Debug)]
enum MadeUp {
    Ok(u64, u64),
    Rows(Vec<usize>),
    Error(Vec<usize>),
}

fn made_up() -> impl Strategy<Value = Vec<MadeUp>> {
    let lengths = || prop::collection::vec(1usize..400, 0..20);
    let one = prop_oneof![
        (any::<u64>(), any::<u64>()).prop_map(|(affected, id)| MadeUp::Ok(affected, id)),
        lengths().prop_map(MadeUp::Rows),
        lengths().prop_map(MadeUp::Error),
    ];
    prop::collection::vec(one, 1..6)
}

/// The bytes of a made-up reply, ending at its first error.
fn encode(results: &[MadeUp], flags: ScanFlags) -> (Vec<u8>, EndKind) {
    let (mut out, mut sequence) = (Vec::new(), 1);
    for (index, result) in results.iter().enumerate() {
        let more = if index + 1 < results.len() { status::MORE_RESULTS } else { 0 };
        let (lengths, is_error) = match result {
            MadeUp::Ok(affected_rows, insert_id) => {
                let ok = OkPacket {
                    affected_rows: *affected_rows,
                    insert_id: *insert_id,
                    status: more,
                    ..OkPacket::default()
                };
                write_packet(&mut out, &mut sequence, &ok.encode());
                if more == 0 {
                    return (out, EndKind::Ok);
                }
                continue;
            }
            MadeUp::Rows(lengths) => (lengths, false),
            MadeUp::Error(lengths) => (lengths, true),
        };
        write_packet(&mut out, &mut sequence, &[1]);
        write_packet(&mut out, &mut sequence, b"\x03def");
        if !flags.deprecate_eof {
            write_packet(&mut out, &mut sequence, &encode_eof(more, 0));
        }
        for &length in lengths {
            let mut row = Vec::new();
            put_lenenc(&mut row, length as u64);
            row.resize(row.len() + length, 0xFE);
            write_packet(&mut out, &mut sequence, &row);
        }
        if is_error {
            let error = ErrorPacket { errno: 1317, sqlstate: GENERAL_ERROR, message: "interrupted".to_owned() };
            write_packet(&mut out, &mut sequence, &error.encode());
            return (out, EndKind::Error { errno: 1317 });
        }
        let ok = OkPacket { status: more, ..OkPacket::default() };
        let end = if flags.deprecate_eof { ok.encode_as_eof() } else { encode_eof(more, 0) };
        write_packet(&mut out, &mut sequence, &end);
    }
    (out, EndKind::Eof)
}

proptest! {
    #[test]
    fn any_split_of_a_reply_gives_the_same_end(
        results in made_up(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        deprecate_eof in any::<bool>(),
    ) {
        let flags = ScanFlags { deprecate_eof, ..ScanFlags::default() };
        let (bytes, kind) = encode(&results, flags);
        let whole = replay(&mut ResponseScanner::new(ReplyKind::Query, flags), [&bytes[..]].into_iter()).unwrap();
        prop_assert_eq!(whole.0.map(|end| end.kind), Some(kind));
        prop_assert_eq!(whole.1, bytes.len());
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        ends.sort_unstable();
        let pieces = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        let torn = replay(&mut ResponseScanner::new(ReplyKind::Query, flags), pieces).unwrap();
        prop_assert_eq!(torn, whole);
    }

    #[test]
    fn no_bytes_make_the_scanner_panic_or_lie(bytes in prop::collection::vec(any::<u8>(), 0..300), deprecate_eof in any::<bool>()) {
        let flags = ScanFlags { deprecate_eof, ..ScanFlags::default() };
        for kind in [ReplyKind::Query, ReplyKind::Prepare, ReplyKind::Fetch, ReplyKind::FieldList, ReplyKind::Simple] {
            let whole = ResponseScanner::new(kind, flags).feed(&bytes);
            let torn = replay(&mut ResponseScanner::new(kind, flags), bytes.chunks(1));
            if let Ok(fed) = whole {
                prop_assert!(fed.forward <= bytes.len());
                if let (Some(ScanEvent::End(end)), Ok((torn_end, ..))) = (fed.event, torn) {
                    prop_assert_eq!(torn_end, Some(end));
                }
            } else if !matches!(torn, Ok((Some(_), ..))) {
                prop_assert!(torn.is_err());
            }
        }
    }
}
