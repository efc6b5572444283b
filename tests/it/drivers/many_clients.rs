//! Many clients over few connections: nobody reads anything that is another's. `scripts/load` runs ten thousand.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::crosstalk;
use crate::node::{Kind, OneUnit, app_options};

async fn nobody_reads_what_is_another_s(kind: Kind, clients: u32, seconds: u64) {
    let few = |plan: &mut crate::node::NodePlan| {
        plan.backend = "connections_per_instance = 16\nqueue_deadline = \"120s\"\n".to_owned();
    };
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    let mut direct = Conn::new(app_options(unit.direct_port(), Some("plain"))).await.unwrap();
    for table in crosstalk::TABLES {
        direct.query_drop(table).await.unwrap();
    }
    let options = app_options(unit.port(), Some("plain")).max_allowed_packet(Some(1 << 20)).wait_timeout(Some(28_800));
    let report = crosstalk::run(&options, clients, Duration::from_secs(seconds)).await;
    assert_eq!(report.faults, Vec::<String>::new(), "{} statements", report.statements);
    let used: Option<(String, u64)> =
        direct.query_first("SHOW GLOBAL STATUS LIKE 'Max_used_connections'").await.unwrap();
    // The node's 16, the monitor's, the replica's and this one; without sharing it would be hundreds.
    assert!(used.clone().unwrap().1 < 32, "{used:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_clients_share_sixteen_connections_to_mariadb() {
    nobody_reads_what_is_another_s(Kind::MariaDb, 500, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_share_sixteen_connections_to_mysql9() {
    nobody_reads_what_is_another_s(Kind::Mysql9, 200, 4).await;
}
