//! The wording of refusals: what the SQL itself causes, forbids, and pins. No decision is made here.

use std::time::Duration;

use crate::model::{
    ControlState, Extent, Forbid, ForbidKind, ForbidScope, Lag, LagBound, MoveKind, MovePart, MoveRecord,
};
use crate::sql::{PinReason, SqlRefusal};

/// The sentence for a refusal the text itself causes.
pub(super) fn of(refusal: &SqlRefusal) -> String {
    match refusal {
        SqlRefusal::Unreadable { table } => format!(
            "this statement names managed table '{table}' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/"
        ),
        SqlRefusal::Uncatalogued { name, written: _ } => format!(
            "'{name}' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new"
        ),
        SqlRefusal::MixedClasses { first, second } => format!(
            "one write touches '{first}' and '{second}', which are placed by different rules; write them in statements of their own"
        ),
        SqlRefusal::KeyUpdate { table, column } => format!(
            "the routing key '{column}' of sharded table '{table}' cannot be changed by UPDATE; insert the row under its new key and delete the old one"
        ),
        SqlRefusal::MappingFixed { table } => format!(
            "keys are placed by what '{table}' says, so its entries are only ever added; use a plain INSERT, or leave them as they are"
        ),
        SqlRefusal::UnreadableKey { table, column } => format!(
            "the routing key '{column}' of sharded table '{table}' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/"
        ),
        SqlRefusal::Routine { name } => format!(
            "routine '{name}' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it"
        ),
        SqlRefusal::Escape { what } => {
            format!("{what} would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user")
        }
        SqlRefusal::ContextChange { what } => format!(
            "{what} stands ahead of a managed table in one packet and would change how it is read; send it in a packet of its own"
        ),
        SqlRefusal::BadHint { found } => {
            format!("the hint '{found}' cannot be read; write /*meridian: key=…, level=…, unit=…*/")
        }
    }
}

/// The error number for a refusal the text itself causes.
pub(super) fn errno(refusal: &SqlRefusal) -> u16 {
    match refusal {
        // ER_NO_SUCH_TABLE: what the server would say, and what migration tools test for.
        SqlRefusal::Uncatalogued { .. } => 1146,
        // ER_SPECIFIC_ACCESS_DENIED_ERROR.
        SqlRefusal::Escape { .. } => 1227,
        // ER_NOT_SUPPORTED_YET.
        SqlRefusal::Unreadable { .. }
        | SqlRefusal::MixedClasses { .. }
        | SqlRefusal::KeyUpdate { .. }
        | SqlRefusal::MappingFixed { .. }
        | SqlRefusal::Routine { .. }
        | SqlRefusal::ContextChange { .. } => 1235,
        SqlRefusal::UnreadableKey { .. } | SqlRefusal::BadHint { .. } => 1105,
    }
}

/// ` (key 6000)`, or nothing.
pub(super) fn with_key(key: Option<&str>) -> String {
    key.map(|key| format!(" (key {key})")).unwrap_or_default()
}

/// What a forbid refuses.
pub(super) fn forbidden(state: &ControlState, forbid: &Forbid) -> String {
    let what = match forbid.kind {
        ForbidKind::Writes => "writes",
        ForbidKind::Updates => "updates",
        ForbidKind::All => "all statements on data",
    };
    match &forbid.scope {
        ForbidScope::Unit(unit) => format!("{what} owned by unit '{}'", state.unit(*unit).name),
        ForbidScope::Group(group) => format!("{what} of group '{}'", state.group(*group).name),
        ForbidScope::Shards(group, range) => format!("{what} of {}", extent(state, Extent::Shards(*group, *range))),
        ForbidScope::Key(_, key) => format!("{what} of key {}", key.text),
        ForbidScope::GlobalZone(group) => format!("{what} of {}", extent(state, Extent::GlobalZone(*group))),
    }
}

/// How far `peer` is behind, and how far it may be.
pub(super) fn lag(peer: &str, lag: Lag, bound: Option<&LagBound>) -> String {
    let found = match lag {
        Lag::Unknown => "does not tell how far it is behind".to_owned(),
        Lag::Standing { missing } => format!("does not replicate ({missing} transactions are missing)"),
        Lag::Behind { missing, time, is_at_least } => {
            let least = if is_at_least { "at least " } else { "" };
            format!("is {least}{} behind ({missing} transactions)", seconds(time))
        }
    };
    let may = bound.map(|bound| {
        let missing = bound.missing.map(|most| format!(" and {most} transactions")).unwrap_or_default();
        format!(", and may be at most {}{missing} behind", seconds(bound.age))
    });
    format!("unit '{peer}' {found}{}", may.unwrap_or_default())
}

fn seconds(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    if tenths.is_multiple_of(10) { format!("{} s", tenths / 10) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

/// A move under way, as far as a client is concerned.
pub(super) fn moving(state: &ControlState, record: &MoveRecord) -> String {
    let part = |part: &MovePart| {
        let (source, target) = (&state.unit(part.source).name, &state.unit(part.target).name);
        let what = extent(state, part.extent);
        match record.kind {
            MoveKind::Fencing => format!("{what} are closed until a forbid in there is fenced"),
            MoveKind::Planned | MoveKind::Forced => format!("{what} move from unit '{source}' to unit '{target}'"),
        }
    };
    match record.parts.as_slice() {
        [only] => part(only),
        [first, others @ ..] => format!("{} (and {} more)", part(first), others.len()),
        [] => "scopes move".to_owned(),
    }
}

/// The group is named where there are several.
fn extent(state: &ControlState, extent: Extent) -> String {
    let group = match state.groups.len() {
        1 => String::new(),
        _ => format!(" of group '{}'", state.group(extent.group()).name),
    };
    match extent {
        Extent::Shards(_, range) => format!("shards {range}{group}"),
        Extent::GlobalZone(_) => format!("the tables of the Global Zone{group}"),
    }
}

/// What keeps the connection.
pub(super) fn pin(reason: PinReason) -> &'static str {
    match reason {
        PinReason::TemporaryTable => "a temporary table",
        PinReason::TableLocks => "LOCK TABLES",
        PinReason::NamedLock => "a named lock",
        PinReason::ComputedUserVariable => "a user variable with a computed value",
        PinReason::UnknownSet => "a SET that cannot be replayed",
        PinReason::SqlPrepare => "a statement prepared as SQL text",
        PinReason::Handler => "an open HANDLER",
        PinReason::Xa => "an XA transaction",
        PinReason::Routine => "a routine that was called",
        PinReason::UnknownStatement => "a statement nothing is known about",
        PinReason::InsertIdSet => "LAST_INSERT_ID(n)",
        PinReason::Cursor => "an open cursor",
        PinReason::LongData => "parameter data sent ahead",
        PinReason::LastReply => "the last reply",
    }
}

/// What ends the pin.
pub(super) fn unpin(reason: PinReason) -> &'static str {
    match reason {
        PinReason::TableLocks => "UNLOCK TABLES first",
        PinReason::NamedLock => "RELEASE_ALL_LOCKS() first",
        PinReason::Cursor => "close the cursor first",
        PinReason::LongData => "execute or close the prepared statement first",
        PinReason::TemporaryTable
        | PinReason::ComputedUserVariable
        | PinReason::UnknownSet
        | PinReason::SqlPrepare
        | PinReason::Handler
        | PinReason::Xa
        | PinReason::Routine
        | PinReason::UnknownStatement
        | PinReason::InsertIdSet
        | PinReason::LastReply => "reset the connection or use another one",
    }
}
