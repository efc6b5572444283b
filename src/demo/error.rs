//! What can go wrong with the demo world, in sentences for the person who started it.

use std::path::PathBuf;

use thiserror::Error;

/// Why the demo world could not be started, shown or ended.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A port that somebody else listens on.
    #[error("port {port} ({purpose}) is taken on 127.0.0.1; free it, or choose another with {flag}")]
    PortTaken {
        /// The port.
        port: u16,
        /// What it is wanted for.
        purpose: String,
        /// The flag that changes it.
        flag: &'static str,
    },
    /// Two listeners were given the same port.
    #[error("port {0} is given twice")]
    PortTwice(u16),
    /// No port for a MariaDB instance.
    #[error("no free port between {first} and {last} on 127.0.0.1")]
    NoFreePort {
        /// The lowest port looked at.
        first: u16,
        /// The highest port looked at.
        last: u16,
    },
    /// A name that would have to be quoted in SQL or in the configuration.
    #[error("{what} '{found}' must be 1 to 32 letters, digits or underscores, not beginning with a digit")]
    BadName {
        /// What is named.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// Another demo runs in this directory.
    #[error("a demo is already running in {0}; end it with 'meridian demo down', or choose another --directory")]
    AlreadyRunning(PathBuf),
    /// A directory that holds something else.
    #[error("{0} is not empty and holds no demo; choose another --directory")]
    ForeignDirectory(PathBuf),
    /// A directory somebody else made.
    #[error("{0} belongs to another user; choose another --directory")]
    NotOurDirectory(PathBuf),
    /// No demo runs here.
    #[error("no demo is running in {0}; start one with 'meridian demo'")]
    NotRunning(PathBuf),
    /// No Oracle MySQL server.
    #[error("no mysqld of Oracle MySQL is found; name one with --mysqld, or let scripts/mysql9 get one")]
    NoMysql,
    /// A program of the packages is missing.
    #[error("{program} is not installed; on a Debian-like machine: apt-get install {package}")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A socket path longer than the kernel takes.
    #[error("the path {0} is too long for a UNIX socket (107 bytes at most); choose a shorter --directory")]
    SocketPath(PathBuf),
    /// A program ended with an error.
    #[error("{program} ended with {status}: {output}")]
    Program {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// An instance ended, or did not answer in time.
    #[error("instance {name} {what}; the end of its log:\n{log}")]
    Instance {
        /// Its name.
        name: String,
        /// What it did.
        what: String,
        /// The end of its error log.
        log: String,
    },
    /// A replica that does not catch up.
    #[error("instance {name} has not applied {position} within {seconds} s: {status}")]
    NotCaughtUp {
        /// The replica.
        name: String,
        /// The position waited for.
        position: String,
        /// How long was waited.
        seconds: u64,
        /// What its channels say.
        status: String,
    },
    /// A statement failed at a server.
    #[error("{wanted} at {server}")]
    Sql {
        /// What was to be done.
        wanted: String,
        /// Where.
        server: String,
        /// The driver's error.
        #[source]
        source: mysql_async::Error,
    },
    /// A file or directory.
    #[error("{action} {path}")]
    File {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A state file that cannot be read.
    #[error("{path} is not a state file of this version of the demo: {reason}")]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Meridian itself ended.
    #[error("meridian ended: {0}")]
    Serve(String),
    /// A server that would not go away.
    #[error("process {0} does not end, even by SIGKILL")]
    Unkillable(i32),
    /// The tour saw statements arrive elsewhere.
    #[error("{failed} of {steps} steps of the tour did not go where they should")]
    Tour {
        /// Steps that failed.
        failed: usize,
        /// All steps.
        steps: usize,
    },
}

impl DemoError {
    /// Wraps a file error with what was being done.
    pub(super) fn file(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> DemoError + use<> {
        let path = path.to_path_buf();
        move |source| DemoError::File { action, path, source }
    }

    /// Wraps a server's error with what was being done.
    pub(super) fn sql(wanted: &str, server: &str) -> impl FnOnce(mysql_async::Error) -> DemoError + use<> {
        let (wanted, server) = (wanted.to_owned(), server.to_owned());
        move |source| DemoError::Sql { wanted, server, source }
    }
}
