//! Statements on rows: queries, INSERT, REPLACE, UPDATE, DELETE, LOAD DATA, CALL, DO.
//!
//! Joins what the classifier, the structure, the keys and the traces say into facts.

use super::analyze::Work;
use super::classify::Found;
use super::effects::{self, Traces};
use super::keys;
use super::parse;
use super::resolve::{self, Access, Class, Resolved};
use super::routine;
use super::statement::{
    Disagreement, Effect, Facts, FoundRows, KeyUse, Keys, PinReason, Placement, SqlRefusal, StatementClass, WriteKind,
};
use super::structure::{Column, Level, Name, Structure};
use super::token::{Token, name_at};
use crate::model::RoutineAccess;

/// A query: a plain read, or one that locks or acts.
pub(super) fn read(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let mut traces = effects::traces(&work.context, tokens);
    if traces.is_unknown {
        traces.effects.push(Effect::Pin(PinReason::Routine));
    }
    let is_locking = locks_rows(tokens) || traces.is_active || traces.is_unknown;
    let access = if is_locking { Access::Write } else { Access::Read };
    let (placement, key_use) = place(work, tokens, (access, Kind::Query), &traces);
    let class = match work.disagreement.get() {
        Some(Disagreement::OtherStatement) => StatementClass::Write(WriteKind::Change),
        _ if is_locking => StatementClass::LockingRead,
        _ => StatementClass::Read,
    };
    found(class, placement, key_use, traces)
}

/// A statement that changes rows.
pub(super) fn change(work: &Work<'_>, tokens: &[Token<'_>], kind: WriteKind) -> Found {
    let traces = effects::traces(&work.context, tokens);
    let (placement, key_use) = place(work, tokens, (Access::Write, Kind::Change(kind)), &traces);
    found(StatementClass::Write(kind), placement, key_use, traces)
}

fn found(class: StatementClass, placement: Placement, key_use: KeyUse, traces: Traces) -> Found {
    let repeatable = class == StatementClass::Read && traces.is_pure && !traces.asks_previous;
    let found_rows = match class {
        _ if traces.calculates_found_rows => FoundRows::Calculated,
        StatementClass::Write(WriteKind::Insert) if !traces.selects => FoundRows::Kept,
        // UPDATE and DELETE count what they match, at one family and with some plans.
        _ => FoundRows::Counted,
    };
    let facts = Facts {
        class,
        placement,
        effects: traces.effects,
        asks_previous: traces.asks_previous,
        found_rows,
        repeatable,
        escape: None,
    };
    Found { facts, key_use, context_change: None }
}

/// FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE, INTO OUTFILE, INTO DUMPFILE.
fn locks_rows(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|pair| {
        (pair[0].is("for") && pair[1].is_any(&["update", "share"]))
            || (pair[0].is("lock") && pair[1].is("in"))
            || (pair[0].is("into") && pair[1].is_any(&["outfile", "dumpfile"]))
    })
}

/// What our classifier takes a statement for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Query,
    Change(WriteKind),
}

