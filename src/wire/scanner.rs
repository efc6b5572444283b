//! Where a server's reply ends, found while its bytes pass through, whatever pieces they come in.
//!
//! It walks from header to header and keeps at most the first bytes of one packet; it never decodes rows, allocates, or holds bytes back.
//! Sources: "Command Phase" of the MySQL source documentation and of MariaDB's protocol documentation.

use super::packet::{HEADER, MAX_PAYLOAD, PacketHeader};
use super::payload::PayloadReader;
pub use super::reply::*;
use super::status;

/// What stands in place of an error's number in a progress report.
const PROGRESS_REPORT: u16 = 0xFFFF;

/// How much of a payload an OK packet needs up to its warnings: 1 + 9 + 9 + 2 + 2.
const WANTED: usize = 24;

/// Which packet comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Columns { left: u64 },
    ColumnsEof,
    Rows,
    PrepareFirst,
    PrepareDefinitions { left: u16, then_columns: u16 },
    PrepareEof { then_columns: u16 },
    Definitions,
    Simple,
    Statistics,
    Infile,
    Done,
}

impl Place {
    fn describe(self) -> &'static str {
        match self {
            Place::First => "a result begins",
            Place::Columns { .. } | Place::PrepareDefinitions { .. } | Place::Definitions => "column definitions come",
            Place::ColumnsEof | Place::PrepareEof { .. } => "column definitions end",
            Place::Rows => "rows come",
            Place::PrepareFirst => "a prepared statement begins",
            Place::Simple | Place::Statistics => "one packet must come",
            Place::Infile | Place::Done => "nothing must come",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Gathering a header and the first bytes of its payload.
    Head,
    /// Passing over the rest of a payload.
    Body { left: usize },
}

/// Follows one reply; see the module.
#[derive(Clone, Copy, Debug)]
pub struct ResponseScanner {
    flags: ScanFlags,
    kind: ReplyKind,
    /// The place of the packet that is being read or comes next; while a packet's body passes, already the one after it.
    place: Place,
    phase: Phase,
    head: [u8; HEADER + WANTED],
    head_length: usize,
    /// `None` before the first packet: a reply's numbers go on from those of the command's parts, or of the sent file's.
    sequence: Option<u8>,
    /// The packet being read was full: what follows continues it and has no first byte of its own.
    continued: bool,
    /// Another result follows the rows of this one, whatever their terminator says.
    more_after_rows: bool,
    end: ReplyEnd,
}

impl ResponseScanner {
    /// Expects a reply of this kind.
    pub fn new(kind: ReplyKind, flags: ScanFlags) -> ResponseScanner {
        let place = match kind {
            ReplyKind::Query | ReplyKind::Cursor => Place::First,
            ReplyKind::Prepare => Place::PrepareFirst,
            ReplyKind::Fetch => Place::Rows,
            ReplyKind::FieldList => Place::Definitions,
            ReplyKind::Simple => Place::Simple,
            ReplyKind::Statistics => Place::Statistics,
        };
        ResponseScanner {
            flags,
            kind,
            place,
            phase: Phase::Head,
            head: [0; HEADER + WANTED],
            head_length: 0,
            sequence: None,
            continued: false,
            more_after_rows: false,
            end: ReplyEnd {
                kind: EndKind::Eof,
                status: None,
                seen_status: 0,
                warnings: 0,
                affected_rows: 0,
                insert_id: 0,
                rows: 0,
                results: 0,
                prepared: None,
            },
        }
    }

    /// The sequence number of the next packet; what the first packet of our own ERR or of a local file must carry here.
    pub fn next_sequence(&self) -> Option<u8> {
        self.sequence
    }

    /// Takes the next bytes of the reply, in whatever pieces they come.
    ///
    /// Errors: the server broke the protocol; nothing of `bytes` may be sent on.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Fed, ScanError> {
        // Only once the whole request has passed: a long file name may come in pieces.
        if self.place == Place::Infile && matches!(self.phase, Phase::Head) {
            self.place = Place::First;
            self.sequence = None;
        }
        let mut at = 0;
        loop {
            if let Phase::Body { left } = self.phase {
                let taken = left.min(bytes.len() - at);
                at += taken;
                if taken < left {
                    self.phase = Phase::Body { left: left - taken };
                    return Ok(Fed { forward: at, event: None });
                }
                self.phase = Phase::Head;
                if let Some(event) = self.event() {
                    return Ok(Fed { forward: at, event: Some(event) });
                }
            }
            if self.place == Place::Rows && self.head_length == 0 && !self.continued {
                at = self.walk_rows(bytes, at);
            }
            if at == bytes.len() {
                return Ok(Fed { forward: at, event: None });
            }
            if self.place == Place::Done && !self.continued {
                return Err(ScanError::AfterEnd);
            }
            at += self.gather(&bytes[at..]);
            if self.head_length < self.wanted() {
                return Ok(Fed { forward: at, event: None });
            }
            self.open_packet()?;
        }
    }

