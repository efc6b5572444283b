//! Replies of servers, and what stands in them.

use crate::wire::{ReplyEnd, ReplyKind, ResponseScanner, ScanError, ScanEvent, ScanFlags};

const KINDS: [ReplyKind; 7] = [
    ReplyKind::Query,
    ReplyKind::Cursor,
    ReplyKind::Prepare,
    ReplyKind::Fetch,
    ReplyKind::FieldList,
    ReplyKind::Simple,
    ReplyKind::Statistics,
];

/// What a scanner said of a reply.
#[derive(Debug, PartialEq)]
struct Said {
    forwarded: usize,
    infile_at: Option<usize>,
    end: Option<ReplyEnd>,
    error: Option<ScanError>,
}

/// A reply in one piece, in pieces of every small size, and in pieces of the input's own choice: the same bytes forwarded, the same end.
pub fn scanner(bytes: &[u8]) {
    let [settings, step, reply @ ..] = bytes else { return };
    let kind = KINDS[usize::from(*settings) % KINDS.len()];
    let flags = ScanFlags {
        deprecate_eof: settings & 64 != 0,
        optional_metadata: settings & 128 != 0,
        progress: settings & 32 != 0,
    };
    let whole = said(kind, flags, std::iter::once(reply));
    for size in [1, 2, 3, 5, usize::from(*step).max(1)] {
        let torn = said(kind, flags, reply.chunks(size));
        if whole.error.is_some() {
            // What came before the fault may be forwarded or not, but nothing may be made of it.
            assert!(torn.error == whole.error && torn.end.is_none(), "{torn:?} in pieces of {size}, {whole:?} in one");
        } else {
            assert_eq!(torn, whole, "in pieces of {size}");
        }
    }
}

fn said<'a>(kind: ReplyKind, flags: ScanFlags, pieces: impl Iterator<Item = &'a [u8]>) -> Said {
    let mut scanner = ResponseScanner::new(kind, flags);
    let mut said = Said { forwarded: 0, infile_at: None, end: None, error: None };
    for mut piece in pieces {
        while !piece.is_empty() {
            let fed = match scanner.feed(piece) {
                Ok(fed) => fed,
                Err(error) => {
                    said.error = Some(error);
                    return said;
                }
            };
            assert!(fed.forward <= piece.len());
            assert!(fed.event.is_some() || fed.forward == piece.len(), "bytes held back");
            said.forwarded += fed.forward;
            piece = &piece[fed.forward..];
            match fed.event {
                None => {}
                Some(ScanEvent::LocalInfile) => said.infile_at = Some(said.forwarded),
                Some(ScanEvent::End(end)) => {
                    said.end = Some(end);
                    return said;
                }
            }
        }
    }
    said
}
