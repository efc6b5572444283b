//! A beginning that the store took while its answer was lost: its node does not know that it began, and carries it out all the same.

use std::sync::Arc;
use std::time::Duration;

use meridian::config::{self, StoreConfig};
use meridian::control::{Author, Command, Controller, EtcdStore};
use meridian::model::{Extent, GroupId, MoveKind, MovePart, UnitId};

use super::Cluster;
use crate::moves::PATIENT;
use crate::scenarios::expect::{rows, sent, until};

const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

#[tokio::test]
async fn a_move_that_began_without_an_answer_is_carried_out_by_the_node_it_names() {
    let Some(cluster) = Cluster::start(1, 2, 60, PATIENT).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = config::load(&cluster.setup(1).write(directory.path())).unwrap();
    let StoreConfig::Etcd(etcd) = &config.store else { panic!("the nodes share a store") };
    let store = Arc::new(EtcdStore::open(etcd).await.unwrap());
    let controller = Controller::join(store, config.state.clone(), config.hold).await.unwrap();
    let part = MovePart { extent: Extent::GlobalZone(GroupId(0)), source: UnitId(0), target: UnitId(1) };
    // As node n1 wrote it, and has heard nothing since.
    let begin =
        Command::BeginMove { parts: vec![part], kind: MoveKind::Planned, runner: "n1#1".to_owned(), skipped: None };
    let begun = controller.change(&begin, &Author { by: "dba".to_owned(), at: 1 }, None).await.unwrap();
    let mut console = cluster.console(0).await;
    until("the move has ended", Duration::from_secs(30), async || {
        let epoch: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
        epoch > begun.epoch.0 && rows(&mut console, "SHOW MOVES").await.is_empty()
    })
    .await;
    let mut client = cluster.client(0, "hz").await;
    assert_eq!(sent(&mut client, cluster.turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
}
