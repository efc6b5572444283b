//! SQL text -> the few facts routing needs, once per statement shape.
//!
//! Pure: no socket, clock, lock or log. Only `parse` names the parser crate. It never decides where a statement goes (that is [`crate::route`]).
//! Start at [`statement`], then `analyze.rs`.

pub mod statement;

// Text -> shape: what every statement pays for.
mod comment;
mod lexed;
mod lexer;
mod literal;
mod plan_cache;
mod reading;
mod rows;
mod scan;
mod template;

// Shape -> facts: what a miss pays for.
mod analyze;
mod body;
mod branch;
mod classify;
mod data;
mod ddl;
mod effects;
mod functions;
mod hint;
mod named_lock;
mod own_id;
mod reached;
mod session;
mod set;
mod shape;
mod token;

// The depth of data statements.
mod between;
mod bounds;
mod clauses;
mod columns;
mod keys;
mod parse;
mod resolve;
mod restriction;
mod routine;
mod structure;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod cases;

pub use analyze::{acts, analyze};
pub use between::Between;
pub use branch::{BranchId, branch_id};
pub use hint::{key as hint_key, level as hint_level};
pub use named_lock::lock_names;
pub use own_id::connection_id_columns;
pub use plan_cache::PlanCache;
pub use reached::{Reached, reached};
pub use shape::{digest, readable};
pub use statement::{
    BeginOptions, BoundKey, CharsetClass, Completion, Dialect, Disagreement, Effect, Facts, Family, FoundRows, Hint,
    KeyReading, KeySource, KeyUse, KeyValue, Keys, PinReason, Placement, Plan, ReadLevel, Shape, SqlContext, SqlMode,
    SqlRefusal, Statement, StatementClass, WriteKind, XaStep,
};
