//! The connection fence: at each instance every node has an account of its own, and the instance knows which run of the node (incarnation)
//! the account's password belongs to. Pure.
//!
//! The instances hold to the same rules in stored procedures (`ctl/accounts/procedures.sql`); the model (`tests/model`) explores them.
//!
//! Numbers only rise, so that whoever comes late, a node that was paused or an orchestrator that was replaced, changes nothing back.

/// What keeps a node that is not heard from writing at a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fence {
    /// Nothing of its own: its lease has to end first, then the connections that no living node calls its own are ended.
    #[default]
    None,
    /// Its accounts: they are shut and their connections ended, at any moment.
    Connection,
    /// A row for each scope at the primaries: every write locks and compares it, and a move raises it ([`super::fence_row`]).
    Row,
    /// The same, and each primary has a lease, which every transaction compares with the primary's own clock as it commits: one that nobody
    /// reaches any more closes by itself ([`super::fence_lease`]).
    RowLease,
}

impl Fence {
    /// Whether writes compare rows.
    pub fn has_rows(self) -> bool {
        matches!(self, Fence::Row | Fence::RowLease)
    }
}

/// What an instance knows of one node's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeAccount {
    /// The newest incarnation the instance was told of. Only its password is valid.
    pub incarnation: u64,
    /// Whether it may log in.
    pub door: Door,
}

/// Whether an account may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// With the password of its incarnation.
    Open,
    /// Not at all, for good: its incarnation stays out, only a newer one opens it again.
    Closed,
}

/// The instance knows of a newer incarnation, or of this one having been shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl NodeAccount {
    /// The account after `incarnation` has come in with a password of its own; `known` is what the instance knew, nothing at first.
    /// Whoever was logged in before has to be ended by the same hand. Errors: it comes too late.
    pub fn opened(known: Option<NodeAccount>, incarnation: u64) -> Result<NodeAccount, Stale> {
        match known {
            Some(known) if incarnation <= known.incarnation => Err(Stale),
            Some(_) | None => Ok(NodeAccount { incarnation, door: Door::Open }),
        }
    }

    /// The account after `incarnation` was shut out: every older one is too, a newer one is not touched, because whoever shuts out has not
    /// meant it.
    pub fn closed(known: Option<NodeAccount>, incarnation: u64) -> NodeAccount {
        match known {
            Some(newer) if newer.incarnation > incarnation => newer,
            Some(_) | None => NodeAccount { incarnation, door: Door::Closed },
        }
    }

    /// Whether `incarnation` can log in, where the instance knows this of the account. What it knows nothing of is closed.
    pub fn lets_in(known: Option<NodeAccount>, incarnation: u64) -> bool {
        known == Some(NodeAccount { incarnation, door: Door::Open })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn open(incarnation: u64) -> Option<NodeAccount> {
        Some(NodeAccount { incarnation, door: Door::Open })
    }

    const fn closed(incarnation: u64) -> Option<NodeAccount> {
        Some(NodeAccount { incarnation, door: Door::Closed })
    }

    #[test]
    fn only_a_newer_incarnation_opens_an_account() {
        for (known, incarnation, then) in [
            (None, 1, open(1)),
            (open(1), 2, open(2)),
            (closed(2), 3, open(3)),
            (open(2), 2, None),
            (open(3), 2, None),
            (closed(2), 2, None),
        ] {
            assert_eq!(NodeAccount::opened(known, incarnation).ok(), then, "{known:?} {incarnation}");
        }
    }

    #[test]
    fn shutting_out_reaches_the_older_and_spares_the_newer() {
        for (known, incarnation, then) in
            [(None, 1, closed(1)), (open(1), 1, closed(1)), (open(1), 2, closed(2)), (open(3), 2, open(3))]
        {
            assert_eq!(Some(NodeAccount::closed(known, incarnation)), then, "{known:?} {incarnation}");
        }
        assert!(NodeAccount::opened(closed(2), 2).is_err(), "who was shut out before it came in stays out");
    }

    #[test]
    fn only_the_newest_logs_in_and_only_while_open() {
        for (known, incarnation, is_in) in
            [(None, 1, false), (open(2), 2, true), (open(2), 1, false), (open(1), 2, false), (closed(2), 2, false)]
        {
            assert_eq!(NodeAccount::lets_in(known, incarnation), is_in, "{known:?} {incarnation}");
        }
    }
}
