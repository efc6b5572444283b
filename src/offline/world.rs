//! A configuration and a schema file as one snapshot, and the session whose statements are asked about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::options::{ExplainOptions, Format};
use super::{schema_file, statements};
use crate::admin::grammar::{self, Command, GrammarError};
use crate::config::{self, ConfigErrors};
use crate::frontend::User;
use crate::model::{Catalog, CatalogTable, GroupId, Snapshot, TableKind, UnitId};
use crate::route::{Decision, Explanation, Grants, SessionView, TransactionView, explanation};
use crate::sql::{CharsetClass, Dialect, Effect, Family, Hint, KeyValue, PlanCache, SqlContext, SqlMode, Statement};

/// Why statements cannot be looked at.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// A file that cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The configuration has faults.
    #[error("{0}")]
    Config(ConfigErrors),
    /// No such unit.
    #[error("there is no unit '{0}' in the configuration")]
    UnknownUnit(String),
    /// No such user.
    #[error("there is no user '{0}' in the users' file")]
    UnknownUser(String),
    /// An EXPLAIN ROUTE, or values of parameters, that cannot be read.
    #[error("EXPLAIN ROUTE: {0}")]
    Words(#[from] GrammarError),
    /// Nothing in the schema file makes a table.
    #[error("{0} creates no table")]
    NoTables(PathBuf),
}

/// What statements are asked about in.
pub struct World {
    snapshot: Snapshot,
    dialect: Dialect,
    unit: UnitId,
    user: Option<User>,
    users: Vec<User>,
    schema: Option<String>,
    parameters: Option<Vec<KeyValue>>,
    plans: PlanCache,
    hint: Hint,
    /// Whether the tables' columns are known.
    pub has_schema_file: bool,
}

impl World {
    /// The world of `options`. Errors: a file that cannot be read, or what it names does not exist.
    pub fn open(options: &ExplainOptions) -> Result<World, OfflineError> {
        let config = config::load(&options.config).map_err(OfflineError::Config)?;
        let state = Arc::new(config.state);
        let mut catalog = Catalog { version: 1, ..Catalog::default() };
        for schema in state.groups.iter().flat_map(|group| &group.schemas) {
            catalog.schemas.insert(schema.clone(), Default::default());
        }
        let first_schema = state.groups.first().and_then(|group| group.schemas.first()).cloned();
        let schema = options.schema.clone().or(first_schema);
        if let Some(path) = &options.schema_file {
            let text = read_file(path)?;
            if schema_file::read(&text, schema.as_deref().unwrap_or_default(), &mut catalog) == 0 {
                return Err(OfflineError::NoTables(path.clone()));
            }
        }
        let user = match &options.as_user {
            None => None,
            Some(name) => {
                let found = config.users.0.iter().find(|user| user.name == *name).cloned();
                Some(found.ok_or_else(|| OfflineError::UnknownUser(name.clone()))?)
            }
        };
        let named = options.unit.as_ref().or(user.as_ref().and_then(|user| user.unit.as_ref()));
        let unit = match named {
            None => UnitId(0),
            Some(name) => state.unit_named(name).ok_or_else(|| OfflineError::UnknownUnit(name.clone()))?,
        };
        let fallback = Dialect { family: Family::MariaDb, version: 101_100 };
        Ok(World {
            snapshot: Snapshot { state, observations: Arc::default(), catalog: Arc::new(catalog) },
            dialect: config.listeners.first().map_or(fallback, |listener| listener.dialect),
            unit,
            user,
            users: config.users.0,
            schema,
            parameters: options.params.as_deref().map(parameters).transpose()?,
            plans: PlanCache::new(64 << 20),
            hint: Hint::default(),
            has_schema_file: options.schema_file.is_some(),
        })
    }

    /// The statements of the file, or of standard input, and what it was taken for. Errors: it cannot be read.
    pub fn statements(options: &ExplainOptions, format: Option<Format>) -> Result<(Vec<String>, Format), OfflineError> {
        let text = match &options.file {
            Some(path) => read_file(path)?,
            None => std::io::read_to_string(std::io::stdin())
                .map_err(|cause| OfflineError::File { path: "standard input".into(), cause })?,
        };
        let format = format.unwrap_or_else(|| statements::format_of(&text));
        Ok((statements::read(&text, format), format))
    }

    /// The unit whose client sends the statements.
    pub fn unit(&self) -> UnitId {
        self.unit
    }

    /// The name of a unit.
    pub fn unit_name(&self, unit: UnitId) -> &str {
        &self.snapshot.state.unit(unit).name
    }

