//! The known ways to get it wrong. Each replaces one rule of the product by the wrong one, and must be caught by the property it names.

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// None: the product as it is.
    Product,
    /// An older incarnation opens its account again.
    NonMonotoneFence,
    /// A move goes on without the acknowledgement of a living node.
    SkippedAcknowledgement,
    /// The target owns the scope before it has the source's position.
    PublishBeforeWait,
    /// A fence takes the epoch that is in force already.
    EpochReused,
    /// A node whose lease has ended is taken for harmless.
    LeaseOnly,
    /// Prepared transactions are not looked for.
    PreparedIgnored,
    /// Only the target is waited for.
    TargetAlone,
    /// Filtered channels pass the check.
    FilteredEcho,
    /// What the store knows of an incarnation goes with its lease.
    IncarnationForgotten,
    /// An account is opened for a newer incarnation without a new password.
    OldPassword,
    /// The newer incarnation does not end what the older one left.
    OldThreadsLeft,
    /// Who takes a move over takes for done what its predecessor had begun.
    TakenForDone,
    /// Nobody takes over a move whose orchestrator has crashed.
    NotTakenOver,
}
