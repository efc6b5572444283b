//! Small result sets, for answers of our own.
//!
//! Rows from servers are never made again here.

use super::capability::Capabilities;
use super::ok_packet::{OkPacket, encode_eof};
use super::packet::write_packet;
use super::payload::{put_lenenc, put_lenenc_bytes};

/// utf8mb4_general_ci, known to every server of both families.
const UTF8MB4: u16 = 45;
/// The collation "binary", which numbers carry.
const BINARY: u16 = 63;

/// How a column presents itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// VARCHAR, utf8mb4.
    Text,
    /// BIGINT.
    Integer,
    /// BIGINT UNSIGNED.
    Unsigned,
}

/// How rows are written: as COM_QUERY or as COM_STMT_EXECUTE answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// Every value as text.
    Text,
    /// Integers as eight bytes, the rest as text, NULLs as bits.
    Binary,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ColumnKind,
}

/// Columns and rows; `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextResult {
    /// The columns; at least one.
    pub columns: Vec<Column>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Option<String>>>,
}

impl TextResult {
    /// Appends the whole reply to `out` for a client with these capabilities; `sequence` begins at the first packet's number.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        sequence: &mut u8,
        negotiated: Capabilities,
        status: u16,
        format: RowFormat,
    ) {
        let deprecate_eof = negotiated.contains(Capabilities::DEPRECATE_EOF);
        let mut payload = Vec::new();
        put_lenenc(&mut payload, self.columns.len() as u64);
        write_packet(out, sequence, &payload);
        for column in &self.columns {
            write_packet(out, sequence, &definition(column, negotiated));
        }
        if !deprecate_eof {
            write_packet(out, sequence, &encode_eof(status, 0));
        }
        for row in &self.rows {
            write_packet(out, sequence, &self.row(row, format));
        }
        let end = if deprecate_eof {
            OkPacket { status, ..OkPacket::default() }.encode_as_eof()
        } else {
            encode_eof(status, 0)
        };
        write_packet(out, sequence, &end);
    }
}

impl TextResult {
    fn row(&self, row: &[Option<String>], format: RowFormat) -> Vec<u8> {
        let mut payload = Vec::new();
        if format == RowFormat::Binary {
            // Header byte, then one bit per column for NULL, the first two bits unused.
            payload.push(0);
            let mut nulls = vec![0u8; (row.len() + 9) / 8];
            for (index, _) in row.iter().enumerate().filter(|(_, value)| value.is_none()) {
                nulls[(index + 2) / 8] |= 1 << ((index + 2) % 8);
            }
            payload.extend_from_slice(&nulls);
        }
        for (value, column) in row.iter().zip(&self.columns) {
            match (value, format, column.kind) {
                (None, RowFormat::Text, _) => payload.push(0xFB),
                (None, RowFormat::Binary, _) => {}
                (Some(text), RowFormat::Binary, ColumnKind::Integer) => {
                    payload.extend_from_slice(&text.parse::<i64>().unwrap_or_default().to_le_bytes());
                }
                (Some(text), RowFormat::Binary, ColumnKind::Unsigned) => {
                    payload.extend_from_slice(&text.parse::<u64>().unwrap_or_default().to_le_bytes());
                }
                (Some(text), RowFormat::Text, _) | (Some(text), RowFormat::Binary, ColumnKind::Text) => {
                    put_lenenc_bytes(&mut payload, text.as_bytes());
                }
            }
        }
        payload
    }
}

/// A column definition (ColumnDefinition41).
fn definition(column: &Column, negotiated: Capabilities) -> Vec<u8> {
    const LONGLONG: u8 = 8;
    const VAR_STRING: u8 = 253;
    const UNSIGNED: u16 = 0x20;
    const IS_BINARY: u16 = 0x80;
    const NOT_NULL: u16 = 1;
    let (collation, length, kind, flags) = match column.kind {
        ColumnKind::Text => (UTF8MB4, 4096u32, VAR_STRING, 0),
        ColumnKind::Integer => (BINARY, 21, LONGLONG, IS_BINARY | NOT_NULL),
        ColumnKind::Unsigned => (BINARY, 21, LONGLONG, IS_BINARY | UNSIGNED),
    };
    let mut out = Vec::new();
    put_lenenc_bytes(&mut out, b"def");
    for empty_schema_table_origin in [b"", b"", b""] {
        put_lenenc_bytes(&mut out, empty_schema_table_origin);
    }
    put_lenenc_bytes(&mut out, column.name.as_bytes());
    put_lenenc_bytes(&mut out, b"");
    if negotiated.contains(Capabilities::EXTENDED_METADATA) {
        put_lenenc_bytes(&mut out, b"");
    }
    out.push(0x0C);
    out.extend_from_slice(&collation.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&flags.to_le_bytes());
    // Decimals: 31 says "not fixed" for text, 0 for integers.
    out.push(if column.kind == ColumnKind::Text { 31 } else { 0 });
    out.extend_from_slice(&[0, 0]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::scanner::{EndKind, ReplyKind, ResponseScanner, ScanEvent};
    use super::*;

    #[test]
    fn our_own_result_is_one_reply_to_the_scanner() {
        let result = TextResult {
            columns: vec![
                Column { name: "id".to_owned(), kind: ColumnKind::Unsigned },
                Column { name: "note".to_owned(), kind: ColumnKind::Text },
            ],
            rows: vec![vec![Some("1".to_owned()), None], vec![Some("2".to_owned()), Some("x".repeat(300))]],
        };
        for negotiated in [Capabilities::NONE, Capabilities::DEPRECATE_EOF | Capabilities::EXTENDED_METADATA] {
            let (mut out, mut sequence) = (Vec::new(), 1);
            result.write(&mut out, &mut sequence, negotiated, 2, RowFormat::Text);
            let fed = ResponseScanner::new(ReplyKind::Query, negotiated.into()).feed(&out).unwrap();
            let Some(ScanEvent::End(end)) = fed.event else { panic!("no end") };
            assert_eq!((fed.forward, end.kind, end.status, end.results), (out.len(), EndKind::Eof, Some(2), 1));
        }
    }

    #[test]
    fn binary_rows_have_null_bits_and_integers_of_eight_bytes() {
        let column = |kind| Column { name: "c".to_owned(), kind };
        let result =
            TextResult { columns: vec![column(ColumnKind::Integer), column(ColumnKind::Text)], rows: Vec::new() };
        let row = result.row(&[Some("-2".to_owned()), None], RowFormat::Binary);
        assert_eq!(row, [0, 0b1000, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
}
