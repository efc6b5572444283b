//! Statements on the schema, and table maintenance.
//!
//! Placed by the tables they are *about*: what they only refer to (foreign keys, LIKE, AS SELECT) does not count where the target is plain.

use super::analyze::Work;
use super::classify::Found;
use super::data;
use super::resolve;
use super::session;
use super::statement::{Effect, Facts, FoundRows, PinReason, Placement, SqlRefusal, StatementClass, WriteKind};
use super::structure::Name;
use super::token::{Token, name_at};
use crate::model::GroupId;

/// What is made, changed or dropped.
const OBJECTS: [&str; 13] = [
    "table",
    "tables",
    "index",
    "view",
    "database",
    "schema",
    "procedure",
    "function",
    "trigger",
    "event",
    "sequence",
    "package",
    "tablespace",
];

/// CREATE, ALTER, DROP, RENAME, TRUNCATE, IMPORT.
pub(super) fn schema(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let object =
        tokens.iter().enumerate().skip(1).take(24).find(|(_, token)| {
            token.is_any(&OBJECTS) || token.is_any(&["user", "role", "server", "prepare", "instance"])
        });
    let is_temporary = tokens.iter().take(4).any(|token| token.is("temporary"));
    let (index, object) = match object {
        Some((index, token)) => (index, token.name().to_ascii_lowercase()),
        None if tokens[0].is("truncate") => (0, "table".to_owned()),
        None => return session::admin(work, tokens, "ddl"),
    };
    if is_temporary {
        return temporary(work, tokens);
    }
    if ["user", "role", "server", "instance", "tablespace"].contains(&object.as_str()) {
        return admin(Placement::Tableless);
    }
    if object == "prepare" {
        return session::prepared(work, tokens);
    }
    let placement = match object.as_str() {
        "table" | "tables" => tables_placement(work, tokens, index + 1),
        "sequence" => tables_placement(work, tokens, index + 1),
        "index" => match tokens.iter().position(|token| token.is("on")) {
            Some(on) => {
                targets_placement(work, tokens, name_at(tokens, on + 1).into_iter().map(|(name, _)| name).collect())
            }
            None => scanned(work, tokens),
        },
        "database" | "schema" => database(work, tokens, index + 1),
        _ => scanned(work, tokens),
    };
    // No temporary table has a managed one's name.
    let may_be_temporary = object.starts_with("table") && matches!(placement, Placement::Local { .. });
    let mut found = ddl(placement);
    if may_be_temporary {
        found.facts.effects.extend(dropped(work, tokens, index + 1));
    }
    if tokens[0].is("drop")
        && ["database", "schema"].contains(&object.as_str())
        && let Some(schema) = named_database(tokens, index + 1)
    {
        found.facts.effects.push(Effect::SchemaDropped(schema));
    }
    found
}

fn facts(class: StatementClass, placement: Placement, effects: Vec<Effect>) -> Found {
    Facts {
        class,
        placement,
        effects,
        asks_previous: false,
        found_rows: FoundRows::Counted,
        repeatable: false,
        escape: None,
    }
    .into()
}

fn ddl(placement: Placement) -> Found {
    facts(StatementClass::Ddl, placement, vec![Effect::ImplicitCommit])
}

fn admin(placement: Placement) -> Found {
    facts(StatementClass::Admin, placement, vec![Effect::ImplicitCommit])
}

/// Temporary tables live in one session on one server: they do not commit, and pin while they exist.
fn temporary(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    // A query that fills it may call routines.
    let traces = super::effects::traces(&work.context, tokens);
    let table = tokens.iter().position(|token| token.is("table"));
    let name = table.and_then(|table| name_at(tokens, behind_conditions(tokens, table + 1)));
    let mut effects = match &name {
        Some((name, _)) if tokens[0].is("create") => {
            vec![Effect::Opened { reason: PinReason::TemporaryTable, name: full_name(work, name) }]
        }
        None if tokens[0].is("create") => vec![Effect::Pin(PinReason::TemporaryTable)],
        Some(_) | None => table.map(|table| dropped(work, tokens, table + 1)).unwrap_or_default(),
    };
    effects.extend(traces.effects);
    let placement = match name {
        // It would hide a managed table from its session, but not from routing.
        Some((name, _)) if tokens[0].is("create") && resolve::is_managed(&work.context, &name).is_some() => {
            Placement::Refused(SqlRefusal::Unreadable { table: name.table })
        }
        _ => match traces.routine {
            Some(routine) => data::routine_placement(work, tokens, &routine),
            None => Placement::Local { group: work.session_group() },
        },
    };
    let mut found = facts(StatementClass::Write(WriteKind::Change), placement, effects);
    found.facts.asks_previous = traces.asks_previous;
    found
}

/// The index behind IF NOT EXISTS.
fn behind_conditions(tokens: &[Token<'_>], start: usize) -> usize {
    start + tokens[start..].iter().take_while(|token| token.is_any(&["if", "not", "exists"])).count()
}

/// A table's name with its schema, as the session means it.
fn full_name(work: &Work<'_>, name: &Name) -> String {
    let schema = name.schema.as_deref().or(work.context.schema).unwrap_or_default();
    format!("{schema}.{}", name.table)
}

/// Each table of a DROP may be a temporary one, which hides one of the same name.
fn dropped(work: &Work<'_>, tokens: &[Token<'_>], start: usize) -> Vec<Effect> {
    let mut effects = Vec::new();
    if !tokens[0].is("drop") {
        return effects;
    }
    let mut at = behind_conditions(tokens, start);
    while let Some((name, next)) = name_at(tokens, at) {
        effects.push(Effect::Closed { reason: PinReason::TemporaryTable, name: full_name(work, &name) });
        if !tokens.get(next).is_some_and(|token| token.is_symbol(",")) {
            break;
        }
        at = next + 1;
    }
    effects
}