    /// Whose grammar the statements are in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// As [`World::explained`], or as `EXPLAIN ROUTE …` asks in the console's own words. Errors: words that are not understood; no such unit or user.
    pub fn asked(&mut self, sql: &str) -> Result<(Statement, Decision, Explanation), OfflineError> {
        if !sql.split_whitespace().map(str::to_ascii_uppercase).take(2).eq(["EXPLAIN", "ROUTE"]) {
            return Ok(self.explained(sql));
        }
        let Command::ExplainRoute { unit, schema, user, parameters, sql } = grammar::parse(sql)? else {
            return Ok(self.explained(sql));
        };
        let user = match user {
            None => self.user.clone(),
            Some(name) => match self.users.iter().find(|user| user.name == name) {
                Some(user) => Some(user.clone()),
                None => return Err(OfflineError::UnknownUser(name)),
            },
        };
        let named = unit.as_ref().or(user.as_ref().and_then(|user| user.unit.as_ref()));
        let unit = match named {
            None => self.unit,
            Some(name) => {
                self.snapshot.state.unit_named(name).ok_or_else(|| OfflineError::UnknownUnit(name.clone()))?
            }
        };
        let schema = schema.or_else(|| self.schema.clone());
        let parameters = parameters.or_else(|| self.parameters.clone());
        let own = (
            std::mem::replace(&mut self.unit, unit),
            std::mem::replace(&mut self.user, user),
            std::mem::replace(&mut self.schema, schema),
            std::mem::replace(&mut self.parameters, parameters),
        );
        let explained = self.explained(&sql);
        (self.unit, self.user, self.schema, self.parameters) = own;
        Ok(explained)
    }

    /// What would be done with `sql`, outside transactions; a USE changes where the next statement stands.
    pub fn explained(&mut self, sql: &str) -> (Statement, Decision, Explanation) {
        self.note_created(sql);
        let context = SqlContext {
            schema: self.schema.as_deref(),
            mode: SqlMode::default(),
            charset: CharsetClass::Utf8,
            dialect: self.dialect,
            state: &self.snapshot.state,
            catalog: &self.snapshot.catalog,
        };
        let statement = self.plans.analyze(sql.as_bytes(), &context);
        let statement = match &self.parameters {
            Some(values) if statement.plan.parameters > 0 => statement.bind(values),
            Some(_) | None => statement,
        };
        let user = self.user.as_ref();
        let session = SessionView {
            unit: self.unit,
            schema_group: self.schema_group(),
            attributes: None,
            hint: &self.hint,
            transaction: TransactionView::None,
            looked_up: &[],
            branch_at: None,
            written: &[],
            observed_at: None,
            schema_changed_at: None,
            pin: None,
            user: user.map_or("", |user| &user.name),
            grants: user.map_or_else(Grants::default, |user| user.grants),
            level: user.map(|user| user.level).unwrap_or_default(),
            statement_bytes: sql.len(),
        };
        let (decision, told) = explanation(&self.snapshot, &session, &statement);
        let entered =
            statement.plan.statements.iter().flat_map(|facts| &facts.effects).find_map(|effect| match effect {
                Effect::Schema(schema) => Some(schema.clone()),
                _ => None,
            });
        self.schema = entered.or(self.schema.take());
        (statement, decision, told)
    }

    fn schema_group(&self) -> Option<GroupId> {
        self.schema.as_deref().and_then(|schema| self.snapshot.state.group_of_schema(schema))
    }

    /// A table that the file creates is there for the statements behind it.
    fn note_created(&mut self, sql: &str) {
        let is_create = sql.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("create"));
        let mut catalog = Catalog::default();
        if !is_create || schema_file::read(sql, self.schema.as_deref().unwrap_or_default(), &mut catalog) == 0 {
            return;
        }
        let known = Arc::make_mut(&mut self.snapshot.catalog);
        known.version += 1;
        for (schema, tables) in catalog.schemas {
            known.schemas.entry(schema).or_default().extend(tables);
        }
    }

    /// Takes a table nobody created for one that is there: without a schema file it cannot be told otherwise.
    pub fn take_for_granted(&mut self, table: &str) {
        let Some(schema) = self.schema.clone() else { return };
        let known = Arc::make_mut(&mut self.snapshot.catalog);
        known.version += 1;
        let entry = CatalogTable { kind: TableKind::Base, columns: Vec::new() };
        known.schemas.entry(schema).or_default().insert(table.to_lowercase(), entry);
    }
}

/// Values as `WITH PARAMS` has them. Errors: what is none.
fn parameters(values: &str) -> Result<Vec<KeyValue>, OfflineError> {
    match grammar::parse(&format!("EXPLAIN ROUTE WITH PARAMS ({values}) SELECT 1"))? {
        Command::ExplainRoute { parameters, .. } => Ok(parameters.unwrap_or_default()),
        _ => Ok(Vec::new()),
    }
}

fn read_file(path: &Path) -> Result<String, OfflineError> {
    let bytes = std::fs::read(path).map_err(|cause| OfflineError::File { path: path.to_owned(), cause })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