fn place(
    work: &Work<'_>,
    tokens: &[Token<'_>],
    (access, kind): (Access, Kind),
    traces: &Traces,
) -> (Placement, KeyUse) {
    if let Some(routine) = &traces.routine {
        return (routine_placement(work, tokens, routine), KeyUse::default());
    }
    if let [first, rest @ ..] = tokens
        && first.is("table")
        && let Some((name, end)) = name_at(rest, 0)
    {
        // Behind a further query, or with locks, its grammar is not followed.
        if !rest[end..].iter().all(|token| !token.is_any(&["union", "except", "intersect"])) || access == Access::Write
        {
            return opaque_with_use(work, tokens);
        }
        let tables = resolve::tables(&work.context, &name);
        return (resolve::placement(Access::Read, &[], &tables, Keys::Missing), KeyUse::default());
    }
    let structure = parse::reader::structure(tokens).and_then(|structure| {
        let is_agreed = structure.is_change == matches!(kind, Kind::Change(_));
        if is_agreed { Ok(structure) } else { Err(Disagreement::OtherStatement) }
    });
    let structure = match structure {
        Ok(structure) => structure,
        Err(disagreement) => {
            work.disagreement.set(Some(disagreement));
            if kind == Kind::Change(WriteKind::Change)
                && let Some(table) = resolve::mapping_mentioned(&work.context, tokens)
            {
                return (Placement::Refused(SqlRefusal::MappingFixed { table: table.label }), KeyUse::default());
            }
            return opaque_with_use(work, tokens);
        }
    };
    let (mut written, read) = tables(work, &structure, tokens, access);
    // A sequence of its own placement is managed only if a rule says so; then it is written like the rest.
    let sequences = traces.sequences.iter().flat_map(|name| resolve::tables(&work.context, name));
    written.extend(sequences.filter(|table| !matches!(table.class, Class::Local(_) | Class::System)));
    if kind == Kind::Change(WriteKind::Change)
        && let Some(table) = resolve::mapping(&work.context, &written)
    {
        return (Placement::Refused(SqlRefusal::MappingFixed { table: table.label.clone() }), KeyUse::default());
    }
    match keys::keys(&work.context, &structure, access) {
        Ok((keys, key_use)) => (resolve::placement(access, &written, &read, keys), key_use),
        Err(refusal) => {
            // A refusal about tables comes first: without it the key would not matter.
            let placement = match resolve::placement(access, &written, &read, Keys::Missing) {
                refused @ Placement::Refused(_) => refused,
                _ if work.has_key_hint && matches!(refusal, SqlRefusal::UnreadableKey { .. }) => {
                    resolve::placement(access, &written, &read, Keys::Missing)
                }
                _ => Placement::Refused(refusal),
            };
            let sharded = written.iter().chain(&read).find(|table| matches!(table.class, Class::Sharded(..)));
            (placement, sharded.map(|table| keys::key_use(&work.context, table)).unwrap_or_default())
        }
    }
}

/// The tables that are written (or locked) and those that are only read.
fn tables(
    work: &Work<'_>,
    structure: &Structure,
    tokens: &[Token<'_>],
    access: Access,
) -> (Vec<Resolved>, Vec<Resolved>) {
    let resolve_all = |names: &mut dyn Iterator<Item = &Name>| -> Vec<Resolved> {
        names.flat_map(|name| resolve::tables(&work.context, name)).collect()
    };
    let names_of = |level: &Level| level.tables.iter().filter_map(|table| table.name.clone()).collect::<Vec<_>>();
    let all: Vec<Name> = structure.levels.iter().flat_map(names_of).collect();
    if access == Access::Read {
        return (Vec::new(), resolve_all(&mut all.iter()));
    }
    if let Some(insert) = &structure.insert {
        return (resolve_all(&mut std::iter::once(&insert.table)), resolve_all(&mut all.iter()));
    }
    if locks_or_acts(tokens) {
        return (resolve_all(&mut all.iter()), Vec::new());
    }
    let Some(first) = structure.levels.get(structure.main) else { return (Vec::new(), Vec::new()) };
    let is_target = |index: usize| -> bool {
        let table = &first.tables[index];
        if !structure.targets.is_empty() {
            return structure.targets.iter().any(|target| calls(first, index, target));
        }
        let assigned: Option<Vec<&Name>> =
            structure.assignments.iter().map(|(column, _): &(Column, _)| column.qualifier.as_ref()).collect();
        match assigned {
            Some(assigned) if !assigned.is_empty() => assigned.iter().any(|target| calls(first, index, target)),
            // Unqualified: any of them may be meant.
            _ => table.name.is_some(),
        }
    };
    let (mut written, mut read) = (Vec::new(), Vec::new());
    for (index, table) in first.tables.iter().enumerate() {
        let Some(name) = &table.name else { continue };
        if is_target(index) { written.push(name.clone()) } else { read.push(name.clone()) }
    }
    if written.is_empty() {
        std::mem::swap(&mut written, &mut read);
    }
    let others = structure.levels.iter().enumerate().filter(|(index, _)| *index != structure.main);
    read.extend(others.flat_map(|(_, level)| names_of(level)));
    (resolve_all(&mut written.iter()), resolve_all(&mut read.iter()))
}

/// A query that counts as a write writes all its tables.
fn locks_or_acts(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|token| token.is_any(&["select", "values", "table"]) || token.is_symbol("("))
        || (tokens.first().is_some_and(|token| token.is("with"))
            && !tokens.iter().any(|token| token.is_any(&["update", "delete"])))
}

fn calls(level: &Level, index: usize, target: &Name) -> bool {
    let table = &level.tables[index];
    match (&table.alias, &table.name) {
        (Some(alias), _) => target.schema.is_none() && alias.eq_ignore_ascii_case(&target.table),
        (None, Some(name)) => {
            name.table.eq_ignore_ascii_case(&target.table)
                && (target.schema.is_none() || name.schema.is_none() || target.schema == name.schema)
        }
        (None, None) => false,
    }
}

/// The same with how a hint's key is read.
fn opaque_with_use(work: &Work<'_>, tokens: &[Token<'_>]) -> (Placement, KeyUse) {
    let key_use = resolve::mentioned(&work.context, tokens).map(|table| keys::key_use(&work.context, &table));
    (opaque(work, tokens), key_use.unwrap_or_default())
}

/// The placement of a text without structure: local if it names no managed table; else by the hint, or refused.
pub(super) fn opaque(work: &Work<'_>, tokens: &[Token<'_>]) -> Placement {
    match resolve::mentioned(&work.context, tokens) {
        None => Placement::Local { group: work.session_group() },
        Some(table) if work.has_key_hint => by_hint(&table),
        Some(table) => Placement::Refused(SqlRefusal::Unreadable { table: table.label }),
    }
}

/// Where a hint's key will place a statement on this table.
fn by_hint(table: &Resolved) -> Placement {
    match table.class {
        Class::Sharded(group, rule, _) => Placement::Sharded { group, rule, keys: Keys::Missing },
        Class::Global(group, rule) => Placement::Global { group, rule },
        Class::Local(group) => Placement::Local { group },
        Class::System | Class::Unknown => Placement::Tableless,
    }
}

