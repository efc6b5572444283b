//! Flags -> configuration -> command; exit codes. No other logic.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use meridian::config::{self, Config};
use meridian::demo::{self, DemoArgs};
use meridian::offline::world::OfflineError;
use meridian::offline::{self, Outcome};
use meridian::server::Server;
use meridian::{ctl, telemetry};

// The allocator the memory figures were measured with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A database access layer that speaks the MySQL wire protocol.
#[derive(Debug, Parser)]
#[command(name = "meridian", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 refused or failed, 2 wrong flags or configuration, 3 (ctl) no console answers.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration whole and print a summary; opens no port
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Ask a node's console
    Ctl(Box<ctl::Options>),
    /// Say where the statements of a file would go, and why; sends nothing
    Explain(Box<offline::ExplainOptions>),
    /// Count what a real workload would meet: a file of SQL, a slow log or a general log
    LintSql(Box<offline::LintOptions>),
    /// Turn the rules of another system into a part of a configuration
    Import(Box<offline::ImportOptions>),
    /// Run a node until SIGTERM or Ctrl-C
    Serve {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Take the listening sockets over from the node that serves with this state file, which then ends; clients notice nothing
        #[arg(long)]
        takeover: bool,
    },
    /// The world on one machine: two units with replicated databases, and Meridian in front of them
    Demo(Box<DemoArgs>),
    /// Print the version
    Version,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Check { config } => load(config).map_or_else(ExitCode::from, |config| {
            print!("{}", config::summary(&config));
            ExitCode::SUCCESS
        }),
        Command::Ctl(options) => run_ctl(&options),
        Command::Explain(options) => tell("explain", offline::explain::run(&options, &mut std::io::stdout().lock())),
        Command::LintSql(options) => tell("lint-sql", offline::lint::run(&options, &mut std::io::stdout().lock())),
        Command::Import(options) => match offline::import::run(&options) {
            Ok(toml) => {
                print!("{toml}");
                ExitCode::SUCCESS
            }
            Err(error) => failure("import", &error),
        },
        Command::Serve { config, takeover } => serve(config, takeover),
        Command::Demo(arguments) => run_demo(*arguments),
        Command::Version => {
            println!("meridian {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
    }
}

/// The configuration, or the exit code after its faults are printed.
fn load(file: PathBuf) -> Result<Config, u8> {
    config::load(&file).map_err(|errors| {
        eprintln!("{errors}");
        2
    })
}

/// The exit code of what was printed, or of why it could not be.
fn tell(command: &str, printed: Result<std::io::Result<Outcome>, OfflineError>) -> ExitCode {
    match printed {
        Ok(Ok(Outcome::Fine)) => ExitCode::SUCCESS,
        // The reader of our output may be gone (`| head`); there is nobody left to tell.
        Ok(Ok(Outcome::Refused) | Err(_)) => ExitCode::FAILURE,
        Err(error) => {
            failure(command, &error);
            ExitCode::from(2)
        }
    }
}

fn serve(file: PathBuf, takeover: bool) -> ExitCode {
    let config = match load(file) {
        Ok(config) => config,
        Err(code) => return ExitCode::from(code),
    };
    if let Err(error) = telemetry::start(&config.log) {
        return failure("log", &error);
    }
    with_runtime(async {
        let started = if takeover { Server::take_over(config).await } else { Server::start(config).await };
        match started {
            Ok(server) => match server.run_until_signal().await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failure("serve", &error),
            },
            Err(error) => failure("serve", &error),
        }
    })
}

fn run_demo(arguments: DemoArgs) -> ExitCode {
    let serve = async |file: PathBuf, stop: demo::Stop| {
        let config = config::load(&file).map_err(|errors| errors.to_string())?;
        telemetry::start(&config.log).map_err(|error| chain(&error))?;
        let server = Server::start(config).await.map_err(|error| chain(&error))?;
        server.run_until(stop).await;
        Ok::<(), String>(())
    };
    with_runtime(async {
        match demo::run(arguments, serve).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure("demo", &error),
        }
    })
}

/// The control plane's runtime: small, and apart from the workers'.
fn with_runtime(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => failure("runtime", &error),
    }
}

fn failure(command: &str, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("meridian {command}: {}", chain(error));
    ExitCode::FAILURE
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn run_ctl(options: &ctl::Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("meridian ctl: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(ctl::run(options, &mut std::io::stdout(), &mut std::io::stderr())) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        // The reader of our output is gone (`| head`); there is nobody left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}
