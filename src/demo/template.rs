//! An initialised, empty MariaDB data directory, made once per server version and copied for each instance.
//!
//! Its only account is `root`, without a password, through the UNIX socket alone; the instance's directory is closed to everyone else.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::FlockOperation;

use super::DemoError;
use super::mysql;
use super::server_user::ServerUser;

/// Grows when what a template holds changes.
const FORMAT: u32 = 1;

/// The size of InnoDB's log: small, because each instance copies it.
pub const LOG_FILE_SIZE: &str = "--innodb-log-file-size=16M";

/// Accounts the installation makes that anybody on this machine could use.
const CLOSE_ACCOUNTS: &str = "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');\n\
                              DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';\n";

/// Which servers stand in the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    /// The machine's MariaDB.
    #[default]
    MariaDb,
    /// Oracle MySQL: this `mysqld`, or whichever is found.
    Mysql(Option<PathBuf>),
}

/// The family a server is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// MariaDB.
    MariaDb,
    /// Oracle MySQL.
    Mysql,
}

/// A template and the server it is for.
#[derive(Clone, Debug)]
pub struct Template {
    data: PathBuf,
    server: PathBuf,
    version: String,
    family: Family,
}

impl Template {
    /// The template for these servers, made if it is not there. Errors: they are not here, or cannot be initialised.
    pub fn prepare_for(servers: &Servers) -> Result<Template, DemoError> {
        match servers {
            Servers::MariaDb => Template::prepare(),
            Servers::Mysql(named) => Template::prepare_mysql(named.as_deref()),
        }
    }

    fn prepare_mysql(named: Option<&Path>) -> Result<Template, DemoError> {
        let cache = cache_directory();
        std::fs::create_dir_all(&cache).map_err(DemoError::file("create", &cache))?;
        let (server, version) = mysql::find(named, &cache)?;
        let data = cache.join(mysql::template_name(&version));
        let _lock = locked(&cache.join("mysql-template.lock"))?;
        if !data.exists() {
            mysql::initialise(&server, &data)?;
        }
        Ok(Template { data, server, version, family: Family::Mysql })
    }

    /// Finds the local MariaDB and its template, which is made if it is not there. Errors: no MariaDB here, or it cannot be initialised.
    pub fn prepare() -> Result<Template, DemoError> {
        let server = find_program("mariadbd", "mariadb-server")?;
        let install = find_program("mariadb-install-db", "mariadb-server")?;
        let version = version_of(&server)?;
        let cache = cache_directory();
        std::fs::create_dir_all(&cache).map_err(DemoError::file("create", &cache))?;
        let data = cache.join(format!("mariadb-{version}-{FORMAT}"));
        let _lock = locked(&cache.join("mariadb.lock"))?;
        if !data.exists() {
            initialise(&install, &data)?;
        }
        Ok(Template { data, server, version, family: Family::MariaDb })
    }

    /// The server program.
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// The server's family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Under which user the servers run. MySQL's stays ours: its program may lie where no other user can go.
    pub fn user(&self) -> ServerUser {
        match self.family {
            Family::MariaDb => ServerUser::detect(),
            Family::Mysql if rustix::process::geteuid().is_root() => ServerUser::Root,
            Family::Mysql => ServerUser::Ourselves,
        }
    }

    /// The server's version, for example `10.11.19-MariaDB`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Copies the template to `data` for `user`. Errors: the system's.
    pub fn copy_to(&self, data: &Path, user: &ServerUser) -> Result<(), DemoError> {
        copy_tree(&self.data, data, user)
    }
}

fn locked(path: &Path) -> Result<File, DemoError> {
    let lock = File::create(path).map_err(DemoError::file("open", path))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)
        .map_err(|error| DemoError::file("lock", path)(error.into()))?;
    Ok(lock)
}

/// Where things are kept that are expensive to make and the same for every run.
pub fn cache_directory() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("meridian")
}

/// Copies a data directory file by file and gives every file to `user`. Errors: the system's.
pub fn copy_tree(from: &Path, to: &Path, user: &ServerUser) -> Result<(), DemoError> {
    std::fs::create_dir(to).map_err(DemoError::file("create", to))?;
    user.take(to)?;
    for entry in std::fs::read_dir(from).map_err(DemoError::file("read", from))? {
        let entry = entry.map_err(DemoError::file("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(DemoError::file("read", &source))?;
        if kind.is_dir() {
            copy_tree(&source, &target, user)?;
        } else if kind.is_file() {
            std::fs::copy(&source, &target).map_err(DemoError::file("copy", &source))?;
            user.take(&target)?;
        }
    }
    Ok(())
}

/// Finds `program` on the path or where servers live, which is not on everybody's path. Errors: it is not installed.
pub fn find_program(program: &'static str, package: &'static str) -> Result<PathBuf, DemoError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or(DemoError::MissingProgram { program, package })
}

fn version_of(server: &Path) -> Result<String, DemoError> {
    let output = run(Command::new(server).args(["--no-defaults", "--version"]))?;
    // "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
    let version = output.split_whitespace().skip_while(|word| *word != "Ver").nth(1).unwrap_or_default();
    let short = version.find("-MariaDB").map(|at| &version[..at + "-MariaDB".len()]);
    short.map(str::to_owned).ok_or_else(|| DemoError::Program {
        program: server.display().to_string(),
        status: "a version that is not MariaDB's".to_owned(),
        output,
    })
}

fn initialise(install: &Path, data: &Path) -> Result<(), DemoError> {
    // Made beside its place and renamed: we may be killed half-way.
    let beside = |suffix: &str| {
        let mut path = data.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    let (part, script, temporary) = (beside(".part"), beside(".sql"), beside(".tmp"));
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(DemoError::file("remove", &part))?;
    }
    std::fs::write(&script, CLOSE_ACCOUNTS).map_err(DemoError::file("write", &script))?;
    // In the machine's own it would remove other servers' temporary tables.
    std::fs::create_dir_all(&temporary).map_err(DemoError::file("create", &temporary))?;
    let mut command = Command::new(install);
    command.env("TMPDIR", &temporary);
    command.arg("--no-defaults").arg("--auth-root-authentication-method=normal").arg("--skip-test-db");
    // Force: a machine that cannot look up its own name is no hindrance, nobody but root@localhost stays.
    command.arg("--skip-name-resolve").arg("--force").arg(LOG_FILE_SIZE);
    command.arg(format!("--extra-file={}", script.display())).arg(format!("--datadir={}", part.display()));
    if rustix::process::geteuid().is_root() {
        // The cache may lie where no other user can go; the files change hands when they are copied.
        command.arg("--user=root");
    }
    let made = run(&mut command);
    let _ = std::fs::remove_file(&script);
    let _ = std::fs::remove_dir_all(&temporary);
    if let Err(error) = made {
        let _ = std::fs::remove_dir_all(&part);
        return Err(error);
    }
    std::fs::rename(&part, data).map_err(DemoError::file("create", data))
}

/// Runs a program to its end and gives what it printed. Errors: it cannot be started, or ends with an error.
pub fn run(command: &mut Command) -> Result<String, DemoError> {
    let program = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output().map_err(DemoError::file("start", Path::new(&program)))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(DemoError::Program {
        program: program.to_string_lossy().into_owned(),
        status: output.status.to_string(),
        output: last_lines(&format!("{said}{}", String::from_utf8_lossy(&output.stderr)), 12),
    })
}

/// The last `count` lines of `text`.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