    /// The hot path: passes over whole rows by their headers and stops before anything that is not plainly a row.
    fn walk_rows(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let Some(mut sequence) = self.sequence else {
            return at;
        };
        while let Some(&[low, middle, high, number, first]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let PacketHeader { length, .. } = PacketHeader::read([low, middle, high, number]);
            if first >= 0xFE || number != sequence || length == 0 || length == MAX_PAYLOAD {
                break;
            }
            sequence = sequence.wrapping_add(1);
            self.end.rows += 1;
            at += HEADER + length;
            if at > bytes.len() {
                self.phase = Phase::Body { left: at - bytes.len() };
                at = bytes.len();
                break;
            }
        }
        self.sequence = Some(sequence);
        at
    }

    /// Copies into the head what is still wanted of it; gives how much that was.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            let missing = self.wanted() - self.head_length;
            if missing == 0 {
                break;
            }
            let piece = missing.min(bytes.len() - taken);
            self.head[self.head_length..self.head_length + piece].copy_from_slice(&bytes[taken..taken + piece]);
            self.head_length += piece;
            taken += piece;
        }
        taken
    }

    /// How long the head must be before the packet can be judged: the header, then the first byte, then more for what is no row.
    fn wanted(&self) -> usize {
        if self.head_length < HEADER {
            return HEADER;
        }
        let length = self.header().length;
        if self.continued || length == 0 {
            return HEADER;
        }
        if self.head_length == HEADER {
            return HEADER + 1;
        }
        let plain = match self.place {
            Place::Rows | Place::Columns { .. } | Place::PrepareDefinitions { .. } | Place::Definitions => {
                self.head[HEADER] < 0xFE
            }
            _ => false,
        };
        if plain { HEADER + 1 } else { HEADER + length.min(WANTED) }
    }

    fn header(&self) -> PacketHeader {
        let [low, middle, high, sequence, ..] = self.head;
        PacketHeader::read([low, middle, high, sequence])
    }

    /// Judges the gathered head and goes on to the packet's body.
    fn open_packet(&mut self) -> Result<(), ScanError> {
        let header = self.header();
        if let Some(expected) = self.sequence
            && expected != header.sequence
        {
            return Err(ScanError::OutOfOrder { expected, got: header.sequence });
        }
        self.sequence = Some(header.sequence.wrapping_add(1));
        let (head, gathered) = (self.head, self.head_length);
        if !self.continued {
            let payload = &head[HEADER..gathered];
            let first = *payload.first().ok_or(ScanError::Empty)?;
            self.place = self.after(first, payload, header.length)?;
        }
        self.continued = header.length == MAX_PAYLOAD;
        self.phase = Phase::Body { left: HEADER + header.length - gathered };
        self.head_length = 0;
        Ok(())
    }

    /// The place after the packet that begins with `payload`.
    fn after(&mut self, first: u8, payload: &[u8], length: usize) -> Result<Place, ScanError> {
        let unexpected = Err(ScanError::Unexpected { first, place: self.place.describe() });
        // No valid row, definition or count begins with 0xFF, so an ERR is an ERR, and a progress report one, wherever it comes.
        if first == 0xFF {
            return self.error(payload);
        }
        match self.place {
            Place::First => match first {
                0x00 => self.ok(payload),
                0xFB => Ok(Place::Infile),
                0xFE => unexpected,
                _ => self.column_count(payload),
            },
            Place::Columns { .. } | Place::PrepareDefinitions { .. } if first == 0xFE => unexpected,
            Place::Columns { left } => Ok(self.after_columns(left - 1)),
            Place::ColumnsEof if first == 0xFE => {
                let found = self.eof(payload)?;
                // MySQL says of OUT parameters only here, not in their terminator, that the procedure's own OK follows.
                self.more_after_rows = found & status::PS_OUT_PARAMS != 0 && found & status::MORE_RESULTS != 0;
                // A cursor's rows come by COM_STMT_FETCH. The flag alone does not tell: a procedure's own cursors leave it set.
                let fetched = self.kind == ReplyKind::Cursor && found & status::CURSOR_EXISTS != 0;
                if fetched { Ok(self.result_ended(EndKind::Eof)) } else { Ok(Place::Rows) }
            }
            Place::Rows | Place::Definitions if self.is_terminator(first, length) => self.terminator(payload, length),
            Place::Rows => {
                self.end.rows += 1;
                Ok(self.place)
            }
            Place::Definitions => Ok(self.place),
            Place::PrepareFirst if first == 0x00 => self.prepared(payload, length),
            Place::PrepareDefinitions { left, then_columns } => Ok(self.after_definitions(left - 1, then_columns)),
            Place::PrepareEof { then_columns } if first == 0xFE => {
                self.eof(payload)?;
                Ok(self.definitions(then_columns, 0))
            }
            Place::Simple if first == 0x00 => self.ok(payload),
            Place::Simple if first == 0xFE => self.terminator(payload, length),
            Place::Statistics => Ok(self.result_ended(EndKind::Eof)),
            Place::ColumnsEof
            | Place::PrepareFirst
            | Place::PrepareEof { .. }
            | Place::Simple
            | Place::Infile
            | Place::Done => unexpected,
        }
    }

    /// Whether a packet among rows is no row. A row may begin with 0xFE too: its first column is then longer than 16 MiB, so the packet is full.
    fn is_terminator(&self, first: u8, length: usize) -> bool {
        let longest = if self.flags.deprecate_eof { MAX_PAYLOAD - 1 } else { 8 };
        first == 0xFE && length <= longest
    }

    /// The packet after rows: EOF, or an OK packet with header 0xFE. They cannot be confused: an EOF has 5 bytes, an OK at least 7.
    fn terminator(&mut self, payload: &[u8], length: usize) -> Result<Place, ScanError> {
        if length > 5 {
            let next = self.ok(payload)?;
            self.end.kind = EndKind::Eof;
            return Ok(next);
        }
        self.eof(payload)?;
        // As the OK packet in its place would say.
        self.end.affected_rows = 0;
        Ok(self.result_ended(EndKind::Eof))
    }

    fn ok(&mut self, payload: &[u8]) -> Result<Place, ScanError> {
        let mut reader = PayloadReader::new(&payload[1..]);
        self.end.affected_rows = reader.lenenc()?;
        let insert_id = reader.lenenc()?;
        if insert_id != 0 {
            self.end.insert_id = insert_id;
        }
        let found = reader.u16()?;
        self.end.warnings = reader.u16()?;
        self.saw_status(found);
        Ok(self.result_ended(EndKind::Ok))
    }

    fn eof(&mut self, payload: &[u8]) -> Result<u16, ScanError> {
        let mut reader = PayloadReader::new(&payload[1..]);
        self.end.warnings = reader.u16()?;
        let found = reader.u16()?;
        self.saw_status(found);
        Ok(found)
    }

    fn saw_status(&mut self, found: u16) {
        self.end.status = Some(found);
        self.end.seen_status |= found;
    }

    fn error(&mut self, payload: &[u8]) -> Result<Place, ScanError> {
        let errno = PayloadReader::new(&payload[1..]).u16()?;
        if self.flags.progress && errno == PROGRESS_REPORT {
            return Ok(self.place);
        }
        self.end.kind = EndKind::Error { errno };
        self.end.status = None;
        Ok(Place::Done)
    }

    fn column_count(&mut self, payload: &[u8]) -> Result<Place, ScanError> {
        let mut reader = PayloadReader::new(payload);
        let count = reader.lenenc()?;
        self.end.rows = 0;
        let definitions_follow = !self.flags.optional_metadata || reader.u8()? != 0;
        Ok(if definitions_follow { self.after_columns(count) } else { self.after_columns(0) })
    }

    fn after_columns(&self, left: u64) -> Place {
        match (left, self.flags.deprecate_eof) {
            (1.., _) => Place::Columns { left },
            (0, true) => Place::Rows,
            (0, false) => Place::ColumnsEof,
        }
    }

    fn prepared(&mut self, payload: &[u8], length: usize) -> Result<Place, ScanError> {
        let mut reader = PayloadReader::new(&payload[1..]);
        let (statement_id, columns, parameters) = (reader.u32()?, reader.u16()?, reader.u16()?);
        reader.u8()?;
        self.end.warnings = reader.u16()?;
        self.end.prepared = Some(PrepareOk { statement_id, columns, parameters });
        let definitions_follow = !self.flags.optional_metadata || length <= 12 || reader.u8()? != 0;
        Ok(if definitions_follow { self.definitions(parameters, columns) } else { self.result_ended(EndKind::Ok) })
    }

    /// The definitions of parameters come first, then those of columns; neither when there are none.
    fn definitions(&mut self, first: u16, then_columns: u16) -> Place {
        match (first, then_columns) {
            (0, 0) => self.result_ended(EndKind::Ok),
            (0, columns) => Place::PrepareDefinitions { left: columns, then_columns: 0 },
            (left, then_columns) => Place::PrepareDefinitions { left, then_columns },
        }
    }

    fn after_definitions(&mut self, left: u16, then_columns: u16) -> Place {
        match (left, self.flags.deprecate_eof) {
            (1.., _) => Place::PrepareDefinitions { left, then_columns },
            (0, true) => self.definitions(then_columns, 0),
            (0, false) => Place::PrepareEof { then_columns },
        }
    }

    fn result_ended(&mut self, kind: EndKind) -> Place {
        self.end.kind = kind;
        self.end.results += 1;
        let announced = self.end.status.is_some_and(|last| last & status::MORE_RESULTS != 0);
        let more = std::mem::take(&mut self.more_after_rows) || announced;
        if more && matches!(self.kind, ReplyKind::Query | ReplyKind::Cursor) { Place::First } else { Place::Done }
    }

    /// What the packet that just passed means to the caller.
    fn event(&self) -> Option<ScanEvent> {
        match self.place {
            _ if self.continued => None,
            Place::Done => Some(ScanEvent::End(self.end)),
            Place::Infile => Some(ScanEvent::LocalInfile),
            _ => None,
        }
    }
}
