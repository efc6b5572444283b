//! The statements that prepare one instance: each may be run again at any time, and changes nothing of what is there.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

/// The procedures, which the definer's privileges carry out.
const PROCEDURES: &str = include_str!("procedures.sql");

/// Whom the procedures act as: nobody can log in with it.
const DEFINER: &str = "'meridian_fence'@'localhost'";

/// What is wanted at an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The applications' accounts, by name.
    pub applications: Vec<String>,
    /// The nodes' numbers.
    pub nodes: Vec<u8>,
    /// The account with which nodes call the procedures.
    pub caller: String,
}

/// The statements for the instance behind `conn`, whose session must be able to see the accounts' grants. Errors: the server's.
pub async fn statements(conn: &mut Conn, wish: &Wish) -> Result<Vec<String>, Error> {
    let version: Option<String> = conn.query_first("SELECT VERSION()").await?;
    let is_mariadb = version.is_some_and(|version| version.contains("MariaDB"));
    let mut wanted = vec![
        // Each instance has them for itself: they are opened and shut there alone.
        "SET SESSION sql_log_bin = 0".to_owned(),
        "CREATE DATABASE IF NOT EXISTS meridian CHARACTER SET utf8mb4".to_owned(),
        "CREATE TABLE IF NOT EXISTS meridian.account (node INT UNSIGNED NOT NULL PRIMARY KEY, incarnation BIGINT UNSIGNED NOT NULL, \
         door ENUM('open', 'closed') NOT NULL) ENGINE=InnoDB"
            .to_owned(),
        "CREATE TABLE IF NOT EXISTS meridian.slot (node INT UNSIGNED NOT NULL, user VARCHAR(80) COLLATE utf8mb4_bin NOT NULL, \
         host VARCHAR(255) COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (node, user, host)) ENGINE=InnoDB"
            .to_owned(),
        format!("CREATE USER IF NOT EXISTS {DEFINER} IDENTIFIED BY '{}' ACCOUNT LOCK", random()),
        format!("GRANT {} ON *.* TO {DEFINER}", definer_grants(is_mariadb)),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON meridian.* TO {DEFINER}"),
    ];
    for procedure in PROCEDURES.split("//").map(without_comments).filter(|text| !text.is_empty()) {
        let name = procedure.split_once("PROCEDURE ").and_then(|(_, rest)| rest.split_once('('));
        wanted.extend(name.map(|(name, _)| format!("DROP PROCEDURE IF EXISTS {name}")));
        wanted.push(procedure);
    }
    for host in hosts_of(conn, &wish.caller).await? {
        let caller = format!("{}@{}", quoted(&wish.caller), quoted(&host));
        for procedure in ["open_accounts", "close_accounts"] {
            wanted.push(format!("GRANT EXECUTE ON PROCEDURE meridian.{procedure} TO {caller}"));
        }
        wanted.push(format!("GRANT SELECT ON meridian.* TO {caller}"));
    }
    for application in &wish.applications {
        for host in hosts_of(conn, application).await? {
            let account = Account::read(conn, application, &host).await?;
            for node in &wish.nodes {
                account.prepare(*node, &mut wanted);
            }
        }
    }
    Ok(wanted)
}

/// What the definer may do: change accounts, see and end threads, keep it out of the binlog, also where nobody else may write.
fn definer_grants(is_mariadb: bool) -> &'static str {
    if is_mariadb {
        "CREATE USER, PROCESS, CONNECTION ADMIN, BINLOG ADMIN, READ_ONLY ADMIN"
    } else {
        "CREATE USER, PROCESS, CONNECTION_ADMIN, SYSTEM_VARIABLES_ADMIN"
    }
}

/// An application's account as one instance knows it.
struct Account {
    user: String,
    host: String,
    /// Each with the account's own name in it.
    grants: Vec<String>,
    /// What logins must be like, as a clause of CREATE USER.
    requires: &'static str,
}

impl Account {
    async fn read(conn: &mut Conn, user: &str, host: &str) -> Result<Account, Error> {
        let who = format!("{}@{}", quoted(user), quoted(host));
        let grants: Vec<String> = conn.query(format!("SHOW GRANTS FOR {who}")).await?;
        let made: Option<String> = conn.query_first(format!("SHOW CREATE USER {who}")).await?;
        let made = made.unwrap_or_default();
        let requires = ["REQUIRE SSL", "REQUIRE X509"].into_iter().find(|clause| made.contains(clause));
        Ok(Account { user: user.to_owned(), host: host.to_owned(), grants, requires: requires.unwrap_or_default() })
    }

    /// The account of `node` that stands for it: locked until the node opens it, with the same privileges.
    fn prepare(&self, node: u8, wanted: &mut Vec<String>) {
        let (user, host) = (quoted(&format!("{}-n{node}", self.user)), quoted(&self.host));
        let own = format!("{user}@{host}");
        wanted.push(format!(
            "CREATE USER IF NOT EXISTS {own} IDENTIFIED BY '{}' {} ACCOUNT LOCK",
            random(),
            self.requires
        ));
        let theirs = format!(" TO `{}`@`{}`", self.user.replace('`', "``"), self.host.replace('`', "``"));
        for grant in &self.grants {
            // What it logs in with is its own; to act for others, nobody asked.
            let what = grant.split_once(&theirs).filter(|_| !grant.starts_with("GRANT PROXY"));
            let Some((what, rest)) = what else { continue };
            let options = if rest.contains("WITH GRANT OPTION") { " WITH GRANT OPTION" } else { "" };
            wanted.push(format!("{what} TO {own}{options}"));
        }
        wanted.push(format!("INSERT IGNORE INTO meridian.slot (node, user, host) VALUES ({node}, {user}, {host})"));
    }
}

async fn hosts_of(conn: &mut Conn, user: &str) -> Result<Vec<String>, Error> {
    conn.query(format!("SELECT Host FROM mysql.user WHERE User = {} ORDER BY Host", quoted(user))).await
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A password that nobody is told, of an account that is locked.
fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_account_has_the_privileges_of_the_one_it_stands_for_and_not_its_password() {
        let account = Account {
            user: "app".to_owned(),
            host: "%".to_owned(),
            grants: vec![
                "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*C0' REQUIRE SSL".to_owned(),
                "GRANT SELECT, INSERT ON `shop`.* TO `app`@`%` WITH GRANT OPTION".to_owned(),
                "GRANT PROXY ON ''@'' TO `app`@`%`".to_owned(),
            ],
            requires: "REQUIRE SSL",
        };
        let mut wanted = Vec::new();
        account.prepare(3, &mut wanted);
        let made = wanted.remove(0);
        assert!(made.starts_with("CREATE USER IF NOT EXISTS 'app-n3'@'%' IDENTIFIED BY '"), "{made}");
        assert!(made.ends_with("' REQUIRE SSL ACCOUNT LOCK"), "{made}");
        assert_eq!(
            wanted,
            [
                "GRANT USAGE ON *.* TO 'app-n3'@'%'",
                "GRANT SELECT, INSERT ON `shop`.* TO 'app-n3'@'%' WITH GRANT OPTION",
                "INSERT IGNORE INTO meridian.slot (node, user, host) VALUES (3, 'app-n3', '%')",
            ]
        );
    }

    #[test]
    fn the_procedures_are_three() {
        let procedures: Vec<String> =
            PROCEDURES.split("//").map(without_comments).filter(|text| !text.is_empty()).collect();
        assert_eq!(procedures.len(), 3);
        assert!(
            procedures.iter().all(|text| text.starts_with("CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE "))
        );
    }
}
