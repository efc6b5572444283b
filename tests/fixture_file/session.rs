//! The session a case is sent from, as its settings tell.

use meridian::model::{ControlState, GroupId, Role, Scope, Shard, UnitId};
use meridian::route::{
    Asked, Grants, LookedUp, PinView, SessionView, Target, TransactionAccess, TransactionView, UserAccess,
};
use meridian::sql::{CharsetClass, Hint, KeyValue, PinReason, ReadLevel, SqlMode, hint_key, hint_level};

use super::Case;

/// What a [`SessionView`] borrows from.
pub struct Session {
    /// The unit the client is connected to; `hz` unless set.
    pub unit: UnitId,
    /// The session's schema; `shop` unless set, `none` for none.
    pub schema: Option<String>,
    schema_group: Option<GroupId>,
    hint: Hint,
    transaction: TransactionView,
    observed_at: Option<Target>,
    schema_changed_at: Option<Target>,
    pin: Option<PinView>,
    grants: Grants,
    looked_up: Vec<LookedUp>,
    branch_at: Option<Target>,
    written: Vec<Scope>,
    user: String,
    attributes: Option<Hint>,
    level: ReadLevel,
    statement_bytes: usize,
}

impl Session {
    /// The session of `case`. Panics with a sentence on a setting that cannot be read.
    pub fn of(case: &Case, state: &ControlState) -> Session {
        let schema = Some(case.setting("schema").unwrap_or("shop")).filter(|name| *name != "none").map(str::to_owned);
        let words = |name: &str| case.setting(name).map(|value| value.split_whitespace().collect::<Vec<_>>());
        Session {
            unit: unit(case, state, case.setting("unit").unwrap_or("hz")),
            schema_group: schema.as_deref().and_then(|name| state.group_of_schema(name)),
            schema,
            hint: words("hint-session").map(|words| hint(case, &words)).unwrap_or_default(),
            transaction: words("transaction").map_or(TransactionView::None, |words| transaction(case, state, &words)),
            observed_at: words("observed-at")
                .map(|words| target(case, state, &mut words.iter().map(|word| (*word).to_owned()))),
            schema_changed_at: words("schema-changed-at")
                .map(|words| target(case, state, &mut words.iter().map(|word| (*word).to_owned()))),
            pin: words("pin").map(|words| pin(case, state, &words)),
            looked_up: looked_up(case, state),
            branch_at: words("branch-at")
                .map(|words| target(case, state, &mut words.iter().map(|word| (*word).to_owned()))),
            written: words("written").map(|words| written(case, state, &words)).unwrap_or_default(),
            grants: match case.setting("grants") {
                None => Grants::default(),
                Some(words) => grants(case, words),
            },
            user: case.setting("user").unwrap_or("app").to_owned(),
            attributes: words("attributes").map(|words| hint(case, &words)),
            level: case.setting("user-level").map_or(ReadLevel::default(), |level| hint_level(level).unwrap()),
            statement_bytes: case.sql.len(),
        }
    }

    /// As a decision sees it.
    pub fn view(&self) -> SessionView<'_> {
        SessionView {
            unit: self.unit,
            schema_group: self.schema_group,
            hint: &self.hint,
            transaction: self.transaction,
            looked_up: &self.looked_up,
            branch_at: self.branch_at,
            written: &self.written,
            observed_at: self.observed_at,
            schema_changed_at: self.schema_changed_at,
            pin: self.pin,
            grants: self.grants,
            user: &self.user,
            attributes: self.attributes.as_ref(),
            level: self.level,
            statement_bytes: self.statement_bytes,
        }
    }
}

/// `order 7=6000, order 8=none`: what was found in the first group's tables.
fn looked_up(case: &Case, state: &ControlState) -> Vec<LookedUp> {
    let group = state.group(GroupId(0));
    let one = |words: &str| {
        let (key_type, pair) = words.trim().split_once(' ').unwrap_or_else(|| panic!("{}: '{words}'", case.name));
        let (text, value) = pair.split_once('=').unwrap_or_else(|| panic!("{}: '{words}'", case.name));
        let key_type = group.key_types.iter().position(|known| known.name == key_type).unwrap();
        let key = |text: &str| match text.parse() {
            Ok(number) => KeyValue::Integer(number),
            Err(_) => KeyValue::Text(text.as_bytes().into()),
        };
        let value = (value != "none").then(|| key(value));
        LookedUp { asked: Asked { group: GroupId(0), key_type, key: key(text) }, value, epoch: group.global_epoch }
    };
    case.setting("looked-up").map(|words| words.split(',').map(one).collect()).unwrap_or_default()
}

/// `escapes`, `read-only`, `max-statement=20`, each at will.
fn grants(case: &Case, words: &str) -> Grants {
    let mut grants = Grants::default();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            None if word == "escapes" => grants.escapes = true,
            None if word == "read-only" => grants.access = UserAccess::ReadOnly,
            Some(("max-statement", bytes)) => grants.max_statement = Some(bytes.parse().unwrap()),
            Some(_) | None => panic!("{}: unknown grant '{word}'", case.name),
        }
    }
    grants
}

