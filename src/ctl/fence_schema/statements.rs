//! The statements that prepare one instance: each may be run again at any time, and changes nothing of what is there.

use mysql_async::{Conn, Error};

use crate::ctl::definer::{self, hosts_of, quoted};

/// The procedures, which the definer's privileges carry out.
const PROCEDURES: &str = include_str!("procedures.sql");

/// Where the procedures name the query that finds out who is waited for.
const BLOCKERS: &str = "/* blockers */";

/// Who holds locks on the fence that the thread `of_thread` waits for, on MariaDB.
const OF_MARIADB: &str = "SELECT DISTINCT b.trx_mysql_thread_id FROM information_schema.INNODB_LOCK_WAITS w \
     JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id \
     JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id \
     JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id \
     WHERE r.trx_mysql_thread_id = of_thread AND l.lock_table = '`meridian`.`fence`'";

/// The same on Oracle MySQL.
const OF_MYSQL: &str = "SELECT DISTINCT b.PROCESSLIST_ID FROM performance_schema.data_lock_waits w \
     JOIN performance_schema.data_locks l ON l.ENGINE_LOCK_ID = w.REQUESTING_ENGINE_LOCK_ID AND l.ENGINE = w.ENGINE \
     JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID \
     JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID \
     WHERE r.PROCESSLIST_ID = of_thread AND l.OBJECT_SCHEMA = 'meridian' AND l.OBJECT_NAME = 'fence'";

/// What is wanted at an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The applications' accounts, by name.
    pub applications: Vec<String>,
    /// The account with which nodes call the procedures.
    pub caller: String,
}

/// The statements for the instance behind `conn`, whose session must be able to see the accounts. Errors: the server's.
pub async fn statements(conn: &mut Conn, wish: &Wish) -> Result<Vec<String>, Error> {
    let is_mariadb = definer::is_mariadb(conn).await?;
    let mut wanted = vec![
        // Each instance has them for itself: what a row says holds there alone.
        "SET SESSION sql_log_bin = 0".to_owned(),
        "CREATE DATABASE IF NOT EXISTS meridian CHARACTER SET utf8mb4".to_owned(),
        "CREATE TABLE IF NOT EXISTS meridian.fence (grp VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
         scope INT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL, is_open TINYINT NOT NULL, \
         PRIMARY KEY (grp, scope)) ENGINE=InnoDB"
            .to_owned(),
        // Apart from the rows, which open transactions hold locked: a renewal would wait for the longest of them, and all others for it.
        "CREATE TABLE IF NOT EXISTS meridian.fence_lease (grp VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
         valid_until TIMESTAMP(6) NOT NULL DEFAULT '1971-01-01 00:00:00') ENGINE=InnoDB"
            .to_owned(),
    ];
    wanted.extend(definer::made(is_mariadb));
    let blockers = if is_mariadb { OF_MARIADB } else { OF_MYSQL };
    wanted.extend(definer::procedures(&PROCEDURES.replace(BLOCKERS, blockers)));
    for host in hosts_of(conn, &wish.caller).await? {
        let caller = format!("{}@{}", quoted(&wish.caller), quoted(&host));
        for procedure in ["set_fence", "end_fence_holders", "end_fence_guards", "renew_lease"] {
            wanted.push(format!("GRANT EXECUTE ON PROCEDURE meridian.{procedure} TO {caller}"));
        }
        wanted.push(format!("GRANT SELECT ON meridian.* TO {caller}"));
    }
    for application in &wish.applications {
        for host in hosts_of(conn, application).await? {
            let application = format!("{}@{}", quoted(application), quoted(&host));
            // Enough for a shared lock, and for no write.
            for table in ["fence", "fence_lease"] {
                wanted.push(format!("GRANT SELECT ON meridian.{table} TO {application}"));
            }
            wanted.push(format!("GRANT EXECUTE ON PROCEDURE meridian.commit_leased TO {application}"));
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_own_way_to_tell_who_is_waited_for() {
        for blockers in [OF_MARIADB, OF_MYSQL] {
            let made = definer::procedures(&PROCEDURES.replace(BLOCKERS, blockers));
            assert_eq!(made.len(), 10, "five procedures, each made anew");
            assert!(
                made.iter().any(|text| text.contains(blockers)) && !made.iter().any(|text| text.contains(BLOCKERS))
            );
        }
    }
}
