//! The safety law under every order of steps: nodes that learn late, pause, lose their lease and are replaced, orchestrators that work from what
//! they once read, replication that comes when it comes. The rules are the product's own functions; the mutants show that the
//! properties catch what they are there for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod control;
mod crashes;
mod forced;
mod gate;
mod lease;
mod left_behind;
mod left_out;
mod mutants;
mod nodes;
mod orchestrators;
mod planned;
mod row;
mod shared;
mod world;

use std::collections::BTreeSet;

use forced::{FOLLOWED_AGAIN, ForceMutant, Forced, NEWER_ROWS_STAY, RECEIVED_IS_KEPT};
use lease::{CLOSED, Lease, LeaseMutant};
use left_behind::{LeftBehind, LeftBehindMutant};
use left_out::{LeftOutMutant, LeftOutOfWait, READERS_HAVE_ALL};
use meridian::model;
use mutants::Mutant;
use planned::{ENDS_AFTER_A_CRASH, NOTHING_LOST, ONE_OWNER, Planned, SAME_ORDER};
use row::{RowFence, RowMutant};
use shared::{CLOSED_STAYS_CLOSED, Shared, SharedMutant};
use stateright::{Checker, HasDiscoveries, Model};
use world::Budget;

/// What one move may meet in the smallest exploration.
const CALM: Budget = Budget { moves: 1, writes: 2, deadlines: 1, ..Budget::NOTHING };

fn small(mutant: Mutant) -> Planned {
    Planned { units: 2, with_replica: false, orchestrators: 1, nodes: 1, budget: CALM, mutant }
}

/// Every reachable state of `model` keeps its laws, and what is to be possible is.
fn keeps<M>(model: M)
where
    M: Model + std::fmt::Debug + Send + Sync + 'static,
    M::State: Clone + PartialEq + std::fmt::Debug + std::hash::Hash + Send + Sync,
    M::Action: Clone + PartialEq + std::fmt::Debug + Send + Sync,
{
    let told = format!("{model:?}");
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} steps deep: {told}", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

/// `model` breaks `law`.
fn breaks<M>(model: M, law: &'static str)
where
    M: Model + std::fmt::Debug + Send + Sync + 'static,
    M::State: Clone + PartialEq + std::fmt::Debug + std::hash::Hash + Send + Sync,
    M::Action: Clone + PartialEq + std::fmt::Debug + Send + Sync,
{
    let told = format!("{model:?}");
    let checker =
        model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([law]))).threads(2).spawn_bfs().join();
    let path = checker.discovery(law).unwrap_or_else(|| panic!("{told} does not break '{law}'"));
    println!("{told} is caught after {} states: {law}: {:?}", checker.unique_state_count(), path.into_actions());
}

/// The wrong rule is found out by the law it breaks.
fn caught(model: Planned, law: &'static str) {
    // Otherwise the law might be broken without it.
    assert_ne!(model.mutant, Mutant::Product);
    breaks(model, law);
}

