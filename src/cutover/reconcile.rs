//! What differs between an instance in quarantine and the one that stands in for it, row by row; and whether it may take part again.

use std::collections::BTreeMap;

use super::checks;
use super::run::Mover;
use super::server::{Server, ServerError, quoted_name};
use crate::control::{Author, ChangeError, Command};
use crate::model::{ControlState, Group, GroupId, Quarantine, TableClass, UnitId};

/// Rows are first compared in this many heaps, so that only those of heaps that differ are fetched.
const HEAPS: u32 = 1024;

/// The most differing rows of one table that are told.
const MOST: usize = 1000;

/// How often what is in quarantine is opened to have the rows of its fence closed.
const ATTEMPTS: usize = 5;

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its table, with the schema.
    pub table: String,
    /// Its primary key, column by column; empty where the whole table is meant.
    pub key: String,
    /// What is so.
    pub what: String,
}

/// Why an instance was not looked at, or may not take part again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// It was not left behind.
    #[error("nothing of unit '{0}' in this group is in quarantine")]
    NotQuarantined(String),
    /// It is not as it has to be.
    #[error("it may not take part yet: {0}")]
    NotRight(String),
    /// A server does not answer, or refuses.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The control state refused it.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Mover {
    /// The rows of managed tables that differ between what is in quarantine and its stand-in. It locks nothing: rows that are being written
    /// may be told although they only come later.
    pub async fn reconcile(&self, group: GroupId, unit: UnitId) -> Result<Vec<Difference>, ReconcileError> {
        let state = self.state();
        let (mut source, mut stand_in, _) = self.both(&state, group, unit).await?;
        let mut found = Vec::new();
        for (schema, table) in managed(&mut stand_in, state.group(group)).await? {
            found.extend(compare(&mut source, &mut stand_in, &schema, &table).await?);
        }
        Ok(found)
    }

    /// Lets what is in quarantine take part again, when nothing differs any more: each of the two has all the other has, and they follow each
    /// other. It is opened for writes.
    pub async fn rejoin(&self, group: GroupId, unit: UnitId, author: &Author) -> Result<(), ReconcileError> {
        let state = self.state();
        let (mut source, mut stand_in, quarantine) = self.both(&state, group, unit).await?;
        let (here, there) = (source.position().await?, stand_in.position().await?);
        if !source.wait_for(&there, self.deadlines.catch_up).await? {
            return Err(ReconcileError::NotRight(format!("it lacks writes of its stand-in, which is at {there}")));
        }
        if !stand_in.wait_for(&here, self.deadlines.catch_up).await? {
            let what = format!("it has writes that its stand-in lacks; it is at {here}, the stand-in at {there}");
            return Err(ReconcileError::NotRight(what));
        }
        let account = &self.tools.account;
        let asked = (self.tools.applications.as_slice(), self.tools.strict_checks.as_slice());
        let (findings, without) = checks::of_group(&state, group, &[], quarantine.stand_in, account, asked).await;
        let faults: Vec<String> = findings
            .into_iter()
            .filter_map(|finding| Some(format!("{} ({}): {}", finding.instance, finding.check, finding.fault?)))
            .collect();
        if !faults.is_empty() {
            return Err(ReconcileError::NotRight(faults.join("; ")));
        }
        // A move may go on without a replica; what comes back comes back whole.
        if let Some(replica) = without.first() {
            let name = &state.instance(*replica).name;
            return Err(ReconcileError::NotRight(format!("replica {name} does not follow")));
        }
        // Whoever still believes in what was before must find them closed when it takes writes again.
        let mut closed = Ok(());
        for _ in 0..ATTEMPTS {
            // Whoever keeps the quarantine may make it read-only for everybody again in between.
            source.open_for_administrators().await?;
            closed = self.tools.rows.close_left_behind(&state, (group, unit), quarantine.since).await;
            if closed.is_ok() {
                break;
            }
        }
        closed?;
        self.tools.controller.change(&Command::Rejoin { group, unit }, author, None).await?;
        source.open_for_writes().await?;
        Ok(())
    }

    async fn both(
        &self,
        state: &ControlState,
        group: GroupId,
        unit: UnitId,
    ) -> Result<(Server, Server, Quarantine), ReconcileError> {
        let quarantine = state.quarantine_of(unit, group).cloned();
        let named = || ReconcileError::NotQuarantined(state.unit(unit).name.clone());
        let quarantine = quarantine.ok_or_else(named)?;
        let primaries = state.primary_of(unit, group).zip(state.primary_of(quarantine.stand_in, group));
        let (source, stand_in) = primaries.ok_or_else(named)?;
        let account = &self.tools.administrator;
        let source = Server::connect(state.instance(source), account).await?;
        let stand_in = Server::connect(state.instance(stand_in), account).await?;
        Ok((source, stand_in, quarantine))
    }
}

