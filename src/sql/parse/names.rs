//! Names and aliases of the parser's tree.

use sqlparser::ast::{ObjectName, ObjectNamePart, TableAlias};

use super::reader::Unparsed;
use crate::sql::structure::{Column, Name, TableUse};

pub(super) fn is_constant(name: &str, quote: Option<char>) -> bool {
    quote.is_none() && ["null", "true", "false", "default"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

pub(super) fn column_from(parts: &[String]) -> Option<Column> {
    match parts {
        [name] => Some(Column { qualifier: None, name: name.to_lowercase() }),
        [table, name] => {
            Some(Column { qualifier: Some(Name { schema: None, table: table.clone() }), name: name.to_lowercase() })
        }
        [schema, table, name] => Some(Column {
            qualifier: Some(Name { schema: Some(schema.clone()), table: table.clone() }),
            name: name.to_lowercase(),
        }),
        _ => None,
    }
}

pub(super) fn parts_of(name: &ObjectName) -> Result<Vec<String>, Unparsed> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
            ObjectNamePart::Function(_) => Err(Unparsed),
        })
        .collect()
}

pub(super) fn name_of(name: &ObjectName) -> Result<Name, Unparsed> {
    match &parts_of(name)?[..] {
        [table] => Ok(Name { schema: None, table: table.clone() }),
        [schema, table] => Ok(Name { schema: Some(schema.clone()), table: table.clone() }),
        _ => Err(Unparsed),
    }
}

pub(super) fn column_of(name: &ObjectName) -> Result<Column, Unparsed> {
    column_from(&parts_of(name)?).ok_or(Unparsed)
}

pub(super) fn alias_of(alias: Option<&TableAlias>) -> Option<String> {
    alias.map(|alias| alias.name.value.to_lowercase())
}

/// What a level calls a table.
pub(super) fn called(table: &TableUse) -> Option<Name> {
    match (&table.alias, &table.name) {
        (Some(alias), _) => Some(Name { schema: None, table: alias.clone() }),
        (None, name) => name.clone(),
    }
}
