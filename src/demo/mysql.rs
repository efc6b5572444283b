//! Oracle MySQL in place of MariaDB: where its server is found, how its directory is made, and with which options it runs.
//!
//! Its data directory has no account but `root`, without a password, which only the UNIX socket lets in.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::DemoError;
use super::template::{find_program, run};

/// Grows when what a template holds changes.
const FORMAT: u32 = 1;

/// What keeps a server of the demo small.
/// The kernel has few places for native AIO (fs.aio-max-nr), and a server that gets none does not start.
const SMALL: [&str; 3] =
    ["--innodb-redo-log-capacity=16M", "--innodb-buffer-pool-size=64M", "--innodb-use-native-aio=OFF"];

/// What every instance is started with.
pub const FIXED_OPTIONS: [&str; 15] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--mysqlx=OFF",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--log-bin=binlog",
    "--log-replica-updates=ON",
    // One applier: several could apply two owners' writes of one row out of order after a move.
    "--replica-parallel-workers=1",
    "--relay-log=relay",
    "--performance-schema=OFF",
    "--general-log=ON",
    "--log-output=FILE",
    "--max-connections=500",
    // Its default is a directory of the package, which this machine may not have.
    "--secure-file-priv=NULL",
    "--character-set-server=utf8mb4",
];

/// The server: the one that is named, else the one on the path, else the tree that `scripts/mysql9` makes. Errors: there is none.
pub fn find(named: Option<&Path>, cache: &Path) -> Result<(PathBuf, String), DemoError> {
    if let Some(named) = named {
        return version_of(named).map(|version| (named.to_owned(), version));
    }
    // On a machine with MariaDB `mysqld` may be that one.
    let installed = find_program("mysqld", "mysql-server-core").ok();
    let candidates = installed.into_iter().chain([cache.join("mysql9/run/mysqld")]);
    let found = candidates.filter(|path| path.is_file()).find_map(|path| Some((version_of(&path).ok()?, path)));
    found.map(|(version, path)| (path, version)).ok_or(DemoError::NoMysql)
}

/// `mysqld  Ver 9.7.4 for Linux on x86_64 (…)` -> `9.7.4`. Errors: it does not start, or is not MySQL's.
fn version_of(server: &Path) -> Result<String, DemoError> {
    let output = run(Command::new(server).args(["--no-defaults", "--version"]))?;
    let version = output.split_whitespace().skip_while(|word| *word != "Ver").nth(1).unwrap_or_default();
    let digits = version.split('-').next().unwrap_or_default();
    let is_mysql = !output.contains("MariaDB") && digits.starts_with(|first: char| first.is_ascii_digit());
    if is_mysql {
        return Ok(digits.to_owned());
    }
    Err(DemoError::Program {
        program: server.display().to_string(),
        status: "a version that is not Oracle MySQL's".to_owned(),
        output,
    })
}

/// The name of the template's directory in the cache.
pub fn template_name(version: &str) -> String {
    format!("mysql-{version}-{FORMAT}")
}

/// Makes a data directory. Errors: the server's.
pub fn initialise(server: &Path, data: &Path) -> Result<(), DemoError> {
    let part = data.with_extension("part");
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(DemoError::file("remove", &part))?;
    }
    let mut command = Command::new(server);
    command.arg("--no-defaults").arg("--initialize-insecure").args(SMALL).args(in_tree(server));
    command.arg("--secure-file-priv=NULL").arg(format!("--datadir={}", part.display()));
    if rustix::process::geteuid().is_root() {
        command.arg("--user=root");
    }
    run(&mut command)?;
    // Two servers with one identity would refuse to replicate; each copy makes its own.
    let identity = part.join("auto.cnf");
    if identity.exists() {
        std::fs::remove_file(&identity).map_err(DemoError::file("remove", &identity))?;
    }
    std::fs::rename(&part, data).map_err(DemoError::file("create", data))
}

/// The options that depend on the server alone.
pub fn options(server: &Path) -> Vec<String> {
    let fixed = SMALL.iter().chain(&FIXED_OPTIONS).map(|option| (*option).to_owned());
    fixed.chain(in_tree(server)).collect()
}

/// A server that runs from a tree of its own looks for its files there, not where another server's may lie.
fn in_tree(server: &Path) -> Vec<String> {
    let share = server.parent().and_then(Path::parent).map(|tree| tree.join("usr/share/mysql"));
    match share.filter(|share| share.is_dir()) {
        Some(share) => {
            let share = share.display();
            vec![format!("--lc-messages-dir={share}"), format!("--character-sets-dir={share}/charsets")]
        }
        None => Vec::new(),
    }
}
