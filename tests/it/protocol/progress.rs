//! MariaDB's progress reports: who asks for them gets them, and who does not never sees one.

use meridian::wire::capability::Capabilities;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};

/// How many reports come with a statement that always has one (the server's first is due at once), and how it ends.
async fn reports(client: &mut Raw) -> (usize, Option<u16>) {
    for statement in ["DROP TABLE IF EXISTS copied", "CREATE TABLE copied (id INT PRIMARY KEY) ENGINE=InnoDB"] {
        assert_eq!(client.query(statement).await.errno(), None, "{statement}");
    }
    assert_eq!(client.query("INSERT INTO copied SELECT seq FROM seq_1_to_2000").await.errno(), None);
    let reply = client.query("ALTER TABLE copied ADD COLUMN more INT DEFAULT 7, ALGORITHM=COPY").await;
    let count = reply.bytes.windows(4).filter(|at| at.starts_with(b"\xFF\xFF\xFF\x01")).count();
    (count, reply.errno())
}

#[tokio::test]
async fn progress_reports_come_to_who_asks_for_them_alone() {
    let Some(unit) = OneUnit::start(Kind::MariaDb, |_| {}).await else { return };
    let asking = usual(Kind::MariaDb) | Capabilities::PROGRESS;
    for port in [unit.direct_port(), unit.port()] {
        let mut client = Raw::connect(port, Some("plain"), asking).await;
        assert!(client.capabilities.contains(Capabilities::PROGRESS));
        let (count, errno) = reports(&mut client).await;
        assert!(count > 0 && errno.is_none(), "{count} {errno:?}");
        assert_eq!(client.value("SELECT COUNT(more) FROM copied").await, "2000");
        let mut other = Raw::connect(port, Some("plain"), usual(Kind::MariaDb)).await;
        assert_eq!(reports(&mut other).await, (0, None));
    }
}
