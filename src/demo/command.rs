//! `meridian demo`, `meridian demo tour`, `meridian demo down`: flags, and the order in which things start and end.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use mysql_async::{Conn, OptsBuilder};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::directory::{Claim, default_directory};
use super::down::{Down, down, tidy};
use super::etcd::Etcd;
use super::instance::STOP_PATIENCE;
use super::layout::{Accounts, Layout, UnitLayout};
use super::meridian_config::{self, CONSOLE_PASSWORD, CONSOLE_USER};
use super::nodes::Nodes;
use super::state_file::{Files, State};
use super::template::Servers;
use super::world::World;
use super::{DemoError, guide, ports, process, tour};

/// How long Meridian may take until it lets clients in.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// How long Meridian may take to end its sessions.
const SERVE_PATIENCE: Duration = Duration::from_secs(15);

/// Ends when Meridian shall end.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The arguments of `meridian demo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    start: StartArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run statements through the running demo and prove where each was executed
    Tour(PlaceArgs),
    /// End the demo and remove what it made
    Down(PlaceArgs),
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// The demo's directory
    #[arg(long, default_value_os_t = default_directory())]
    directory: PathBuf,
}

#[derive(Debug, Args)]
struct StartArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Where applications of unit hz connect
    #[arg(long, default_value_t = 4406)]
    hz_port: u16,
    /// Where applications of unit bj connect
    #[arg(long, default_value_t = 4407)]
    bj_port: u16,
    /// The console of unit hz
    #[arg(long, default_value_t = 4416)]
    hz_console_port: u16,
    /// The console of unit bj
    #[arg(long, default_value_t = 4417)]
    bj_console_port: u16,
    /// The applications' user
    #[arg(long, default_value = "app")]
    user: String,
    /// Its password
    #[arg(long, default_value = "apppw")]
    password: String,
    /// The schema
    #[arg(long, default_value = "shop")]
    schema: String,
    /// Oracle MySQL in place of MariaDB: the `mysqld` on the path, or the one `scripts/mysql9` gets
    #[arg(long)]
    mysql: bool,
    /// Oracle MySQL in place of MariaDB: this server program
    #[arg(long, value_name = "PATH")]
    mysqld: Option<PathBuf>,
    /// Two nodes in each unit, as processes that share an etcd of three members, in place of one process
    #[arg(long)]
    etcd: bool,
    /// Leave the files (logs, data) when the demo ends
    #[arg(long)]
    keep: bool,
}

/// Carries out `arguments`. `serve` runs Meridian with the configuration file it is given until its second argument ends. Errors: what went
/// wrong; nothing is left running.
pub async fn run<F, E>(arguments: DemoArgs, serve: F) -> Result<(), DemoError>
where
    F: AsyncFnOnce(PathBuf, Stop) -> Result<(), E>,
    E: Display,
{
    match arguments.action {
        None => start(arguments.start, serve).await,
        Some(Action::Tour(place)) => tour::run(&place.directory).await,
        Some(Action::Down(place)) => {
            let told = match down(&place.directory).await? {
                Down::Nothing => "no demo is running here",
                Down::Ended => "the demo has ended",
                Down::Tidied => "a demo had ended without tidying up; its remains are gone",
            };
            println!("{told}");
            Ok(())
        }
    }
}

async fn start<F, E>(arguments: StartArgs, serve: F) -> Result<(), DemoError>
where
    F: AsyncFnOnce(PathBuf, Stop) -> Result<(), E>,
    E: Display,
{
    let layout = layout_of(&arguments);
    layout.check()?;
    if arguments.etcd && Etcd::program().is_none() {
        return Err(DemoError::MissingProgram { program: "etcd", package: "etcd-server" });
    }
    let mut interrupts = Interrupts::listen()?;
    let claim = Claim::take(&arguments.place.directory)?;
    // What a crashed demo left here would also hold its ports.
    process::end_servers_below(claim.directory(), STOP_PATIENCE).await?;
    claim.clear()?;
    let files = if arguments.keep { Files::Keep } else { Files::Remove };
    let shown = match ports_are_free(&layout) {
        Ok(()) if arguments.etcd => {
            show_shared(&layout, State::new(&layout, files), claim.directory(), &mut interrupts).await
        }
        Ok(()) => show(&layout, State::new(&layout, files), claim.directory(), &mut interrupts, serve).await,
        Err(taken) => Err(taken),
    };
    let tidied = tidy(claim, files).await;
    shown.and(tidied)?;
    println!("The demo has ended; nothing is left running.");
    Ok(())
}

