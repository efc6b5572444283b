//! The catalog: tables, columns, views and routines of the groups' schemas, read from a primary of this node's unit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::sync::mpsc;

use super::probe::{ProbeAccount, ProbeError, connect, in_time};
use crate::control::Snapshots;
use crate::control::catalog_requests::CatalogRequest;
use crate::model::{
    Catalog, CatalogColumn, CatalogTable, ColumnDescription, ColumnValues, Group, GroupId, TableKind, UnitId,
};
use crate::shutdown::Shutdown;
use crate::sql::{self, Dialect, Family};

/// Table, column, type, extras, whole type, characters, collation.
type ColumnRow = (String, String, String, String, String, Option<u64>, Option<String>);

/// How view definitions are read: the servers keep them without comments, so that no version matters.
const VIEWS: Dialect = Dialect { family: Family::MariaDb, version: 101_100 };

/// How often the catalog is read without being asked: for changes that did not come through this node.
const INTERVAL: Duration = Duration::from_secs(5);

/// Reads the catalog at start, on request and from time to time, until shutdown.
pub async fn watch_catalog(
    unit: UnitId,
    snapshots: Arc<Snapshots>,
    account: ProbeAccount,
    mut requests: mpsc::Receiver<CatalogRequest>,
    mut shutdown: Shutdown,
) {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                for group in groups(&snapshots) {
                    refresh(group, unit, &snapshots, &account).await;
                }
            }
            request = requests.recv() => {
                let Some(request) = request else { return };
                refresh(request.group, request.unit, &snapshots, &account).await;
                // The session may have gone away in the meantime.
                let _ = request.done.send(());
            }
            () = shutdown.told() => return,
        }
    }
}

/// Reads every group once. Returns the names of those that could not be read.
pub async fn read_all(unit: UnitId, snapshots: &Snapshots, account: &ProbeAccount) -> Vec<String> {
    let mut unread = Vec::new();
    for group in groups(snapshots) {
        if !refresh(group, unit, snapshots, account).await {
            unread.push(snapshots.load().state.group(group).name.clone());
        }
    }
    unread
}

fn groups(snapshots: &Snapshots) -> Vec<GroupId> {
    (0..snapshots.load().state.groups.len()).map(|index| GroupId(index as u16)).collect()
}

/// Returns whether the group could be read.
async fn refresh(group: GroupId, unit: UnitId, snapshots: &Snapshots, account: &ProbeAccount) -> bool {
    let snapshot = snapshots.load();
    let described = snapshot.state.group(group);
    let Some(primary) = snapshot.state.primary_of(unit, group) else { return false };
    let instance = snapshot.state.instance(primary);
    let read = async {
        let mut connection = connect(&instance.address, account).await?;
        let part = read_group(&mut connection, described).await?;
        // Closing politely keeps the server's aborted-connections counter true; a failure to do so changes nothing.
        let _ = connection.disconnect().await;
        Ok::<Catalog, ProbeError>(part)
    };
    match read.await {
        Ok(part) => {
            // Only this task publishes catalogs, so what was loaded is still the newest.
            let mut catalog = Catalog::clone(&snapshots.load().catalog);
            if merge(&mut catalog, part, described) {
                catalog.version += 1;
                snapshots.publish_catalog(&Arc::new(catalog));
            }
            true
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(group = described.name, instance = instance.name, error, "the catalog could not be read");
            false
        }
    }
}

/// Puts a group's part in its place. Returns whether anything changed, so that plans are not thrown away for nothing.
fn merge(catalog: &mut Catalog, part: Catalog, group: &Group) -> bool {
    let before = catalog.clone();
    catalog.default_sql_mode = part.default_sql_mode;
    catalog.default_names = part.default_names;
    catalog.default_collation = part.default_collation;
    for schema in &group.schemas {
        catalog.schemas.remove(schema);
        catalog.routines.retain(|(held, _)| held != schema);
        catalog.active_views.retain(|(held, _)| held != schema);
    }
    catalog.schemas.extend(part.schemas);
    catalog.routines.extend(part.routines);
    catalog.active_views.extend(part.active_views);
    *catalog != before
}

/// What a new session begins with.
const GLOBAL: &str = "SELECT @@global.sql_mode, @@global.character_set_client, \
                      IFNULL(@@global.character_set_results, ''), @@global.collation_connection, \
                      (SELECT id FROM information_schema.collations WHERE collation_name = @@global.collation_server)";

type Global = (String, String, String, String, Option<u64>);

/// A character set as SET NAMES takes it; empty for one that it cannot set.
fn names(client: &str, results: &str, collation: &str) -> String {
    let is_one = client == results && (collation == client || collation.starts_with(&format!("{client}_")));
    if is_one { format!("NAMES {client} COLLATE {collation}") } else { String::new() }
}

/// The catalog of a group's schemas as one connection sees it. Errors: the driver's, or a server that takes too long.
pub async fn read_group(connection: &mut Conn, group: &Group) -> Result<Catalog, ProbeError> {
    let mut catalog = Catalog::default();
    let global: Option<Global> = in_time(connection.query_first(GLOBAL)).await?;
    if let Some((mode, client, results, collation, own)) = global {
        catalog.default_collation = own.map(|id| id as u8);
        catalog.default_sql_mode = mode;
        catalog.default_names = names(&client, &results, &collation);
    }
    for schema in &group.schemas {
        let exists = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?";
        let count: Option<u64> = in_time(connection.exec_first(exists, (schema,))).await?;
        if count.unwrap_or_default() > 0 {
            catalog.schemas.insert(schema.clone(), BTreeMap::new());
        }
    }
    for schema in catalog.schemas.keys().cloned().collect::<Vec<_>>() {
        read_schema(connection, &schema, &group.schemas, &mut catalog).await?;
    }
    Ok(catalog)
}

