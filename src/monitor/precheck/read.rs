//! Asks each unit's primary what it has.

use std::time::Duration;

use futures_util::future::join_all;
use mysql_async::Conn;
use mysql_async::prelude::{FromRow, Queryable};
use tokio::time::timeout;

use super::facts::{ColumnFacts, EventFacts, IndexFacts, TableFacts, TriggerFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use super::judge;
use crate::model::{ColumnDescription, ColumnValues, ControlState, Group, GroupId, Instance, Role};
use crate::monitor::probe::{ProbeAccount, ProbeError, connect};
use crate::sql::{Dialect, Family, SqlMode, reached};

/// How long one question may take: some servers open every table of a schema for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks every primary of `group` and judges. A primary that gives no answer is a finding of its own.
pub async fn of_group(state: &ControlState, group: GroupId, account: &ProbeAccount) -> Vec<Finding> {
    let described = state.group(group);
    let mut units = Vec::new();
    let mut findings = Vec::new();
    let is_asked = |instance: &&Instance| instance.group == group && instance.role == Role::Primary;
    let asked = state.instances.iter().filter(is_asked).map(async |instance| {
        let unit = &state.unit(instance.unit).name;
        (instance, unit, facts(instance, unit, described, account).await)
    });
    for (instance, unit, outcome) in join_all(asked).await {
        match outcome {
            Ok(facts) => units.push(facts),
            Err(error) => {
                let reason = format!("{}: {}", instance.name, told(&error));
                let advice = "let it answer, then check again";
                findings.push(Finding::at(unit, Severity::Blocker, Check::Answers, "", reason, advice));
            }
        }
    }
    findings.extend(judge::judged(described, &units));
    findings.sort_by(|one, other| {
        (one.severity, &one.object, one.check, &one.reason).cmp(&(
            other.severity,
            &other.object,
            other.check,
            &other.reason,
        ))
    });
    findings
}

/// An error with its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn facts(
    instance: &Instance,
    unit: &str,
    group: &Group,
    account: &ProbeAccount,
) -> Result<UnitFacts, ProbeError> {
    let mut connection = connect(&instance.address, account).await?;
    let mut facts = settings(&mut connection).await?;
    facts.unit = unit.to_owned();
    let version: Option<String> = patient(connection.query_first("SELECT VERSION()")).await?;
    let family = match version.unwrap_or_default().contains("MariaDB") {
        true => Family::MariaDb,
        false => Family::MySql,
    };
    // Stored texts have no comments for one version alone.
    let dialect = Dialect { family, version: 101_100 };
    for schema in &group.schemas {
        tables(&mut connection, schema, &mut facts).await?;
        foreign_keys(&mut connection, schema, &mut facts).await?;
        triggers(&mut connection, schema, dialect, &mut facts).await?;
        events(&mut connection, schema, dialect, &mut facts).await?;
    }
    // Closing politely keeps the server's aborted-connections counter true; a failure to do so changes nothing.
    let _ = connection.disconnect().await;
    Ok(facts)
}

async fn settings(connection: &mut Conn) -> Result<UnitFacts, ProbeError> {
    let settings = "SELECT @@global.auto_increment_increment, @@global.auto_increment_offset, @@global.event_scheduler";
    let found: Option<(u64, u64, String)> = patient(connection.query_first(settings)).await?;
    let (increment, offset, scheduler) = found.unwrap_or_default();
    // Without these privileges the servers show no trigger and no event, and say nothing about it.
    let grants = "SELECT DISTINCT privilege_type FROM (\
                  SELECT grantee, privilege_type FROM information_schema.user_privileges UNION \
                  SELECT grantee, privilege_type FROM information_schema.schema_privileges) AS granted \
                  WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";
    let granted: Vec<String> = patient(connection.query(grants)).await?;
    let is_hidden = |privilege: &&str| !granted.iter().any(|granted| granted.eq_ignore_ascii_case(privilege));
    Ok(UnitFacts {
        increment,
        offset,
        scheduler_runs: scheduler.eq_ignore_ascii_case("on"),
        hidden: ["TRIGGER", "EVENT"].into_iter().filter(is_hidden).collect(),
        ..UnitFacts::default()
    })
}

type ColumnRow =
    (String, String, String, String, String, Option<String>, String, Option<String>, Option<String>, Option<u64>);