/// A stored routine may do anything: in a group with managed tables only a hint says where.
pub(super) fn routine_placement(work: &Work<'_>, tokens: &[Token<'_>], routine: &str) -> Placement {
    let schema = tokens
        .windows(3)
        .find(|name| name[2].name().eq_ignore_ascii_case(routine) && name[1].is_symbol(".") && name[0].is_name())
        .map(|name| name[0].name());
    let schema = schema.or_else(|| work.context.schema.map(str::to_owned));
    let is_system = schema.as_deref().is_some_and(resolve::is_system);
    let held = schema.and_then(|schema| resolve::group_of(&work.context, &schema)).map(|(group, _)| group);
    // A schema of no group may stand beside managed ones on the same instance.
    let id = held.unwrap_or(work.context.state.default_group);
    let group = work.context.state.group(id);
    if is_system || !group.has_managed_tables() {
        return match opaque(work, tokens) {
            Placement::Local { group } => Placement::Local { group: held.or(group) },
            placement => placement,
        };
    }
    if !work.has_key_hint {
        return Placement::Refused(SqlRefusal::Routine { name: routine.to_owned() });
    }
    if let Some(table) = resolve::mentioned(&work.context, tokens) {
        return by_hint(&table);
    }
    let rule = group.tables.iter().position(|rule| matches!(rule.class, crate::model::TableClass::Sharded { .. }));
    match rule {
        Some(rule) => Placement::Sharded { group: id, rule, keys: Keys::Missing },
        None => Placement::Refused(SqlRefusal::Routine { name: routine.to_owned() }),
    }
}

/// CALL.
pub(super) fn call(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let name = name_at(tokens, 1);
    let routine = name.as_ref().map(|(name, _)| name.table.to_lowercase()).unwrap_or_default();
    let traces = effects::traces(&work.context, tokens);
    // What calls a function or a sequence besides is more than its declaration says.
    let is_plain = |arguments: &[Token<'_>]| {
        let traces = effects::traces(&work.context, arguments);
        traces.routine.is_none() && traces.sequences.is_empty() && !arguments.iter().any(|token| token.is("select"))
    };
    let declared = name
        .filter(|(_, end)| is_plain(&tokens[*end..]))
        .and_then(|(name, end)| routine::call(work, tokens, &name, end));
    let (class, placement, key_use) = match declared {
        Some((placement, key_use, RoutineAccess::Write)) => {
            (StatementClass::Write(WriteKind::Change), placement, key_use)
        }
        Some((placement, key_use, RoutineAccess::Read)) => (StatementClass::Read, placement, key_use),
        None => {
            let placement = routine_placement(work, tokens, &routine);
            (StatementClass::Write(WriteKind::Change), placement, KeyUse::default())
        }
    };
    let mut found = found(class, placement, key_use, traces);
    found.facts.repeatable = false;
    if !found.facts.effects.contains(&Effect::Pin(PinReason::Routine)) {
        found.facts.effects.push(Effect::Pin(PinReason::Routine));
    }
    found
}

/// DO.
pub(super) fn expression(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let traces = effects::traces(&work.context, tokens);
    let placement = match &traces.routine {
        Some(routine) => routine_placement(work, tokens, routine),
        None if !traces.sequences.is_empty() || tokens.iter().any(|token| token.is("select")) => opaque(work, tokens),
        None => Placement::Tableless,
    };
    found(StatementClass::LockingRead, placement, KeyUse::default(), traces)
}

/// LOAD DATA and LOAD XML: rows from a file, whose keys nobody has read.
pub(super) fn load(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let traces = effects::traces(&work.context, tokens);
    let target = tokens
        .windows(2)
        .position(|pair| pair[0].is("into") && pair[1].is("table"))
        .and_then(|index| name_at(tokens, index + 2));
    let mut key_use = KeyUse::default();
    let placement = match target {
        Some((name, _)) => {
            let tables = resolve::tables(&work.context, &name);
            if let Some(table) = resolve::mapping(&work.context, &tables)
                && tokens.iter().any(|token| token.is("replace"))
            {
                let placement = Placement::Refused(SqlRefusal::MappingFixed { table: table.label.clone() });
                return found(StatementClass::Write(WriteKind::Change), placement, key_use, traces);
            }
            key_use = tables.first().map(|table| keys::key_use(&work.context, table)).unwrap_or_default();
            match resolve::placement(Access::Write, &tables, &[], Keys::Missing) {
                Placement::Sharded { .. } if !work.has_key_hint => match keys::key_column(&work.context, &tables[0]) {
                    Some(column) => {
                        Placement::Refused(SqlRefusal::UnreadableKey { table: tables[0].label.clone(), column })
                    }
                    None => opaque(work, tokens),
                },
                placement => placement,
            }
        }
        None => opaque(work, tokens),
    };
    found(StatementClass::Write(WriteKind::Change), placement, key_use, traces)
}