/// The world from its first server to its last. Errors: what went wrong; servers may still have to be ended.
async fn show<F, E>(
    layout: &Layout,
    mut state: State,
    directory: &Path,
    interrupts: &mut Interrupts,
    serve: F,
) -> Result<(), DemoError>
where
    F: AsyncFnOnce(PathBuf, Stop) -> Result<(), E>,
    E: Display,
{
    let began = Instant::now();
    let progress = |step: &str| println!("[{:5.1} s] {step}", began.elapsed().as_secs_f32());
    state.write(directory)?;
    let world = tokio::select! {
        started = World::start(layout, directory, &mut state, progress) => started?,
        () = interrupts.next() => return Ok(()),
    };
    progress("starting Meridian");
    let config = meridian_config::write(layout, &state, world.version(), directory)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped: Stop = Box::pin(async move {
        // The sender being dropped means the same.
        let _ = stopped.await;
    });
    let mut serving = Box::pin(serve(config, stopped));
    let ready = async {
        wait_until_ready(layout).await?;
        println!("{}", guide::text(layout, &state, directory));
        std::future::pending::<Result<(), DemoError>>().await
    };
    let ended = tokio::select! {
        ended = &mut serving => Some(ended.map_err(|error| DemoError::Serve(error.to_string()))),
        late = ready => Some(late),
        () = interrupts.next() => None,
    };
    println!("\nending the demo");
    drop(stop);
    let ended = match ended {
        Some(ended) => ended,
        None => match tokio::time::timeout(SERVE_PATIENCE, serving).await {
            Ok(ended) => ended.map_err(|error| DemoError::Serve(error.to_string())),
            Err(_) => Ok(()),
        },
    };
    ended.and(world.stop().await)
}

/// As [`show`], with several nodes on a shared store, as processes of their own.
async fn show_shared(
    layout: &Layout,
    mut state: State,
    directory: &Path,
    interrupts: &mut Interrupts,
) -> Result<(), DemoError> {
    let began = Instant::now();
    let progress = |step: &str| println!("[{:5.1} s] {step}", began.elapsed().as_secs_f32());
    state.write(directory)?;
    let start = async {
        let world = World::start(layout, directory, &mut state, progress).await?;
        let program = std::env::current_exe().map_err(DemoError::file("find", Path::new("this program")))?;
        let nodes = Nodes::start(&program, layout, &mut state, world.version(), directory, progress).await?;
        Ok::<_, DemoError>((world, nodes))
    };
    let (world, mut nodes) = tokio::select! {
        started = start => started?,
        () = interrupts.next() => return Ok(()),
    };
    println!("{}", guide::text(layout, &state, directory));
    let ended = tokio::select! {
        failed = nodes.watch_over() => failed,
        () = interrupts.next() => Ok(()),
    };
    println!("\nending the demo");
    let ended = ended.and(nodes.stop().await);
    ended.and(world.stop().await)
}

/// Waits until every listener and console lets its user in. Errors: not in time.
async fn wait_until_ready(layout: &Layout) -> Result<(), DemoError> {
    let deadline = tokio::time::Instant::now() + READY_DEADLINE;
    let accounts = &layout.accounts;
    for unit in &layout.units {
        let application = (unit.mysql_port, accounts.app_user.as_str(), accounts.app_password.as_str());
        for (port, user, password) in [application, (unit.console_port, CONSOLE_USER, CONSOLE_PASSWORD)] {
            while let Err(error) = log_in(port, user, password, None).await {
                if tokio::time::Instant::now() > deadline {
                    let server = format!("port {port} of unit {}", unit.name);
                    return Err(DemoError::sql("waiting until Meridian lets a user in", &server)(error));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    Ok(())
}

/// A connection to Meridian on this machine. Errors: the driver's.
pub async fn log_in(port: u16, user: &str, password: &str, schema: Option<&str>) -> Result<Conn, mysql_async::Error> {
    let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).prefer_socket(Some(false));
    Conn::new(options.user(Some(user)).pass(Some(password)).db_name(schema)).await
}

fn layout_of(arguments: &StartArgs) -> Layout {
    let unit = |name, number, mysql_port, console_port| UnitLayout { name, number, mysql_port, console_port };
    Layout {
        units: vec![
            unit("hz", 1, arguments.hz_port, arguments.hz_console_port),
            unit("bj", 2, arguments.bj_port, arguments.bj_console_port),
        ],
        accounts: Accounts {
            app_user: arguments.user.clone(),
            app_password: arguments.password.clone(),
            schema: arguments.schema.clone(),
        },
        servers: match &arguments.mysqld {
            Some(server) => Servers::Mysql(Some(server.clone())),
            None if arguments.mysql => Servers::Mysql(None),
            None => Servers::MariaDb,
        },
        nodes: Default::default(),
    }
}

fn ports_are_free(layout: &Layout) -> Result<(), DemoError> {
    let flags = [("--hz-port", "--hz-console-port"), ("--bj-port", "--bj-console-port")];
    for (unit, (mysql_flag, console_flag)) in layout.units.iter().zip(flags) {
        let wanted = [(unit.mysql_port, "applications", mysql_flag), (unit.console_port, "console", console_flag)];
        for (port, what, flag) in wanted {
            if !ports::is_free(port) {
                return Err(DemoError::PortTaken { port, purpose: format!("{what} of unit {}", unit.name), flag });
            }
        }
    }
    Ok(())
}

/// The signals that end the demo.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    fn listen() -> Result<Interrupts, DemoError> {
        let listen = |kind| signal(kind).map_err(DemoError::file("listen for signals of", Path::new("this process")));
        Ok(Interrupts {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
