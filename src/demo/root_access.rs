//! The way into a server as `root`: through its UNIX socket, without a password, for whoever may enter its directory.

use std::path::{Path, PathBuf};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

use super::DemoError;

/// One server as `root` reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootAccess {
    name: String,
    socket: PathBuf,
}

impl RootAccess {
    /// The server called `name` whose directory is `directory`.
    pub fn new(name: &str, directory: &Path) -> RootAccess {
        RootAccess { name: name.to_owned(), socket: socket_in(directory) }
    }

    /// The server's name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection. Errors: the driver's.
    pub async fn connect(&self) -> Result<Conn, DemoError> {
        let socket = self.socket.display().to_string();
        let options = OptsBuilder::default().user(Some("root")).socket(Some(socket));
        Conn::new(options).await.map_err(DemoError::sql("connecting as root", &self.name))
    }

    /// Runs `statements` in order, in one session. Errors: the first that fails.
    pub async fn run(&self, statements: &[String]) -> Result<(), DemoError> {
        let mut connection = self.connect().await?;
        for statement in statements {
            let wanted = format!("running '{}'", first_words(statement));
            connection.query_drop(statement).await.map_err(DemoError::sql(&wanted, &self.name))?;
        }
        connection.disconnect().await.map_err(DemoError::sql("disconnecting", &self.name))
    }

    /// The first column of the first row of `query`; `None` when there is no row, or NULL. Errors: the server's.
    pub async fn value(&self, query: &str) -> Result<Option<String>, DemoError> {
        let mut connection = self.connect().await?;
        let wanted = format!("running '{}'", first_words(query));
        let row: Option<Option<String>> =
            connection.query_first(query).await.map_err(DemoError::sql(&wanted, &self.name))?;
        Ok(row.flatten())
    }
}

/// The socket of the server whose directory this is.
pub fn socket_in(directory: &Path) -> PathBuf {
    directory.join("server.sock")
}

fn first_words(statement: &str) -> String {
    let short: String = statement.chars().take(60).collect();
    if short.len() < statement.len() { format!("{short}…") } else { short }
}
