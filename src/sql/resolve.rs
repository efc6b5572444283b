//! Names -> classes, and the classes of a statement's tables -> its placement.
//!
//! Reads the control state's rules and the catalog; knows no grammar.

use memchr::memmem;

use super::statement::{Keys, Placement, SqlContext, SqlRefusal};
use super::structure::Name;
use super::token::Token;
use crate::model::{GroupId, TableClass, TableKind};

/// Schemas of the server itself.
const SYSTEM: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// Whether the schema is the server's own.
pub(super) fn is_system(schema: &str) -> bool {
    SYSTEM.iter().any(|system| schema.eq_ignore_ascii_case(system))
}

/// What one table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A table of the server itself.
    System,
    /// Unmanaged.
    Local(Option<GroupId>),
    /// A global table.
    Global(GroupId, usize),
    /// A sharded table: group, rule, key type.
    Sharded(GroupId, usize, usize),
    /// Not in the catalog, in a schema with managed tables.
    Unknown,
}

/// One base table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) class: Class,
    /// The name as written, for refusals.
    pub(super) label: String,
    /// Schema and table, lower case where names are folded.
    pub(super) schema: String,
    pub(super) table: String,
    /// It is reached through a view, so that the statement's column names are not its own.
    pub(super) by_view: bool,
}

/// The group that holds `schema`; names that differ in case only are taken for the same, since the server may fold them.
pub(super) fn group_of(context: &SqlContext<'_>, schema: &str) -> Option<(GroupId, String)> {
    let exact = context.state.group_of_schema(schema).map(|group| (group, schema.to_owned()));
    exact.or_else(|| {
        (0u16..).map(GroupId).zip(&context.state.groups).find_map(|(id, group)| {
            let held = group.schemas.iter().find(|held| held.eq_ignore_ascii_case(schema))?;
            Some((id, held.clone()))
        })
    })
}

/// The base tables behind a name.
pub(super) fn tables(context: &SqlContext<'_>, name: &Name) -> Vec<Resolved> {
    let Some(schema) = name.schema.as_deref().or(context.schema) else {
        return vec![resolved(Class::Local(None), name, "")];
    };
    if is_system(schema) {
        return vec![resolved(Class::System, name, schema)];
    }
    let Some((group, schema)) = group_of(context, schema) else {
        return vec![resolved(Class::Local(None), name, schema)];
    };
    let table = name.table.to_lowercase();
    if let Some(entry) = context.catalog.table(&schema, &table)
        && let TableKind::View(bases) = &entry.kind
    {
        if let Some(declared) = declared_view(context, (group, &schema), name, bases) {
            return vec![declared];
        }
        let mut found = Vec::new();
        for (base_schema, base) in bases {
            let base = Name { schema: Some(base_schema.clone()), table: base.clone() };
            // The catalog has resolved nested views already: one that is left is unknown.
            let class = match class_of(context, base_schema, &base.table.to_lowercase()) {
                Class::Local(_) if is_view(context, base_schema, &base.table) => Class::Unknown,
                class => class,
            };
            found.push(Resolved { by_view: true, label: name.table.clone(), ..resolved(class, &base, base_schema) });
        }
        if found.is_empty() {
            found.push(resolved(Class::Local(Some(group)), name, &schema));
        }
        return found;
    }
    vec![resolved(class_of(context, &schema, &table), name, &schema)]
}

/// A view that a rule of its own name declares sharded: its key column is the table's routing key, as the rule says. Only over one table, which
/// is sharded alike: of several, the column need not restrict each.
fn declared_view(
    context: &SqlContext<'_>,
    (group, schema): (GroupId, &str),
    name: &Name,
    bases: &[(String, String)],
) -> Option<Resolved> {
    let table = name.table.to_lowercase();
    let rules = &context.state.group(group).tables;
    let (rule, declared) = rules.iter().enumerate().find(|(_, rule)| rule.covers(&table))?;
    let TableClass::Sharded { key_type, .. } = declared.class else { return None };
    let [(base_schema, base)] = bases else { return None };
    let class = class_of(context, base_schema, &base.to_lowercase());
    let is_alike = matches!(class, Class::Sharded(other, _, kind) if (other, kind) == (group, key_type));
    (is_alike && declared.name == table).then(|| resolved(Class::Sharded(group, rule, key_type), name, schema))
}

fn is_view(context: &SqlContext<'_>, schema: &str, table: &str) -> bool {
    context.catalog.table(schema, table).is_some_and(|entry| matches!(entry.kind, TableKind::View(_)))
}

