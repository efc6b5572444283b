//! The safety law under every order of steps: nodes that learn late, pause, lose their lease and are replaced, orchestrators that work from what
//! they once read, replication that comes when it comes. The rules are the product's own functions; the mutants show that the
//! properties catch what they are there for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod control;
mod forced;
mod gate;
mod lease;
mod mutants;
mod planned;
mod row;
mod world;

use std::collections::BTreeSet;

use forced::{ForceMutant, Forced, NEWER_ROWS_STAY, RECEIVED_IS_KEPT};
use lease::{CLOSED, Lease, LeaseMutant};
use meridian::model;
use mutants::Mutant;
use planned::{NOTHING_LOST, ONE_OWNER, Planned, SAME_ORDER};
use row::{RowFence, RowMutant};
use stateright::{Checker, HasDiscoveries, Model};
use world::Budget;

/// What one move may meet in the smallest exploration.
const CALM: Budget = Budget { moves: 1, writes: 2, leases: 0, replacements: 0, prepares: 0, deadlines: 1 };

fn small(mutant: Mutant) -> Planned {
    Planned { units: 2, with_replica: false, orchestrators: 1, nodes: 1, budget: CALM, mutant }
}

/// Every reachable state keeps every law, and what is to be possible is.
fn holds(model: Planned) {
    let told = format!("{model:?}");
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} steps deep: {told}", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

/// The wrong rule is found out by the law it breaks.
fn caught(model: Planned, law: &'static str) {
    let mutant = model.mutant;
    // Otherwise the law might be broken without it.
    assert_ne!(mutant, Mutant::Product);
    let checker =
        model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([law]))).threads(2).spawn_bfs().join();
    let path = checker.discovery(law).unwrap_or_else(|| panic!("{mutant:?} does not break '{law}'"));
    let states = checker.unique_state_count();
    println!("{mutant:?} is caught after {states} states: {law}: {:?}", path.into_actions());
}