/// TABLE and TABLES: a list of names, and those a RENAME gives.
fn tables_placement(work: &Work<'_>, tokens: &[Token<'_>], start: usize) -> Placement {
    let mut at = behind_conditions(tokens, start);
    let mut names = Vec::new();
    while let Some((name, next)) = name_at(tokens, at) {
        names.push(name);
        at = next;
        match tokens.get(at) {
            Some(token) if token.is_symbol(",") || (tokens[0].is("rename") && token.is("to")) => at += 1,
            _ => break,
        }
    }
    if names.is_empty() {
        return scanned(work, tokens);
    }
    let is_alter = tokens[0].is("alter");
    for (index, token) in tokens.iter().enumerate().skip(at) {
        let renames = is_alter && token.is("rename");
        let exchanges = is_alter && token.is("with") && tokens.get(index + 1).is_some_and(|next| next.is("table"));
        if renames || exchanges {
            let skip =
                if exchanges || tokens.get(index + 1).is_some_and(|next| next.is_any(&["to", "as"])) { 2 } else { 1 };
            names.extend(name_at(tokens, index + skip).map(|(name, _)| name));
        }
    }
    targets_placement(work, tokens, names)
}

/// All managed, all local, or refused; a renaming is managed if either name is.
fn targets_placement(work: &Work<'_>, tokens: &[Token<'_>], names: Vec<Name>) -> Placement {
    if names.is_empty() {
        return scanned(work, tokens);
    }
    if takes_rows_away(tokens)
        && let Some(table) = names
            .iter()
            .find_map(|name| resolve::mapping(&work.context, &resolve::tables(&work.context, name)).cloned())
    {
        return Placement::Refused(SqlRefusal::MappingFixed { table: table.label });
    }
    let groups: Vec<Option<GroupId>> = names.iter().map(|name| resolve::is_managed(&work.context, name)).collect();
    let Some((managed, group)) = groups.iter().enumerate().find_map(|(index, group)| group.map(|group| (index, group)))
    else {
        return local(work, names.first());
    };
    let renames = tokens[0].is_any(&["rename", "alter"]);
    match groups
        .iter()
        .position(|other| if renames { other.is_some_and(|other| other != group) } else { *other != Some(group) })
    {
        Some(other) => Placement::Refused(SqlRefusal::MixedClasses {
            first: names[managed].table.clone(),
            second: names[other].table.clone(),
        }),
        None => Placement::Schema { group },
    }
}

/// DROP, TRUNCATE, RENAME, CREATE OR REPLACE, and the forms of ALTER that do the same.
fn takes_rows_away(tokens: &[Token<'_>]) -> bool {
    let says = |word| tokens.iter().any(|token| token.is(word));
    match tokens.first() {
        Some(token) if token.is_any(&["drop", "truncate", "rename"]) => !says("index"),
        Some(token) if token.is("create") => tokens.get(2).is_some_and(|token| token.is("replace")),
        Some(token) if token.is("alter") => says("rename") || says("exchange") || says("partition"),
        _ => false,
    }
}

fn local(work: &Work<'_>, name: Option<&Name>) -> Placement {
    let schema = name.and_then(|name| name.schema.as_deref()).or(work.context.schema);
    let group = schema.and_then(|schema| resolve::group_of(&work.context, schema)).map(|(group, _)| group);
    Placement::Local { group }
}

/// Views, routines, triggers: they belong to the managed tables they name anywhere.
fn scanned(work: &Work<'_>, tokens: &[Token<'_>]) -> Placement {
    let managed = resolve::mentioned(&work.context, tokens).and_then(|table| {
        let name = Name { schema: Some(table.schema), table: table.table };
        resolve::is_managed(&work.context, &name)
    });
    match managed {
        Some(group) => Placement::Schema { group },
        None => local(work, None),
    }
}

/// A schema with managed tables is changed like one of them.
fn database(work: &Work<'_>, tokens: &[Token<'_>], start: usize) -> Placement {
    let schema = named_database(tokens, start).or_else(|| work.context.schema.map(str::to_owned));
    match schema.and_then(|schema| resolve::group_of(&work.context, &schema)) {
        Some((group, _)) if work.context.state.group(group).has_managed_tables() => Placement::Schema { group },
        Some((group, _)) => Placement::Local { group: Some(group) },
        None => Placement::Local { group: None },
    }
}

fn named_database(tokens: &[Token<'_>], start: usize) -> Option<String> {
    let name = tokens[start..].iter().find(|token| !token.is_any(&["if", "not", "exists"]))?;
    name.is_name().then(|| name.name())
}

/// ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM TABLE. The first three replicate, as DDL does.
pub(super) fn maintenance(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let Some(start) = tokens.iter().position(|token| token.is_any(&["table", "tables", "view"])) else {
        return session::admin(work, tokens, "maintenance");
    };
    let placement = tables_placement(work, tokens, start + 1);
    let only_reads = tokens[0].is_any(&["check", "checksum"]);
    let placement = match placement {
        Placement::Schema { group } if only_reads => Placement::Local { group: Some(group) },
        placement => placement,
    };
    // The one of them that is a query of a transaction.
    if tokens[0].is("checksum") { facts(StatementClass::Admin, placement, Vec::new()) } else { admin(placement) }
}