fn resolved(class: Class, name: &Name, schema: &str) -> Resolved {
    Resolved {
        class,
        label: name.table.clone(),
        schema: schema.to_owned(),
        table: name.table.to_lowercase(),
        by_view: false,
    }
}

fn class_of(context: &SqlContext<'_>, schema: &str, table: &str) -> Class {
    if is_system(schema) {
        return Class::System;
    }
    let Some((id, schema)) = group_of(context, schema) else { return Class::Local(None) };
    let group = context.state.group(id);
    if !group.has_managed_tables() {
        return Class::Local(Some(id));
    }
    match group.tables.iter().enumerate().find(|(_, rule)| rule.covers(table)) {
        Some((rule, covering)) => match covering.class {
            TableClass::Sharded { key_type, .. } => Class::Sharded(id, rule, key_type),
            TableClass::Global => Class::Global(id, rule),
            TableClass::Local => Class::Local(Some(id)),
        },
        None if context.catalog.table(&schema, table).is_some() => Class::Local(Some(id)),
        None => Class::Unknown,
    }
}

/// The first of `tables` in which keys are looked up.
pub(super) fn mapping<'t>(context: &SqlContext<'_>, tables: &'t [Resolved]) -> Option<&'t Resolved> {
    tables.iter().find(|table| match table.class {
        Class::Global(group, _) => context.state.group(group).lookups().any(|(_, lookup)| lookup.table == table.table),
        _ => false,
    })
}

/// The same of any table the tokens may name.
pub(super) fn mapping_mentioned(context: &SqlContext<'_>, tokens: &[Token<'_>]) -> Option<Resolved> {
    // Nearly always there are none.
    if context.state.groups.iter().all(|group| group.lookups().next().is_none()) {
        return None;
    }
    let names = tokens.iter().filter(|token| token.is_name()).map(Token::name);
    names.into_iter().find_map(|table| {
        let schemas = context.state.groups.iter().flat_map(|group| &group.schemas);
        let found: Vec<Resolved> = schemas
            .flat_map(|schema| tables(context, &Name { schema: Some(schema.clone()), table: table.clone() }))
            .collect();
        mapping(context, &found).cloned()
    })
}

/// Where DDL on a table belongs: an unknown one is local, since DDL is how tables become known.
pub(super) fn is_managed(context: &SqlContext<'_>, name: &Name) -> Option<GroupId> {
    tables(context, name).iter().find_map(|table| match table.class {
        Class::Sharded(group, ..) | Class::Global(group, _) => Some(group),
        _ => None,
    })
}

/// What is done with the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing is written.
    Read,
    /// Some are written, or locked.
    Write,
}

/// The placement of a statement that reads and writes these tables. `keys` count if it turns out sharded.
pub(super) fn placement(access: Access, written: &[Resolved], read: &[Resolved], keys: Keys) -> Placement {
    if let Some(unknown) = written.iter().chain(read).find(|table| table.class == Class::Unknown) {
        let is_managed = |table: &&Resolved| matches!(table.class, Class::Sharded(..) | Class::Global(..));
        let managed = written.iter().find(is_managed).map(|table| table.label.clone());
        return Placement::Refused(SqlRefusal::Uncatalogued { name: unknown.label.clone(), written: managed });
    }
    match access {
        Access::Read => of_read(read, keys),
        Access::Write => of_write(written, read, keys),
    }
}

fn of_read(read: &[Resolved], keys: Keys) -> Placement {
    let (mut sharded, mut global, mut local) = (None, None, None);
    for table in read {
        match table.class {
            Class::Sharded(group, rule, key_type) => {
                sharded.get_or_insert((group, rule, key_type));
            }
            Class::Global(group, rule) => {
                global.get_or_insert((group, rule));
            }
            Class::Local(group) => {
                let first = local.get_or_insert(group);
                *first = first.or(group);
            }
            Class::System | Class::Unknown => continue,
        }
    }
    if let Some((group, rule, key_type)) = sharded {
        let is_mixed = read
            .iter()
            .any(|table| matches!(table.class, Class::Sharded(other, _, kind) if (other, kind) != (group, key_type)));
        return Placement::Sharded { group, rule, keys: if is_mixed { Keys::Missing } else { keys } };
    }
    match (global, local) {
        (Some((group, rule)), _) => Placement::Global { group, rule },
        (None, Some(group)) => Placement::Local { group },
        (None, None) => Placement::Tableless,
    }
}

