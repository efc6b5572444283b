//! Whom Meridian's procedures at the instances act as, and what statements that prepare instances have in common.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

/// Whom the procedures act as: nobody can log in with it.
const DEFINER: &str = "'meridian_fence'@'localhost'";

/// Whether the server is MariaDB. Errors: the server's.
pub async fn is_mariadb(conn: &mut Conn) -> Result<bool, Error> {
    let version: Option<String> = conn.query_first("SELECT VERSION()").await?;
    Ok(version.is_some_and(|version| version.contains("MariaDB")))
}

/// The statements that make the definer, with what it may do: change accounts, see and end threads, keep it out of the binlog, also where
/// nobody else may write.
pub fn made(is_mariadb: bool) -> Vec<String> {
    let privileges = if is_mariadb {
        "CREATE USER, PROCESS, CONNECTION ADMIN, BINLOG ADMIN, READ_ONLY ADMIN"
    } else {
        "CREATE USER, PROCESS, CONNECTION_ADMIN, SYSTEM_VARIABLES_ADMIN"
    };
    let mut statements = vec![
        format!("CREATE USER IF NOT EXISTS {DEFINER} IDENTIFIED BY '{}' ACCOUNT LOCK", random()),
        format!("GRANT {privileges} ON *.* TO {DEFINER}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON meridian.* TO {DEFINER}"),
    ];
    // Who waits for whom is told there by Oracle MySQL.
    statements.extend((!is_mariadb).then(|| format!("GRANT SELECT ON performance_schema.* TO {DEFINER}")));
    statements
}

/// The statements that make the procedures of a text in which each ends with two slashes, in place of those that are there.
pub fn procedures(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    for procedure in text.split("//").map(without_comments).filter(|text| !text.is_empty()) {
        let name = procedure.split_once("PROCEDURE ").and_then(|(_, rest)| rest.split_once('('));
        statements.extend(name.map(|(name, _)| format!("DROP PROCEDURE IF EXISTS {name}")));
        statements.push(procedure);
    }
    statements
}

/// The hosts of the accounts with this name. Errors: the server's.
pub async fn hosts_of(conn: &mut Conn, user: &str) -> Result<Vec<String>, Error> {
    conn.query(format!("SELECT Host FROM mysql.user WHERE User = {} ORDER BY Host", quoted(user))).await
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A password that nobody is told, of an account that is locked.
pub fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}
