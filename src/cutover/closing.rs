//! Which step closes a source at the database itself: shutting out whoever has not said that it obeys, ending its threads, and finding what
//! outlives threads. Pure.
//!
//! An acknowledgement or a lease that ran out proves nothing about a statement that is on its way; the instance does, once it has refused it.

use std::collections::BTreeMap;

use crate::model::NodeAccount;

/// One run of a node that has not said that it obeys the fence: it may be slow, dead, paused, or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unheard {
    /// The node's number.
    pub node: u8,
    /// Its incarnation.
    pub incarnation: u64,
}

/// What is seen at a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtSource {
    /// What it knows of the nodes' accounts.
    pub accounts: BTreeMap<u8, NodeAccount>,
    /// Threads there of those who have to be out, and threads that have not said yet whose they are.
    pub threads: usize,
    /// Transactions that are prepared there for two-phase commit: they have no thread, and anybody can commit them later.
    pub prepared: usize,
}

/// What is to be done next at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Shut this one out.
    ShutOut(Unheard),
    /// End the threads that are left. Only when nobody new comes in.
    EndThreads,
    /// Nothing can be done about prepared transactions: whoever prepared them has to end them first.
    Prepared(usize),
    /// It is closed: what it has written by now is all there will be.
    Closed,
}

/// The next step towards a source where none of `unheard` can write.
pub fn next_closing(unheard: &[Unheard], seen: &AtSource) -> Closing {
    let still_in = unheard.iter().find(|one| {
        let known = seen.accounts.get(&one.node).copied();
        known != Some(NodeAccount::closed(known, one.incarnation))
    });
    match still_in {
        Some(one) => Closing::ShutOut(*one),
        None if seen.threads > 0 => Closing::EndThreads,
        None if seen.prepared > 0 => Closing::Prepared(seen.prepared),
        None => Closing::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Door;

    #[test]
    fn first_nobody_comes_in_then_threads_end_then_what_outlives_them_is_looked_for() {
        let unheard = [Unheard { node: 1, incarnation: 4 }, Unheard { node: 2, incarnation: 7 }];
        let account = |incarnation, door| NodeAccount { incarnation, door };
        let mut seen = AtSource { threads: 3, prepared: 1, ..AtSource::default() };
        seen.accounts.insert(1, account(4, Door::Open));
        assert_eq!(next_closing(&unheard, &seen), Closing::ShutOut(unheard[0]));
        seen.accounts.insert(1, account(4, Door::Closed));
        assert_eq!(next_closing(&unheard, &seen), Closing::ShutOut(unheard[1]), "it never was here: it must not come");
        // A newer one came in meanwhile: what the older one had was ended by it.
        seen.accounts.insert(2, account(8, Door::Open));
        assert_eq!(next_closing(&unheard, &seen), Closing::EndThreads);
        seen.threads = 0;
        assert_eq!(next_closing(&unheard, &seen), Closing::Prepared(1));
        seen.prepared = 0;
        assert_eq!(next_closing(&unheard, &seen), Closing::Closed);
    }

    #[test]
    fn prepared_transactions_count_where_everybody_has_obeyed() {
        let seen = AtSource { prepared: 2, ..AtSource::default() };
        assert_eq!(next_closing(&[], &seen), Closing::Prepared(2));
        assert_eq!(next_closing(&[], &AtSource::default()), Closing::Closed);
    }
}
