//! The flags of `meridian explain` and `meridian lint-sql`, and how they end.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Says where the statements of a file would go, and why; sends nothing.
#[derive(Clone, Debug, Args)]
pub struct ExplainOptions {
    /// The configuration whose rules decide
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// CREATE TABLE statements, such as mysqldump --no-data writes; without it columns' types are unknown
    #[arg(long, value_name = "FILE")]
    pub schema_file: Option<PathBuf>,
    /// The session's schema until a USE in the file; default: the first of the first group
    #[arg(long)]
    pub schema: Option<String>,
    /// The unit whose client sends them; default: the first
    #[arg(long)]
    pub unit: Option<String>,
    /// The user, for its grants, unit and level
    #[arg(long = "as-user", value_name = "USER")]
    pub as_user: Option<String>,
    /// Values of the statements' parameters, as "6000, 'x', NULL"
    #[arg(long, value_name = "VALUES", allow_hyphen_values = true)]
    pub params: Option<String>,
    /// The statements; standard input when it is left out
    pub file: Option<PathBuf>,
}

/// Counts where the statements of a real workload would go: a file of SQL, a slow log or a general log.
#[derive(Clone, Debug, Args)]
pub struct LintOptions {
    /// What the statements are asked about in.
    #[command(flatten)]
    pub explain: ExplainOptions,
    /// What the file is; by default it is told by its lines
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// How many examples of each kind are shown
    #[arg(long, default_value_t = 3)]
    pub examples: usize,
    /// Fail when more statements than this are refused
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub max_refused: u64,
}

/// What a file of statements is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Statements apart by semicolons
    Sql,
    /// A server's slow query log
    SlowLog,
    /// A server's general query log
    GeneralLog,
}

/// How a call ended; the exit code for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to object to.
    Fine,
    /// More statements would be refused than may be.
    Refused,
}