async fn tables(connection: &mut Conn, schema: &str, facts: &mut UnitFacts) -> Result<(), ProbeError> {
    let statement = "SELECT table_name, engine FROM information_schema.tables \
                     WHERE table_schema = ? AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    for (table, engine) in rows::<(String, Option<String>)>(connection, statement, schema).await? {
        let entry = TableFacts { engine: engine.unwrap_or_default(), ..TableFacts::default() };
        facts.tables.insert((schema.to_owned(), table.to_lowercase()), entry);
    }
    let statement = "SELECT table_name, column_name, data_type, column_type, is_nullable, column_default, extra, \
                     collation_name, generation_expression, character_maximum_length \
                     FROM information_schema.columns WHERE table_schema = ? ORDER BY table_name, ordinal_position";
    for row in rows::<ColumnRow>(connection, statement, schema).await? {
        let (table, name, data_type, column_type, nullable, default, extra, collation, generation, length) = row;
        let Some(entry) = facts.tables.get_mut(&(schema.to_owned(), table.to_lowercase())) else { continue };
        let described = ColumnDescription {
            data_type: &data_type,
            column_type: &column_type,
            length,
            collation: collation.as_deref(),
        };
        entry.columns.push(ColumnFacts {
            name: name.to_lowercase(),
            values: ColumnValues::of(described),
            is_nullable: nullable.eq_ignore_ascii_case("yes"),
            extra: extra.to_lowercase(),
            generation: generation.filter(|expression| !expression.is_empty()),
            column_type,
            default,
            collation,
        });
    }
    let statement = "SELECT table_name, index_name, non_unique, column_name, sub_part FROM information_schema.statistics \
                     WHERE table_schema = ? ORDER BY table_name, index_name, seq_in_index";
    type Part = (String, String, u64, Option<String>, Option<u64>);
    for (table, index, non_unique, column, length) in rows::<Part>(connection, statement, schema).await? {
        let Some(entry) = facts.tables.get_mut(&(schema.to_owned(), table.to_lowercase())) else { continue };
        let index = entry.indexes.entry(index).or_insert_with(IndexFacts::default);
        index.is_unique = non_unique == 0;
        index.parts.push((column.map(|column| column.to_lowercase()), length));
    }
    Ok(())
}

async fn foreign_keys(connection: &mut Conn, schema: &str, facts: &mut UnitFacts) -> Result<(), ProbeError> {
    let statement = "SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name, \
                     referenced_column_name FROM information_schema.key_column_usage \
                     WHERE table_schema = ? AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position";
    type Use = (String, String, String, String, String, String);
    for (table, name, column, to_schema, to_table, to_column) in rows::<Use>(connection, statement, schema).await? {
        let Some(entry) = facts.tables.get_mut(&(schema.to_owned(), table.to_lowercase())) else { continue };
        let known = entry.foreign_keys.entry(name).or_default();
        (known.schema, known.table) = (to_schema, to_table.to_lowercase());
        known.columns.push((column.to_lowercase(), to_column.to_lowercase()));
    }
    let statement = "SELECT table_name, constraint_name, delete_rule, update_rule \
                     FROM information_schema.referential_constraints WHERE constraint_schema = ?";
    for (table, name, on_delete, on_update) in
        rows::<(String, String, String, String)>(connection, statement, schema).await?
    {
        let entry = facts.tables.get_mut(&(schema.to_owned(), table.to_lowercase()));
        if let Some(known) = entry.and_then(|entry| entry.foreign_keys.get_mut(&name)) {
            (known.on_delete, known.on_update) = (on_delete, on_update);
        }
    }
    Ok(())
}

async fn triggers(
    connection: &mut Conn,
    schema: &str,
    dialect: Dialect,
    facts: &mut UnitFacts,
) -> Result<(), ProbeError> {
    let statement = "SELECT event_object_table, trigger_name, CONCAT(action_timing, ' ', event_manipulation), \
                     action_statement, sql_mode FROM information_schema.triggers WHERE event_object_schema = ?";
    type Trigger = (String, String, String, String, String);
    for (table, name, when, body, mode) in rows::<Trigger>(connection, statement, schema).await? {
        let Some(entry) = facts.tables.get_mut(&(schema.to_owned(), table.to_lowercase())) else { continue };
        let reached = reached(&body, mode_of(&mode), dialect);
        entry.triggers.insert(name, TriggerFacts { when, body, reached });
    }
    Ok(())
}

async fn events(
    connection: &mut Conn,
    schema: &str,
    dialect: Dialect,
    facts: &mut UnitFacts,
) -> Result<(), ProbeError> {
    let statement =
        "SELECT event_name, status, event_definition, sql_mode FROM information_schema.events WHERE event_schema = ?";
    for (name, status, body, mode) in rows::<(String, String, String, String)>(connection, statement, schema).await? {
        let reached = reached(&body, mode_of(&mode), dialect);
        let event = EventFacts { is_enabled: status.eq_ignore_ascii_case("enabled"), reached };
        facts.events.insert((schema.to_owned(), name), event);
    }
    Ok(())
}

fn mode_of(mode: &str) -> SqlMode {
    SqlMode::from_value(&format!("'{mode}'")).unwrap_or_default()
}

async fn rows<R: FromRow + Send + 'static>(
    connection: &mut Conn,
    statement: &str,
    schema: &str,
) -> Result<Vec<R>, ProbeError> {
    patient(connection.exec(statement, (schema,))).await
}

async fn patient<T>(query: impl Future<Output = Result<T, mysql_async::Error>>) -> Result<T, ProbeError> {
    match timeout(PATIENCE, query).await {
        Ok(result) => result.map_err(ProbeError::Query),
        Err(_) => Err(ProbeError::Deadline),
    }
}