#[test]
fn two_nodes_of_which_one_falls_silent() {
    keeps(Planned { nodes: 2, budget: Budget { leases: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn a_node_replaced_while_it_is_paused() {
    keeps(Planned { budget: Budget { replacements: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn two_orchestrators_and_two_moves_with_rollback() {
    keeps(Planned { orchestrators: 2, budget: Budget { moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn a_replica_whose_appliers_run_in_parallel() {
    keeps(Planned { with_replica: true, budget: Budget { moves: 2, writes: 3, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn three_units_that_relay_each_others_writes() {
    keeps(Planned { units: 3, budget: Budget { moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn prepared_transactions() {
    keeps(Planned { budget: Budget { prepares: 1, moves: 2, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn an_orchestrator_crashes_after_each_step() {
    keeps(Planned { nodes: 2, budget: Budget { crashes: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn orchestrators_crash_twice_beside_a_node_that_falls_silent() {
    let budget = Budget { crashes: 2, leases: 1, writes: 1, ..CALM };
    keeps(Planned { budget, ..small(Mutant::Product) });
}

#[test]
fn orchestrators_crash_while_three_units_relay_each_others_writes() {
    keeps(Planned { units: 3, budget: Budget { crashes: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn orchestrators_crash_beside_prepared_transactions() {
    keeps(Planned { budget: Budget { crashes: 1, prepares: 1, ..CALM }, ..small(Mutant::Product) });
}

#[test]
fn who_takes_over_takes_for_done_what_was_begun() {
    caught(Planned { nodes: 2, budget: Budget { crashes: 1, ..CALM }, ..small(Mutant::TakenForDone) }, ONE_OWNER);
}

#[test]
fn nobody_takes_over() {
    caught(Planned { budget: Budget { crashes: 1, ..CALM }, ..small(Mutant::NotTakenOver) }, ENDS_AFTER_A_CRASH);
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

const fn rows(nodes: usize, orchestrators: usize, mutant: RowMutant) -> RowFence {
    RowFence { nodes, orchestrators, moves: 1, writes: 2, mutant }
}

#[test]
fn rows_alone_keep_the_law_while_nodes_pause() {
    keeps(rows(2, 1, RowMutant::Product));
}

#[test]
fn rows_alone_keep_the_law_while_somebody_sets_them_from_what_he_once_read() {
    keeps(rows(2, 2, RowMutant::Product));
}

#[test]
fn rows_alone_keep_the_law_in_two_moves_of_which_either_may_go_back() {
    keeps(RowFence { moves: 2, ..rows(1, 2, RowMutant::Product) });
}

#[test]
fn a_row_is_compared_and_not_locked() {
    breaks(rows(2, 1, RowMutant::NotLocked), row::ONE_OWNER);
}

#[test]
fn a_position_is_read_before_the_row_is_closed() {
    breaks(rows(1, 1, RowMutant::ReadBeforeClosed), row::NOTHING_LOST);
}

#[test]
fn an_orchestrator_that_comes_late_opens_a_row_again() {
    breaks(rows(2, 2, RowMutant::NotMonotone), row::ONE_OWNER);
}

const SECONDS: u8 = 8;

#[test]
fn a_source_that_nobody_reaches_is_closed_by_its_lease() {
    keeps(Lease { renewers: 2, seconds: SECONDS, mutant: LeaseMutant::Product });
}

#[test]
fn leases_that_prove_nothing() {
    for mutant in
        [LeaseMutant::StoreFirst, LeaseMutant::ComparedAtStart, LeaseMutant::NotWaitedOut, LeaseMutant::StoreNotRead]
    {
        breaks(Lease { renewers: 2, seconds: SECONDS, mutant }, CLOSED);
    }
}

#[test]
fn a_source_is_lost_and_comes_back() {
    keeps(Forced { writes: 2, crashes: 0, mutant: ForceMutant::Product });
}

#[test]
fn nodes_crash_after_each_step_of_a_forced_change_or_are_overtaken() {
    keeps(Forced { writes: 2, crashes: 2, mutant: ForceMutant::Product });
}

#[test]
fn a_forced_change_that_was_left_only_goes_back() {
    breaks(Forced { writes: 1, crashes: 1, mutant: ForceMutant::ChannelsLeft }, FOLLOWED_AGAIN);
}

#[test]
fn who_was_overtaken_publishes_a_forced_change() {
    breaks(Forced { writes: 1, crashes: 1, mutant: ForceMutant::NotToldOff }, NEWER_ROWS_STAY);
}

#[test]
fn a_channel_from_a_lost_source_goes_on() {
    breaks(Forced { writes: 2, crashes: 0, mutant: ForceMutant::ChannelResumed }, NEWER_ROWS_STAY);
}

#[test]
fn a_channel_from_a_lost_source_is_only_stopped() {
    breaks(Forced { writes: 2, crashes: 0, mutant: ForceMutant::ChannelNotParked }, NEWER_ROWS_STAY);
}

#[test]
fn a_new_owner_opens_with_what_it_has_itself() {
    breaks(Forced { writes: 2, crashes: 0, mutant: ForceMutant::NobodyFed }, RECEIVED_IS_KEPT);
}

#[test]
fn what_was_received_and_not_applied_is_forgotten() {
    breaks(Forced { writes: 2, crashes: 0, mutant: ForceMutant::RelayForgotten }, RECEIVED_IS_KEPT);
}

#[test]
fn a_scope_that_shares_the_fence_of_one_that_moves_comes_back() {
    keeps(Shared { writes: 5, incarnations: 3, mutant: SharedMutant::Product });
}

#[test]
fn connections_that_write_nothing_of_what_moves_are_left_open() {
    breaks(Shared { writes: 3, incarnations: 2, mutant: SharedMutant::OthersLeft }, CLOSED_STAYS_CLOSED);
}

#[test]
fn who_comes_back_goes_by_what_was_known_before() {
    breaks(Shared { writes: 3, incarnations: 2, mutant: SharedMutant::EnteredUnread }, CLOSED_STAYS_CLOSED);
}

#[test]
fn a_replica_is_left_out_of_the_wait_and_serves_again_when_it_has_caught_up() {
    keeps(LeftOutOfWait { writes: 2, mutant: LeftOutMutant::Product });
}

#[test]
fn a_replica_that_is_not_waited_for_serves_on() {
    breaks(LeftOutOfWait { writes: 2, mutant: LeftOutMutant::ServesOn }, READERS_HAVE_ALL);
}

#[test]
fn a_replica_serves_again_before_it_has_caught_up() {
    breaks(LeftOutOfWait { writes: 2, mutant: LeftOutMutant::TakenBackEarly }, READERS_HAVE_ALL);
}

#[test]
fn the_rows_of_what_was_left_behind_are_closed_before_it_takes_writes() {
    keeps(LeftBehind { mutant: LeftBehindMutant::Product });
}

#[test]
fn the_rows_of_what_was_left_behind_stay_open() {
    for mutant in [LeftBehindMutant::RowsLeftOpen, LeftBehindMutant::ClosedTooLow] {
        breaks(LeftBehind { mutant }, left_behind::ONE_OWNER);
    }
}