/// The session's sql_mode: `ansi-quotes`, `no-backslash-escapes`, `ignore-space`.
pub fn mode(case: &Case) -> SqlMode {
    let mut mode = SqlMode::default();
    for word in case.setting("mode").unwrap_or_default().split_whitespace() {
        match word {
            "ansi-quotes" => mode.ansi_quotes = true,
            "no-backslash-escapes" => mode.no_backslash_escapes = true,
            "ignore-space" => mode.ignore_space = true,
            other => panic!("{}: unknown mode '{other}'", case.name),
        }
    }
    mode
}

/// The session's character set: `ascii-safe` unless set.
pub fn charset(case: &Case) -> CharsetClass {
    match case.setting("charset") {
        None | Some("utf8") => CharsetClass::Utf8,
        Some("ascii-safe") => CharsetClass::AsciiSafe,
        Some("trailing-ascii") => CharsetClass::TrailingAscii,
        Some(other) => panic!("{}: unknown charset '{other}'", case.name),
    }
}

/// The parameters of an execution: `NULL`, `6000`, `'text'` without blanks; anything else is a value nobody can read.
pub fn parameters(case: &Case) -> Option<Vec<KeyValue>> {
    let value =
        |word: &str| match (word, word.parse(), word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))) {
            ("NULL", _, _) => KeyValue::Null,
            (_, Ok(number), _) => KeyValue::Integer(number),
            (_, Err(_), Some(text)) => KeyValue::Text(text.as_bytes().into()),
            (_, Err(_), None) => KeyValue::Unreadable,
        };
    case.setting("params").map(|words| words.split_whitespace().map(value).collect())
}

fn unit(case: &Case, state: &ControlState, name: &str) -> UnitId {
    state.unit_named(name).unwrap_or_else(|| panic!("{}: unknown unit '{name}'", case.name))
}

/// `key=6000 level=strong unit=bj`, each at will.
fn hint(case: &Case, words: &[&str]) -> Hint {
    let mut hint = Hint::default();
    for word in words {
        match word.split_once('=') {
            Some(("key", key)) => hint.key = hint_key(key),
            Some(("level", level)) => hint.level = hint_level(level),
            Some(("unit", name)) => hint.unit = Some(name.to_owned()),
            Some(_) | None => panic!("{}: unknown hint '{word}'", case.name),
        }
    }
    hint
}

/// What the open transaction holds tickets for, in the default group: `global`, or shards.
fn written(case: &Case, state: &ControlState, words: &[&str]) -> Vec<Scope> {
    let group = state.default_group;
    let scope = |word: &&str| match (*word, word.parse()) {
        ("global", _) => Scope::GlobalZone(group),
        (_, Ok(shard)) => Scope::Shard(group, Shard(shard)),
        (_, Err(_)) => panic!("{}: unknown scope '{word}'", case.name),
    };
    words.iter().map(scope).collect()
}

/// `unit role [group]`.
fn target(case: &Case, state: &ControlState, words: &mut impl Iterator<Item = String>) -> Target {
    let name = words.next().unwrap_or_default();
    let role = match words.next().as_deref() {
        Some("primary") => Role::Primary,
        Some("replica") => Role::Replica,
        other => panic!("{}: unknown role {other:?}", case.name),
    };
    let group = case.setting("at-group").map_or(state.default_group, |group| {
        state.group_named(group).unwrap_or_else(|| panic!("{}: unknown group '{group}'", case.name))
    });
    Target { group, unit: unit(case, state, &name), role }
}

/// `queued [read-only] [branch]`, or `open unit role [touched] [fixed] [read-only]`.
fn transaction(case: &Case, state: &ControlState, words: &[&str]) -> TransactionView {
    let has = |word: &str| words.contains(&word);
    match words.first() {
        Some(&"queued") => TransactionView::Queued { read_only: has("read-only"), branch: has("branch") },
        Some(&"open") => TransactionView::Open {
            target: target(case, state, &mut words[1..].iter().map(|word| (*word).to_owned())),
            access: if has("touched") { TransactionAccess::Touched } else { TransactionAccess::OnlyRead },
            fixed: has("fixed"),
            read_only: has("read-only"),
        },
        other => panic!("{}: unknown transaction {other:?}", case.name),
    }
}

/// `unit role reason`.
fn pin(case: &Case, state: &ControlState, words: &[&str]) -> PinView {
    let mut words = words.iter().map(|word| (*word).to_owned());
    let target = target(case, state, &mut words);
    let reason = match words.next().as_deref() {
        Some("xa") => PinReason::Xa,
        Some("temporary-table") => PinReason::TemporaryTable,
        Some("table-locks") => PinReason::TableLocks,
        Some("named-lock") => PinReason::NamedLock,
        Some("computed-user-variable") => PinReason::ComputedUserVariable,
        Some("unknown-set") => PinReason::UnknownSet,
        Some("sql-prepare") => PinReason::SqlPrepare,
        Some("handler") => PinReason::Handler,
        Some("routine") => PinReason::Routine,
        Some("unknown-statement") => PinReason::UnknownStatement,
        Some("insert-id-set") => PinReason::InsertIdSet,
        Some("cursor") => PinReason::Cursor,
        Some("long-data") => PinReason::LongData,
        Some("last-reply") => PinReason::LastReply,
        other => panic!("{}: unknown pin reason {other:?}", case.name),
    };
    PinView { target, reason }
}
