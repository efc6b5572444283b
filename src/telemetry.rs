//! Logs: one line per event on stderr, as text for people or as JSON for machines.
//!
//! Nothing else sets a subscriber, and nothing is logged per packet.

use std::io::IsTerminal;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What the operators set about logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which events: a level, or directives such as `info,meridian::route=debug`. The variable `MERIDIAN_LOG` goes before it.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Config { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// Why logs cannot be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The directives cannot be read.
    #[error("the log filter \"{filter}\" cannot be read")]
    Filter {
        /// The filter.
        filter: String,
        /// Why.
        source: ParseError,
    },
    /// Another subscriber is there already.
    #[error("logs are set up already")]
    AlreadySet,
}

/// Whether `filter` is a level or a list of directives. Errors: why not.
pub fn check_filter(filter: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(filter).map(|_| ())
}

/// Starts logging for this process.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let text = std::env::var("MERIDIAN_LOG").unwrap_or_else(|_| config.filter.clone());
    let filter = EnvFilter::try_new(&text).map_err(|source| TelemetryError::Filter { filter: text.clone(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| TelemetryError::AlreadySet)
}
