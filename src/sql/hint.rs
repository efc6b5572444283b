//! Hints: `/*meridian: key=6000, level=strong, unit=bj*/`, the comments that tools write (`/*meridian_key='6000',traceparent='…'*/`, see
//! <https://google.github.io/sqlcommenter/spec/>; Rails writes `:` for `=` unless told otherwise), and the session variables of the same names.
//!
//! An unreadable hint is an error, never ignored: someone relies on it.

use super::statement::{Effect, Hint, KeyValue, ReadLevel, SqlRefusal};

/// How the names of our tags begin in a comment that a tool writes.
const TAG: &str = "meridian_";

/// Reads the hint comments of a text, given from `meridian:` or `meridian_` to their ends. Errors: the part that cannot be read.
pub(super) fn read(text: &[u8], places: &[(u32, u32)]) -> Result<Option<Box<Hint>>, SqlRefusal> {
    if places.is_empty() {
        return Ok(None);
    }
    let mut hint = Hint::default();
    for &(start, end) in places {
        let starts_comment = {
            let before = &text[..start as usize];
            before.ends_with(b"/*") || before.trim_ascii_end().ends_with(b"/*")
        };
        let body = String::from_utf8_lossy(&text[start as usize..end as usize]);
        if body.starts_with(TAG) {
            read_tags(&body, &mut hint)?;
            continue;
        }
        read_one(body.trim_start_matches("meridian:"), starts_comment, &mut hint)?;
    }
    Ok(Some(Box::new(hint)))
}

fn read_one(body: &str, starts_comment: bool, hint: &mut Hint) -> Result<(), SqlRefusal> {
    let bad = |found: &str| SqlRefusal::BadHint { found: found.trim().to_owned() };
    for part in body.split(',') {
        let Some((name, value)) = part.split_once('=') else { return Err(bad(part)) };
        match name.trim() {
            "key" => merge(&mut hint.key, key(value).ok_or_else(|| bad(part))?, part)?,
            "level" => merge(&mut hint.level, level(value).ok_or_else(|| bad(part))?, part)?,
            "unit" => {
                let unit = unquoted(value);
                if unit.is_empty() {
                    return Err(bad(part));
                }
                merge(&mut hint.unit, unit.to_owned(), part)?;
            }
            // In a comment that others write into too (sqlcommenter), ours ends where another name begins.
            _ if !starts_comment => return Ok(()),
            _ => return Err(bad(part)),
        }
    }
    Ok(())
}

/// Tags `name='value'` with URL-encoded values, apart by commas; those of others are skipped. A word of ours without a value is none of them.
fn read_tags(body: &str, hint: &mut Hint) -> Result<(), SqlRefusal> {
    for tag in body.split(',').map(str::trim).filter(|tag| tag.starts_with(TAG)) {
        let bad = || SqlRefusal::BadHint { found: tag.to_owned() };
        let Some(end) = tag.find(['=', ':']) else { continue };
        let name = &tag[TAG.len()..end];
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            continue;
        }
        let value = decoded(unquoted(&tag[end + 1..])).ok_or_else(bad)?;
        match name {
            "key" => merge(&mut hint.key, key(&value).ok_or_else(bad)?, tag)?,
            "level" => merge(&mut hint.level, level(&value).ok_or_else(bad)?, tag)?,
            "unit" if !value.is_empty() => merge(&mut hint.unit, value, tag)?,
            _ => return Err(bad()),
        }
    }
    Ok(())
}

/// The text behind `%`-escapes; `None` for one that is none.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok()
}

fn merge<T: PartialEq>(known: &mut Option<T>, value: T, part: &str) -> Result<(), SqlRefusal> {
    match known {
        Some(known) if *known != value => Err(SqlRefusal::BadHint { found: format!("two values: {}", part.trim()) }),
        _ => {
            *known = Some(value);
            Ok(())
        }
    }
}

/// A key as a hint writes it: an integer, or any other text, quoted or not.
pub fn key(value: &str) -> Option<KeyValue> {
    let trimmed = value.trim();
    let text = unquoted(trimmed);
    if text.is_empty() {
        return None;
    }
    match text.parse::<i128>() {
        Ok(number) if text.len() == trimmed.len() => Some(KeyValue::Integer(number)),
        _ => Some(KeyValue::Text(text.as_bytes().into())),
    }
}

/// A read level as a hint writes it.
pub fn level(value: &str) -> Option<ReadLevel> {
    match unquoted(value) {
        "eventual" => Some(ReadLevel::Eventual),
        "strong" => Some(ReadLevel::Strong),
        _ => None,
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(value)
}

/// `SET @meridian_… = value`. Errors: an unknown name, or a value that is not one.
pub(super) fn session_variable(name: &str, value: Option<String>) -> Result<Effect, SqlRefusal> {
    let bad = || SqlRefusal::BadHint { found: format!("@meridian_{name}") };
    let is_readable = match (name, &value) {
        ("key", Some(value)) => key(value).is_some(),
        ("level", Some(value)) => level(value).is_some(),
        ("unit", Some(value)) => !value.is_empty(),
        ("key" | "level" | "unit", None) => true,
        _ => false,
    };
    if is_readable { Ok(Effect::Hint { name: name.to_owned(), value }) } else { Err(bad()) }
}