#[test]
fn two_nodes_of_which_one_falls_silent() {
    holds(Planned { nodes: 2, budget: Budget { leases: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn a_node_replaced_while_it_is_paused() {
    holds(Planned { budget: Budget { replacements: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn two_orchestrators_and_two_moves_with_rollback() {
    holds(Planned { orchestrators: 2, budget: Budget { moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn a_replica_whose_appliers_run_in_parallel() {
    holds(Planned { with_replica: true, budget: Budget { moves: 2, writes: 3, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn three_units_that_relay_each_others_writes() {
    holds(Planned { units: 3, budget: Budget { moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn prepared_transactions() {
    holds(Planned { budget: Budget { prepares: 1, moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn the_fence_takes_the_epoch_in_force() {
    let budget = Budget { deadlines: 0, ..CALM };
    caught(Planned { nodes: 2, budget, ..small(Mutant::EpochReused) }, ONE_OWNER);
}

#[test]
fn a_living_node_is_not_waited_for() {
    let budget = Budget { deadlines: 0, ..CALM };
    caught(Planned { nodes: 2, budget, ..small(Mutant::SkippedAcknowledgement) }, ONE_OWNER);
}

#[test]
fn the_target_owns_before_it_has_everything() {
    caught(small(Mutant::PublishBeforeWait), NOTHING_LOST);
}

#[test]
fn only_the_target_is_waited_for() {
    caught(Planned { with_replica: true, ..small(Mutant::TargetAlone) }, SAME_ORDER);
}

#[test]
fn a_filtered_echo_passes_the_wait() {
    caught(Planned { units: 3, ..small(Mutant::FilteredEcho) }, NOTHING_LOST);
}

#[test]
fn a_lease_that_ended_counts_as_proof() {
    let budget = Budget { leases: 1, deadlines: 0, ..CALM };
    caught(Planned { nodes: 2, budget, ..small(Mutant::LeaseOnly) }, ONE_OWNER);
}

#[test]
fn an_incarnation_is_forgotten_with_its_lease() {
    let budget = Budget { leases: 1, deadlines: 0, ..CALM };
    caught(Planned { nodes: 2, budget, ..small(Mutant::IncarnationForgotten) }, ONE_OWNER);
}

#[test]
fn prepared_transactions_are_not_looked_for() {
    let budget = Budget { prepares: 1, ..CALM };
    caught(Planned { budget, ..small(Mutant::PreparedIgnored) }, ONE_OWNER);
}

#[test]
fn an_account_is_opened_with_its_old_password() {
    let budget = Budget { replacements: 1, ..CALM };
    caught(Planned { budget, ..small(Mutant::OldPassword) }, ONE_OWNER);
}

#[test]
fn a_newer_incarnation_leaves_the_older_one_s_threads() {
    let budget = Budget { replacements: 1, ..CALM };
    caught(Planned { budget, ..small(Mutant::OldThreadsLeft) }, ONE_OWNER);
}

#[test]
fn an_older_incarnation_opens_its_account_again() {
    let budget = Budget { leases: 1, replacements: 1, deadlines: 0, ..CALM };
    caught(Planned { budget, ..small(Mutant::NonMonotoneFence) }, ONE_OWNER);
}

fn row_caught(nodes: usize, orchestrators: usize, mutant: RowMutant, law: &'static str) {
    let model = RowFence { nodes, orchestrators, moves: 1, writes: 2, mutant };
    let checker =
        model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([law]))).threads(2).spawn_bfs().join();
    let path = checker.discovery(law).unwrap_or_else(|| panic!("{mutant:?} does not break '{law}'"));
    println!("{mutant:?} is caught after {} states: {law}: {:?}", checker.unique_state_count(), path.into_actions());
}

#[test]
fn a_row_is_compared_and_not_locked() {
    row_caught(2, 1, RowMutant::NotLocked, row::ONE_OWNER);
}

#[test]
fn a_position_is_read_before_the_row_is_closed() {
    row_caught(1, 1, RowMutant::ReadBeforeClosed, row::NOTHING_LOST);
}

#[test]
fn an_orchestrator_that_comes_late_opens_a_row_again() {
    row_caught(2, 2, RowMutant::NotMonotone, row::ONE_OWNER);
}

const SECONDS: u8 = 8;

#[test]
fn a_source_that_nobody_reaches_is_closed_by_its_lease() {
    let model = Lease { renewers: 2, seconds: SECONDS, mutant: LeaseMutant::Product };
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} steps deep: leases", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

#[test]
fn leases_that_prove_nothing() {
    for mutant in
        [LeaseMutant::StoreFirst, LeaseMutant::ComparedAtStart, LeaseMutant::NotWaitedOut, LeaseMutant::StoreNotRead]
    {
        let model = Lease { renewers: 2, seconds: SECONDS, mutant };
        let checker =
            model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([CLOSED]))).threads(2).spawn_bfs().join();
        let path = checker.discovery(CLOSED).unwrap_or_else(|| panic!("{mutant:?} does not break '{CLOSED}'"));
        println!("{mutant:?} is caught after {} states: {:?}", checker.unique_state_count(), path.into_actions());
    }
}

fn force_caught(mutant: ForceMutant, law: &'static str) {
    let model = Forced { writes: 2, mutant };
    let checker =
        model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([law]))).threads(2).spawn_bfs().join();
    let path = checker.discovery(law).unwrap_or_else(|| panic!("{mutant:?} does not break '{law}'"));
    println!("{mutant:?} is caught after {} states: {law}: {:?}", checker.unique_state_count(), path.into_actions());
}

#[test]
fn a_source_is_lost_and_comes_back() {
    let checker = Forced { writes: 2, mutant: ForceMutant::Product }.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} steps deep: a forced change", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

#[test]
fn a_channel_from_a_lost_source_goes_on() {
    force_caught(ForceMutant::ChannelResumed, NEWER_ROWS_STAY);
}

#[test]
fn a_channel_from_a_lost_source_is_only_stopped() {
    force_caught(ForceMutant::ChannelNotParked, NEWER_ROWS_STAY);
}

#[test]
fn a_new_owner_opens_with_what_it_has_itself() {
    force_caught(ForceMutant::NobodyFed, RECEIVED_IS_KEPT);
}

#[test]
fn what_was_received_and_not_applied_is_forgotten() {
    force_caught(ForceMutant::RelayForgotten, RECEIVED_IS_KEPT);
}
