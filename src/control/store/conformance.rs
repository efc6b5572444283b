//! What every store promises, as tests that run on each of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use super::{FileStore, MemoryStore, Store, StoreError};
use crate::control::sample;
use crate::model::{ControlState, Epoch};

fn at(epoch: u64) -> ControlState {
    ControlState { epoch: Epoch(epoch), ..sample::rich_state() }
}

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
    };
}

conformance!(
    an_empty_store_has_no_state,
    a_state_is_loaded_as_it_was_swapped_in,
    a_stale_expectation_changes_nothing,
    an_epoch_never_falls_or_stands,
    of_many_swaps_from_one_epoch_one_wins,
);
