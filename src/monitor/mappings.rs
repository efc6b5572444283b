//! Reads the tables that map keys to keys of another kind: this unit's copy first, and what it does not have yet at the Global Zone master.
//!
//! An entry that is there holds for ever, on whatever copy it is found; that there is none is believed only of the master.

use std::collections::HashMap;
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Value};
use tokio::sync::mpsc;

use super::probe::{ProbeAccount, ProbeError, connect, in_time};
use crate::control::Snapshots;
use crate::control::mapping_requests::MappingRequest;
use crate::model::{Catalog, ControlState, Group, InstanceId, Lookup, Transform, UnitId};
use crate::route::{Asked, LookedUp};
use crate::shutdown::Shutdown;
use crate::sql::KeyValue;

/// Looks keys up on request, until shutdown.
pub async fn watch_mappings(
    snapshots: Arc<Snapshots>,
    account: ProbeAccount,
    mut requests: mpsc::Receiver<MappingRequest>,
    mut shutdown: Shutdown,
) {
    let mut reader = Reader { account, connections: HashMap::new() };
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some(MappingRequest { unit, asked, done }) = request else { return };
                let snapshot = snapshots.load();
                // The session may have gone away in the meantime.
                let _ = done.send(reader.look_up(&snapshot.state, &snapshot.catalog, unit, asked).await);
            }
            () = shutdown.told() => return,
        }
    }
}

struct Reader {
    account: ProbeAccount,
    connections: HashMap<InstanceId, Conn>,
}

impl Reader {
    /// What is found for `asked`; of keys whose servers do not answer, nothing.
    async fn look_up(
        &mut self,
        state: &ControlState,
        catalog: &Catalog,
        unit: UnitId,
        asked: Vec<Asked>,
    ) -> Vec<LookedUp> {
        let mut found = Vec::new();
        for asked in asked {
            let group = state.group(asked.group);
            let Some(Transform::Lookup(lookup)) = group.key_types.get(asked.key_type).map(|known| &known.transform)
            else {
                continue;
            };
            let Some(query) = Query::of(group, lookup, catalog, &asked.key) else { continue };
            let at = |unit| state.primary_of(unit, asked.group);
            let (near, master) = (at(state.serving(unit, asked.group)), at(group.global_master));
            let value = match self.ask(state, near, &query).await {
                Some(Some(value)) => Some(Some(value)),
                of_the_master if near == master => of_the_master,
                _ => self.ask(state, master, &query).await,
            };
            if let Some(value) = value {
                found.push(LookedUp { asked, value, epoch: group.global_epoch });
            }
        }
        found
    }

    /// What one instance says; `None` when it says nothing.
    async fn ask(
        &mut self,
        state: &ControlState,
        instance: Option<InstanceId>,
        query: &Query,
    ) -> Option<Option<KeyValue>> {
        let instance = instance?;
        // A connection that was kept may be dead: once more on a fresh one.
        for _ in 0..2 {
            let (mut connection, is_kept) = match self.connections.remove(&instance) {
                Some(kept) => (kept, true),
                None => match connect(&state.instance(instance).address, &self.account).await {
                    Ok(fresh) => (fresh, false),
                    Err(error) => {
                        warn(state, instance, &error);
                        return None;
                    }
                },
            };
            match query.run(&mut connection).await {
                Ok(value) => {
                    self.connections.insert(instance, connection);
                    return Some(value);
                }
                Err(error) if !is_kept => {
                    warn(state, instance, &error);
                    return None;
                }
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "a kept connection is renewed"),
            }
        }
        None
    }
}

fn warn(state: &ControlState, instance: InstanceId, error: &ProbeError) {
    let instance = &state.instance(instance).name;
    tracing::warn!(instance, error = error as &dyn std::error::Error, "a key could not be looked up");
}

/// A question to the table of one kind of key.
struct Query {
    sql: String,
    key: Value,
}

impl Query {
    /// `None` when the table is not in the catalog, or the key is no value.
    fn of(group: &Group, lookup: &Lookup, catalog: &Catalog, key: &KeyValue) -> Option<Query> {
        let schema = group.schemas.iter().find(|schema| catalog.table(schema, &lookup.table).is_some())?;
        let columns = &catalog.table(schema, &lookup.table)?.columns;
        let column = columns.iter().find(|column| column.name == lookup.column.to_lowercase())?;
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let sql = format!(
            "SELECT DISTINCT {} FROM {}.{} WHERE {} = ? LIMIT 2",
            quoted(&lookup.value),
            quoted(schema),
            quoted(&lookup.table),
            quoted(&lookup.column)
        );
        // A number compared with a text would match all texts that look like it.
        let key = match key {
            KeyValue::Integer(number) => match i64::try_from(*number) {
                Ok(number) if column.numeric => Value::Int(number),
                _ => Value::Bytes(number.to_string().into_bytes()),
            },
            KeyValue::Text(text) => Value::Bytes(text.to_vec()),
            KeyValue::Null | KeyValue::Unreadable => return None,
        };
        Some(Query { sql, key })
    }

    /// The one value of the key's entries; `None` for none, several, or NULL.
    async fn run(&self, connection: &mut Conn) -> Result<Option<KeyValue>, ProbeError> {
        let parameters = Params::Positional(vec![self.key.clone()]);
        let values: Vec<Value> = in_time(connection.exec(self.sql.as_str(), parameters)).await?;
        Ok(match values.as_slice() {
            [Value::Int(number)] => Some(KeyValue::Integer((*number).into())),
            [Value::UInt(number)] => Some(KeyValue::Integer((*number).into())),
            [Value::Bytes(text)] => Some(KeyValue::Text(text.as_slice().into())),
            _ => None,
        })
    }
}
