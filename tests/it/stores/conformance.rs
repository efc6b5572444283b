//! What every store promises, as tests that run on each of them: in memory, in a file, in etcd.

use std::sync::Arc;
use std::time::Duration;

use meridian::control::{FileStore, MemoryStore, Store, StoreError};
use meridian::model::Epoch;

use super::worlds::at;
use crate::scenarios::expect::within;
use crate::servers::EtcdServers;

async fn an_empty_store_has_no_state(store: Arc<dyn Store>) {
    assert!(store.load().await.unwrap().is_none());
}

async fn a_state_is_loaded_as_it_was_swapped_in(store: Arc<dyn Store>) {
    store.compare_and_swap(None, &at(1)).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap(), at(1));
    store.compare_and_swap(Some(Epoch(1)), &at(5)).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap(), at(5));
}

async fn a_stale_expectation_changes_nothing(store: Arc<dyn Store>) {
    store.compare_and_swap(None, &at(1)).await.unwrap();
    store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap();
    for expected in [None, Some(Epoch(1)), Some(Epoch(3))] {
        match store.compare_and_swap(expected, &at(9)).await {
            Err(StoreError::Conflict { found, .. }) => assert_eq!(found, Some(Epoch(2))),
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
    assert_eq!(store.load().await.unwrap().unwrap(), at(2));
}

async fn an_epoch_never_falls_or_stands(store: Arc<dyn Store>) {
    store.compare_and_swap(None, &at(4)).await.unwrap();
    for epoch in [3, 4] {
        let refused = store.compare_and_swap(Some(Epoch(4)), &at(epoch)).await;
        assert!(matches!(refused, Err(StoreError::NotRising { .. })), "{refused:?}");
    }
    assert_eq!(store.load().await.unwrap().unwrap(), at(4));
}

async fn of_many_swaps_from_one_epoch_one_wins(store: Arc<dyn Store>) {
    store.compare_and_swap(None, &at(1)).await.unwrap();
    let mut swaps = tokio::task::JoinSet::new();
    for epoch in 2..18 {
        let store = Arc::clone(&store);
        swaps.spawn(async move { store.compare_and_swap(Some(Epoch(1)), &at(epoch)).await.is_ok().then_some(epoch) });
    }
    let winners: Vec<u64> = swaps.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.load().await.unwrap().unwrap().epoch, Epoch(winners[0]));
}

async fn former_states_are_there_and_no_others(store: Arc<dyn Store>) {
    store.compare_and_swap(None, &at(3)).await.unwrap();
    store.compare_and_swap(Some(Epoch(3)), &at(4)).await.unwrap();
    assert!(store.compare_and_swap(Some(Epoch(3)), &at(5)).await.is_err());
    for epoch in [3, 4] {
        assert_eq!(store.former(Epoch(epoch)).await.unwrap().unwrap(), at(epoch));
    }
    for never in [0, 2, 5] {
        assert!(store.former(Epoch(never)).await.unwrap().is_none(), "{never}");
    }
    // One far beyond: the oldest are forgotten.
    store.compare_and_swap(Some(Epoch(4)), &at(204)).await.unwrap();
    assert!(store.former(Epoch(4)).await.unwrap().is_none());
    assert_eq!(store.former(Epoch(204)).await.unwrap().unwrap(), at(204));
}

/// Whoever waits hears of every state that is the newest at some time, in their order, and of none twice.
async fn changes_are_heard_in_their_order(store: Arc<dyn Store>) {
    let watcher = Arc::clone(&store);
    let heard = tokio::spawn(async move {
        let (mut heard, mut last) = (Vec::new(), Epoch(0));
        while last < Epoch(20) {
            let state = watcher.newer_than(last).await.unwrap();
            assert!(state.epoch > last, "{} after {last}", state.epoch);
            assert_eq!(state, at(state.epoch.0), "a state is heard whole");
            last = state.epoch;
            heard.push(last);
        }
        heard
    });
    store.compare_and_swap(None, &at(1)).await.unwrap();
    for epoch in 2..=20 {
        store.compare_and_swap(Some(Epoch(epoch - 1)), &at(epoch)).await.unwrap();
    }
    let heard = within("all changes are heard", Duration::from_secs(30), heard).await.unwrap();
    assert_eq!(heard.last(), Some(&Epoch(20)));
}

macro_rules! conformance {
    ($($claim:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $claim() {
                super::$claim(Arc::new(MemoryStore::default())).await;
            })*
        }
        mod file {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $claim() {
                let directory = tempfile::tempdir().unwrap();
                super::$claim(Arc::new(FileStore::open(&directory.path().join("control")).unwrap())).await;
            })*
        }
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn etcd() {
            let Some(servers) = EtcdServers::start(1).await else { return };
            $({
                println!("{}", stringify!($claim));
                // A prefix of its own is a store of its own.
                $claim(super::etcd::open_followed(&servers, stringify!($claim)).await).await;
            })*
        }
    };
}

conformance!(
    an_empty_store_has_no_state,
    a_state_is_loaded_as_it_was_swapped_in,
    a_stale_expectation_changes_nothing,
    an_epoch_never_falls_or_stands,
    of_many_swaps_from_one_epoch_one_wins,
    former_states_are_there_and_no_others,
    changes_are_heard_in_their_order,
);