fn of_write(written: &[Resolved], read: &[Resolved], keys: Keys) -> Placement {
    let mut written = written.iter().filter(|table| table.class != Class::System);
    let Some(first) = written.next() else { return of_read(read, keys) };
    let mixed = |second: &Resolved| {
        Placement::Refused(SqlRefusal::MixedClasses { first: first.label.clone(), second: second.label.clone() })
    };
    if let Some(second) = written.find(|second| !goes_with(&first.class, &second.class)) {
        return mixed(second);
    }
    let foreign = |second: &&Resolved| match (&first.class, &second.class) {
        (Class::Sharded(..), Class::Sharded(..)) => !goes_with(&first.class, &second.class),
        // The owner's copy of a local table is another table than this unit's.
        (Class::Sharded(..) | Class::Global(..), Class::Local(_)) => true,
        (Class::Sharded(group, ..) | Class::Global(group, _), Class::Sharded(other, ..) | Class::Global(other, _)) => {
            group != other
        }
        _ => false,
    };
    if let Some(second) = read.iter().find(foreign) {
        return mixed(second);
    }
    match first.class {
        Class::Sharded(group, rule, _) => Placement::Sharded { group, rule, keys },
        Class::Global(group, rule) => Placement::Global { group, rule },
        Class::Local(group) => Placement::Local { group },
        Class::System | Class::Unknown => Placement::Tableless,
    }
}

fn goes_with(first: &Class, second: &Class) -> bool {
    match (first, second) {
        (Class::Sharded(group, _, kind), Class::Sharded(other, _, other_kind)) => (group, kind) == (other, other_kind),
        (Class::Global(group, _), Class::Global(other, _)) => group == other,
        (Class::Local(group), Class::Local(other)) => group == other || group.is_none() || other.is_none(),
        _ => false,
    }
}

/// The first managed table that any name among the tokens may mean: for statements whose grammar is not known.
pub(super) fn mentioned(context: &SqlContext<'_>, tokens: &[Token<'_>]) -> Option<Resolved> {
    for (index, token) in tokens.iter().enumerate() {
        if !token.is_name() || !may_be_managed(context, &token.name().to_lowercase()) {
            continue;
        }
        let schema = match index.checked_sub(2).map(|before| (&tokens[before], &tokens[before + 1])) {
            Some((schema, dot)) if dot.is_symbol(".") && schema.is_name() => Some(schema.name()),
            _ => None,
        };
        // `a.b` may be a table's column as well as a schema's table: both readings count.
        for schema in [schema, None] {
            let name = Name { schema, table: token.name() };
            let managed = tables(context, &name)
                .into_iter()
                .find(|table| matches!(table.class, Class::Sharded(..) | Class::Global(..)));
            if managed.is_some() {
                return managed;
            }
        }
    }
    None
}

/// Whether a name (lower case) is that of a managed table or a view in any schema: quick, for texts of many names.
fn may_be_managed(context: &SqlContext<'_>, name: &str) -> bool {
    let mut rules = context.state.groups.iter().flat_map(|group| &group.tables);
    rules.any(|rule| rule.class != TableClass::Local && rule.covers(name))
        || context
            .catalog
            .schemas
            .values()
            .any(|tables| tables.get(name).is_some_and(|table| matches!(table.kind, TableKind::View(_))))
}

/// A managed table of any group whose name occurs anywhere in the text, whatever it is part of: for texts that cannot be split into tokens with certainty.
pub(super) fn occurring(context: &SqlContext<'_>, text: &[u8]) -> Option<String> {
    let folded = text.to_ascii_lowercase();
    let rules = context.state.groups.iter().flat_map(|group| &group.tables);
    let by_rule = rules
        .filter(|rule| rule.class != TableClass::Local)
        .map(|rule| rule.name.trim_end_matches('*'))
        .find(|name| memmem::find(&folded, name.as_bytes()).is_some());
    let views = || {
        context.catalog.schemas.iter().flat_map(|(schema, entries)| {
            entries
                .iter()
                .filter(|(_, entry)| matches!(entry.kind, TableKind::View(_)))
                .map(move |(table, _)| (schema, table))
        })
    };
    by_rule.map(str::to_owned).or_else(|| {
        views()
            .filter(|(_, table)| memmem::find(&folded, table.as_bytes()).is_some())
            .find(|(schema, table)| {
                is_managed(context, &Name { schema: Some((*schema).clone()), table: (*table).clone() }).is_some()
            })
            .map(|(_, table)| table.clone())
    })
}
