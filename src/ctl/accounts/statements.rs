//! The statements that prepare one instance: each may be run again at any time, and changes nothing of what is there.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use crate::ctl::definer::{self, hosts_of, quoted, random};

/// The procedures, which the definer's privileges carry out.
const PROCEDURES: &str = include_str!("procedures.sql");

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
    let is_mariadb = definer::is_mariadb(conn).await?;
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
    ];
    wanted.extend(definer::made(is_mariadb));
    wanted.extend(definer::procedures(PROCEDURES));
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
        let statements = definer::procedures(PROCEDURES);
        let (dropped, made): (Vec<String>, Vec<String>) =
            statements.into_iter().partition(|text| text.starts_with("DROP PROCEDURE IF EXISTS meridian."));
        assert_eq!((dropped.len(), made.len()), (3, 3));
        assert!(made.iter().all(|text| text.starts_with("CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE ")));
    }
}
