//! Logs: one line per event on stderr, as text for people or as JSON for machines.
//!
//! Nothing else sets a subscriber, and nothing is logged per packet.

use std::io::IsTerminal;
use std::sync::OnceLock;

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

/// What exchanges the filter of this process's one logger, once that is started.
type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Exchanges the filter, unless the variable `MERIDIAN_LOG` decides. A filter that cannot be read changes nothing.
pub fn set_filter(filter: &str) {
    if std::env::var_os("MERIDIAN_LOG").is_none()
        && let Some(set) = SET_FILTER.get()
        && let Ok(filter) = EnvFilter::try_new(filter)
    {
        set(filter);
    }
}

/// Starts logging for this process.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let text = std::env::var("MERIDIAN_LOG").unwrap_or_else(|_| config.filter.clone());
    let filter = EnvFilter::try_new(&text).map_err(|source| TelemetryError::Filter { filter: text.clone(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let (set, started): (SetFilter, _) = match config.format {
        LogFormat::Text => {
            let builder = builder.with_ansi(std::io::stderr().is_terminal()).with_filter_reloading();
            let handle = builder.reload_handle();
            (Box::new(move |filter| drop(handle.reload(filter))), builder.try_init())
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (Box::new(move |filter| drop(handle.reload(filter))), builder.try_init())
        }
    };
    started.map_err(|_| TelemetryError::AlreadySet)?;
    SET_FILTER.get_or_init(|| set);
    Ok(())
}
