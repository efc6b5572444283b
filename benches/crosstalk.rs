//! Ten thousand clients over a few connections, for as long as one likes; called by `scripts/load`.
//!
//! It starts a database and the program itself, runs the clients of `tests/crosstalk`, and ends with an error if any of them read anything
//! that was not its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;
use meridian::demo::instance::{Instance, InstanceSettings};
use meridian::demo::ports;
use meridian::demo::schema::{MONITOR_PASSWORD, MONITOR_USER};
use meridian::demo::template::Template;
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[path = "../tests/crosstalk/mod.rs"]
mod crosstalk;

/// Many clients over few connections; called by scripts/load.
#[derive(Debug, Parser)]
#[command(name = "crosstalk")]
struct Options {
    /// How many clients
    #[arg(long, default_value_t = 10_000)]
    clients: u32,
    /// For how long, once all have logged in
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Meridian's connections to the database
    #[arg(long, default_value_t = 64)]
    backends: u32,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

const SCHEMA: &str = "crosstalk";

/// Ends the program when the run ends, however it does.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> ExitCode {
    let directory = tempfile::Builder::new().prefix("meridian-load-").tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let template = Template::prepare().unwrap();
    let settings = InstanceSettings {
        name: "one".to_owned(),
        role: Role::Primary,
        server_id: 1,
        domain: 1,
        id_stride: 1,
        port: ports::free_port().unwrap(),
        ignored: Vec::new(),
        options: ["--general-log=OFF", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--max-connections=500"]
            .map(str::to_owned)
            .to_vec(),
    };
    let database = Instance::start(&template, directory.path(), settings).await.unwrap();
    database.root().run(&set_up()).await.unwrap();
    let port = ports::free_port().unwrap();
    let config = write_config(options, directory.path(), port, database.port(), template.version());
    let log = std::fs::File::create(directory.path().join("meridian.log")).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_meridian"));
    let mut program = Ending(serve(program, &config, log));
    let clients = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).prefer_socket(Some(false));
    let clients = clients.user(Some("app")).pass(Some("apppw")).db_name(Some(SCHEMA));
    let clients = clients.max_allowed_packet(Some(1 << 20)).wait_timeout(Some(28_800));
    while Conn::new(clients.clone()).await.is_err() {
        assert!(program.0.try_wait().unwrap().is_none(), "meridian ended: {}", text(directory.path(), "meridian.log"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("load: {} clients over {} connections, {} s", options.clients, options.backends, options.seconds);
    let before = resident(program.0.id());
    let report = crosstalk::run(&clients, options.clients, Duration::from_secs(options.seconds)).await;
    let after = resident(program.0.id());
    let mut root = database.root().connect().await.unwrap();
    let used: Option<(String, u64)> = root.query_first("SHOW GLOBAL STATUS LIKE 'Max_used_connections'").await.unwrap();
    println!(
        "{} clients logged in within {:.1} s; {} statements checked ({:.0} in a second); {} connections at the database at most \
         (monitor and set-up included); Meridian grew from {} to {} MiB; {} faults",
        options.clients,
        report.logins.as_secs_f64(),
        report.statements,
        report.statements as f64 / options.seconds.max(1) as f64,
        used.map_or(0, |(_, used)| used),
        before >> 20,
        after >> 20,
        report.faults.len()
    );
    for fault in report.faults.iter().take(20) {
        println!("  {fault}");
    }
    if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(mut program: Command, config: &Path, log: std::fs::File) -> Child {
    program.args(["serve", "--config"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    program.spawn().unwrap()
}

fn set_up() -> Vec<String> {
    let mut statements = vec![
        format!("CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4"),
        "CREATE USER app@'%' IDENTIFIED BY 'apppw'".to_owned(),
        format!("GRANT ALL ON {SCHEMA}.* TO app@'%'"),
        format!("CREATE USER {MONITOR_USER}@'%' IDENTIFIED BY '{MONITOR_PASSWORD}'"),
        format!("GRANT SELECT, PROCESS, SHOW VIEW, BINLOG MONITOR, REPLICA MONITOR ON *.* TO {MONITOR_USER}@'%'"),
        format!("USE {SCHEMA}"),
    ];
    statements.extend(crosstalk::TABLES.map(str::to_owned));
    statements
}

/// The tables are sharded by client: each write is placed, and passes the gate.
fn write_config(options: &Options, directory: &Path, port: u16, database: u16, version: &str) -> std::path::PathBuf {
    let (backends, clients) = (options.backends, options.clients + 10);
    let text = format!(
        "users_file = \"users.toml\"\n[node]\nname = \"load\"\nnumber = 1\nstate_file = \"state\"\n\
         [backend]\nmonitor_user = \"{MONITOR_USER}\"\nmonitor_password = \"{MONITOR_PASSWORD}\"\n\
         connections_per_instance = {backends}\nqueue_deadline = \"120s\"\n\
         [limits]\nconnections = {clients}\nlogin_deadline = \"120s\"\ndrain_deadline = \"1s\"\n[log]\nfilter = \"warn\"\n\
         [[unit]]\nname = \"one\"\n\
         [[group]]\nname = \"main\"\nfamily = \"mariadb\"\nschemas = [\"{SCHEMA}\"]\nshards = 100\nglobal_master = \"one\"\n\
         [[group.key_type]]\nname = \"client\"\ntransform = \"mod\"\nmodulus = 100\n\
         [[group.owner]]\nshards = \"0-99\"\nunit = \"one\"\n\
         [[group.table]]\nname = \"crosstalk_sum\"\nclass = \"sharded\"\nkey = \"client\"\n\
         [[group.table]]\nname = \"crosstalk\"\nclass = \"global\"\n\
         [[instance]]\nname = \"one-main-1\"\nunit = \"one\"\ngroup = \"main\"\nrole = \"primary\"\naddress = \"127.0.0.1:{database}\"\n\
         [[listener]]\nunit = \"one\"\naddress = \"127.0.0.1:{port}\"\nfamily = \"mariadb\"\nserver_version = \"{version}\"\n"
    );
    std::fs::write(directory.join("users.toml"), "[[user]]\nname = \"app\"\npassword = \"apppw\"\n").unwrap();
    let file = directory.join("meridian.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// Resident memory of a process, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

fn text(directory: &Path, file: &str) -> String {
    std::fs::read_to_string(directory.join(file)).unwrap_or_default()
}