async fn read_schema(
    connection: &mut Conn,
    schema: &str,
    known_schemas: &[String],
    catalog: &mut Catalog,
) -> Result<(), ProbeError> {
    let statement = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ?";
    let tables: Vec<(String, String)> = in_time(connection.exec(statement, (schema,))).await?;
    let statement = "SELECT table_name, column_name, data_type, extra, column_type, character_maximum_length, collation_name FROM information_schema.columns \
                     WHERE table_schema = ? ORDER BY table_name, ordinal_position";
    let columns: Vec<ColumnRow> = in_time(connection.exec(statement, (schema,))).await?;
    let statement = "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = ?";
    let views: Vec<(String, Option<String>)> = in_time(connection.exec(statement, (schema,))).await?;
    let statement = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ?";
    let routines: Vec<String> = in_time(connection.exec(statement, (schema,))).await?;
    let held: BTreeSet<String> = tables.iter().map(|(name, _)| name.to_lowercase()).collect();
    let mut entries: BTreeMap<String, CatalogTable> = tables
        .into_iter()
        .map(|(name, kind)| (name.to_lowercase(), CatalogTable { kind: kind_of(&kind), columns: Vec::new() }))
        .collect();
    for (table, column, data_type, extra, column_type, length, collation) in columns {
        if let Some(entry) = entries.get_mut(&table.to_lowercase()) {
            entry.columns.push(CatalogColumn {
                name: column.to_lowercase(),
                numeric: is_numeric(&data_type),
                values: ColumnValues::of(ColumnDescription {
                    data_type: &data_type,
                    column_type: &column_type,
                    length,
                    collation: collation.as_deref(),
                }),
                invisible: extra.to_uppercase().contains("INVISIBLE"),
            });
        }
    }
    let definitions: BTreeMap<String, String> =
        views.into_iter().map(|(name, text)| (name.to_lowercase(), text.unwrap_or_default())).collect();
    for name in definitions.keys() {
        let (bases, through) = base_tables(schema, name, &definitions, &held, known_schemas);
        let of_views = through.iter().filter_map(|view| definitions.get(view));
        if of_views.into_iter().any(|definition| sql::acts(definition.as_bytes(), VIEWS)) {
            catalog.active_views.insert((schema.to_owned(), name.clone()));
        }
        if let Some(entry) = entries.get_mut(name) {
            entry.kind = TableKind::View(bases.into_iter().collect());
        }
    }
    catalog.schemas.insert(schema.to_owned(), entries);
    catalog.routines.extend(routines.into_iter().map(|name| (schema.to_owned(), name.to_lowercase())));
    Ok(())
}

fn kind_of(table_type: &str) -> TableKind {
    match table_type {
        "SEQUENCE" => TableKind::Sequence,
        "VIEW" | "SYSTEM VIEW" => TableKind::View(Vec::new()),
        _ => TableKind::Base,
    }
}

fn is_numeric(data_type: &str) -> bool {
    let types = ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit"];
    types.contains(&data_type.to_lowercase().as_str())
}

/// The base tables a view reaches, through other views too; and those views, itself included.
///
/// The server stores a definition in its canonical form, every table as `` `schema`.`table` ``. Taking every such pair
/// that names a table may take a column for one, which errs on the safe side: more tables make more refusals.
fn base_tables(
    schema: &str,
    view: &str,
    definitions: &BTreeMap<String, String>,
    held: &BTreeSet<String>,
    known_schemas: &[String],
) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    let (mut bases, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![view.to_owned()]);
    while let Some(view) = open.pop() {
        if !seen.insert(view.clone()) {
            continue;
        }
        for (named_schema, name) in quoted_pairs(definitions.get(&view).map_or("", String::as_str)) {
            let name = name.to_lowercase();
            if named_schema == schema && definitions.contains_key(&name) {
                open.push(name);
            } else if (named_schema == schema && held.contains(&name))
                || (named_schema != schema && known_schemas.contains(&named_schema))
            {
                bases.insert((named_schema, name));
            }
        }
    }
    (bases, seen)
}

/// Every `` `a`.`b` `` in a text.
fn quoted_pairs(text: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = text.split('`').collect();
    // Odd positions are inside quotes: a pair is two of them with a lone dot between.
    let pair =
        |index: usize| (parts.get(index + 1) == Some(&".")).then(|| Some((*parts.get(index)?, *parts.get(index + 2)?)));
    (1..parts.len())
        .step_by(2)
        .filter_map(|index| pair(index).flatten())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_resolve_to_base_tables_through_other_views() {
        let text = |text: &str| text.to_owned();
        let definitions = BTreeMap::from([
            (text("cheap"), text("select `shop`.`product`.`id` AS `id` from `shop`.`product` where 1")),
            (text("both"), text("select `c`.`id` AS `id` from (`shop`.`cheap` `c` join `shop`.`account` `a`)")),
        ]);
        let held = ["product", "account", "cheap", "both"].map(str::to_owned).into();
        let (bases, through) = base_tables("shop", "both", &definitions, &held, &["shop".to_owned()]);
        assert_eq!(through, BTreeSet::from(["both".into(), "cheap".into()]));
        assert_eq!(bases, BTreeSet::from([("shop".into(), "account".into()), ("shop".into(), "product".into())]));
    }
}