/// The tables of the group that are sharded or global.
async fn managed(server: &mut Server, group: &Group) -> Result<Vec<(String, String)>, ServerError> {
    let mut found = Vec::new();
    for schema in &group.schemas {
        let query = format!(
            "SELECT table_name, '' FROM information_schema.tables WHERE table_schema = {} AND table_type = 'BASE TABLE' \
             ORDER BY table_name",
            server.quoted(schema)
        );
        for (table, _) in server.pairs(&query).await? {
            let rule = group.rule_of(&table.to_lowercase());
            if rule.is_some_and(|rule| rule.class != TableClass::Local) {
                found.push((schema.clone(), table));
            }
        }
    }
    Ok(found)
}

async fn compare(
    source: &mut Server,
    stand_in: &mut Server,
    schema: &str,
    table: &str,
) -> Result<Vec<Difference>, ServerError> {
    let name = format!("{schema}.{table}");
    let told = |key: &str, what: &str| Difference { table: name.clone(), key: key.to_owned(), what: what.to_owned() };
    let Some(rows) = RowWords::of(stand_in, schema, table).await? else {
        return Ok(vec![told("", "it has no primary key, so that its rows cannot be told apart")]);
    };
    if RowWords::of(source, schema, table).await?.as_ref() != Some(&rows) {
        return Ok(vec![told("", "it has other columns, or is not there")]);
    }
    let (here, there) = (source.pairs(&rows.heaps()).await?, stand_in.pairs(&rows.heaps()).await?);
    let (here, there): (BTreeMap<_, _>, BTreeMap<_, _>) = (here.into_iter().collect(), there.into_iter().collect());
    let mut found = Vec::new();
    let heaps = here.keys().chain(there.keys().filter(|heap| !here.contains_key(*heap)));
    for heap in heaps.filter(|heap| here.get(*heap) != there.get(*heap)) {
        let one = rows.heap(heap);
        let (mine, theirs) = (source.pairs(&one).await?, stand_in.pairs(&one).await?);
        let (mine, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (mine.into_iter().collect(), theirs.into_iter().collect());
        for (key, row) in &mine {
            match theirs.get(key) {
                None => found.push(told(key, "only in quarantine: lost, or deleted by the stand-in since")),
                Some(other) if other != row => found.push(told(key, "differs")),
                Some(_) => {}
            }
        }
        let missing = theirs.keys().filter(|key| !mine.contains_key(*key));
        found.extend(missing.map(|key| told(key, "only at the stand-in")));
        if found.len() >= MOST {
            found.truncate(MOST);
            found.push(told("", "and more"));
            return Ok(found);
        }
    }
    Ok(found)
}

/// How a table's rows are put into words, so that two servers can be compared.
#[derive(PartialEq, Eq)]
struct RowWords {
    from: String,
    key: String,
    row: String,
}

impl RowWords {
    /// `None` for a table without a primary key.
    async fn of(server: &mut Server, schema: &str, table: &str) -> Result<Option<RowWords>, ServerError> {
        let columns = |what: &str, server: &Server| {
            format!(
                "SELECT column_name, column_key FROM information_schema.columns WHERE table_schema = {} AND table_name = {} \
                 AND {what} ORDER BY column_name",
                server.quoted(schema),
                server.quoted(table)
            )
        };
        let all = columns("COALESCE(generation_expression, '') = ''", server);
        let all = server.pairs(&all).await?;
        let key = columns("column_key = 'PRI'", server);
        let key = server.pairs(&key).await?;
        if key.is_empty() {
            return Ok(None);
        }
        let words = |columns: &[(String, String)]| {
            let parts = columns.iter().map(|(column, _)| format!("QUOTE({})", quoted_name(column)));
            format!("CONCAT_WS(',', {})", parts.collect::<Vec<_>>().join(", "))
        };
        let from = format!("{}.{}", quoted_name(schema), quoted_name(table));
        Ok(Some(RowWords { from, key: words(&key), row: words(&all) }))
    }

    fn heaps(&self) -> String {
        let RowWords { from, key, row } = self;
        format!(
            "SELECT CONCAT(CRC32({key}) % {HEAPS}), CONCAT(COUNT(*), ' ', BIT_XOR(CRC32({row}))) FROM {from} GROUP BY 1"
        )
    }

    fn heap(&self, heap: &str) -> String {
        let RowWords { from, key, row } = self;
        format!("SELECT {key}, SHA2({row}, 256) FROM {from} WHERE CRC32({key}) % {HEAPS} = {heap}")
    }
}
