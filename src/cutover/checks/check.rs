//! What there is to be looked at before a move, and what of it an operator may skip or make strict. Pure.

use std::fmt;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The server answers.
    Answers,
    /// It writes a binlog that holds what it applies, under GTIDs.
    Binlog,
    /// It applies the others' streams: channels there are run, by GTID.
    Channels,
    /// No channel leaves out anything but local tables.
    Filters,
    /// A target takes writes.
    Writable,
    /// No transaction is prepared for two-phase commit at a source.
    Prepared,
    /// Automatic ids of the units keep apart.
    AutomaticIds,
    /// Binlogs are kept long enough for a follower that was stopped.
    Retention,
    /// No event of a server's own writes in the group's schemas.
    Events,
    /// No account of an application writes where `read_only` is on.
    ReadOnlyBypass,
    /// A node that is not heard can be shut out at a source at once.
    Fence,
    /// Every node knows the target.
    Nodes,
    /// Nobody else may write at a source.
    Accounts,
    /// It applies one transaction after the other.
    Appliers,
    /// It begins closed when it is started.
    Start,
    /// What the group's schemas enforce holds over several units.
    Schema,
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Check::Answers => "answers",
            Check::Binlog => "binlog",
            Check::Channels => "channels",
            Check::Filters => "filters",
            Check::Writable => "writable",
            Check::Prepared => "prepared",
            Check::AutomaticIds => "automatic-ids",
            Check::Retention => "retention",
            Check::Events => "events",
            Check::ReadOnlyBypass => "read-only-bypass",
            Check::Fence => "fence",
            Check::Nodes => "nodes",
            Check::Accounts => "accounts",
            Check::Appliers => "appliers",
            Check::Start => "start",
            Check::Schema => "schema",
        })
    }
}

/// Every check, in the order of the enumeration.
const CHECKS: [Check; 16] = [
    Check::Answers,
    Check::Binlog,
    Check::Channels,
    Check::Filters,
    Check::Writable,
    Check::Prepared,
    Check::AutomaticIds,
    Check::Retention,
    Check::Events,
    Check::ReadOnlyBypass,
    Check::Fence,
    Check::Nodes,
    Check::Accounts,
    Check::Appliers,
    Check::Start,
    Check::Schema,
];

impl Check {
    /// The check that is called so.
    pub fn of(word: &str) -> Option<Check> {
        CHECKS.into_iter().find(|check| check.to_string() == word)
    }

    /// Whether it may be told to refuse (`strict_checks`) where it would only tell.
    pub fn can_be_strict(self) -> bool {
        matches!(self, Check::Accounts | Check::Appliers | Check::Start)
    }

    /// Whether an operator may take its fault upon himself: no move depends on it to be safe, only what comes later or from elsewhere.
    pub fn can_be_skipped(self) -> bool {
        match self {
            Check::AutomaticIds
            | Check::Retention
            | Check::Events
            | Check::ReadOnlyBypass
            | Check::Nodes
            | Check::Accounts
            | Check::Start
            | Check::Schema => true,
            Check::Answers
            | Check::Binlog
            | Check::Channels
            | Check::Filters
            | Check::Writable
            | Check::Prepared
            | Check::Fence
            | Check::Appliers => false,
        }
    }
}

/// Checks whose faults an operator takes upon himself, for one move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedChecks {
    /// Which.
    pub checks: Vec<Check>,
    /// Why, in his words.
    pub reason: String,
}

impl fmt::Display for SkippedChecks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks: Vec<String> = self.checks.iter().map(Check::to_string).collect();
        write!(out, "{}: {}", checks.join(", "), self.reason)
    }
}
