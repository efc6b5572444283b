//! Every kind of refusal by name, each with one example: metrics label them by it, and the README's table is checked against it.

use super::{OwnedKey, Rejection};
use crate::model::Epoch;
use crate::sql::{PinReason, SqlRefusal};

/// One list makes the match, which the compiler holds complete, and the examples, which therefore are complete too.
macro_rules! kinds {
    ($($name:literal: $pattern:pat => $example:expr;)*) => {
        impl Rejection {
            /// The name of the refusal in metrics and in the README's table; the refusals of SQL are told apart.
            pub fn kind(&self) -> &'static str {
                match self {
                    $($pattern => $name,)*
                }
            }

            /// One refusal of each kind.
            pub fn examples() -> Vec<Rejection> {
                vec![$($example),*]
            }
        }
    };
}

kinds! {
    "forbidden": Rejection::Forbidden { .. } => Rejection::Forbidden {
        what: "writes owned by unit 'bj'".to_owned(), reason: "drill".to_owned(), key: key(), epoch: Epoch(7),
    };
    "lagging": Rejection::Lagging { .. } => Rejection::Lagging {
        what: "writes owned by unit 'bj' in group 'main'".to_owned(),
        lag: "unit 'hz' is 12 s behind (31 transactions), and may be at most 5 s behind".to_owned(),
        key: key(), epoch: Epoch(7),
    };
    "wrong-unit": Rejection::WrongUnit { .. } => Rejection::WrongUnit {
        table: orders(), key: key(), here: hz(), owner: bj(), epoch: Epoch(7),
    };
    "key-missing": Rejection::KeyMissing { .. } => Rejection::KeyMissing { table: orders(), column: user_id() };
    "key-required": Rejection::KeyRequired { .. } => Rejection::KeyRequired { table: orders(), column: user_id() };
    "strong-without-key": Rejection::StrongWithoutKey { .. } => Rejection::StrongWithoutKey {
        table: orders(), column: user_id(),
    };
    "key-null": Rejection::KeyNull { .. } => Rejection::KeyNull { table: orders(), column: user_id() };
    "key-unreadable": Rejection::KeyUnreadable { .. } => Rejection::KeyUnreadable { table: orders(), column: user_id() };
    "key-unplaced": Rejection::KeyUnplaced { .. } => Rejection::KeyUnplaced {
        key: "6000".to_owned(), key_type: "user".to_owned(), epoch: Epoch(7),
    };
    "key-not-looked-up": Rejection::KeyNotLookedUp { .. } => Rejection::KeyNotLookedUp {
        key: "7".to_owned(), key_type: "order".to_owned(), table: "order_merchant".to_owned(),
    };
    "key-unmapped": Rejection::KeyUnmapped { .. } => Rejection::KeyUnmapped {
        key: "7".to_owned(), key_type: "order".to_owned(), table: "order_merchant".to_owned(),
    };
    "several-owners": Rejection::SeveralOwners { .. } => Rejection::SeveralOwners {
        table: orders(),
        keys: Box::new([
            OwnedKey { key: "50".to_owned(), owner: hz() },
            OwnedKey { key: "6000".to_owned(), owner: bj() },
        ]),
        epoch: Epoch(7),
    };
    "hint-contradicts": Rejection::HintContradicts { .. } => Rejection::HintContradicts {
        hint: "50".to_owned(), key: "6000".to_owned(),
    };
    "hint-unknown-unit": Rejection::HintUnknownUnit { .. } => Rejection::HintUnknownUnit { unit: "sz".to_owned() };
    "hint-not-owner": Rejection::HintNotOwner { .. } => Rejection::HintNotOwner {
        unit: hz(), owner: bj(), epoch: Epoch(7),
    };
    "transaction-touched": Rejection::TransactionTouched { .. } => Rejection::TransactionTouched {
        at: "unit 'hz'".to_owned(), wanted: "unit 'bj'".to_owned(), epoch: Epoch(7),
    };
    "transaction-fixed": Rejection::TransactionFixed { .. } => Rejection::TransactionFixed {
        at: "unit 'hz'".to_owned(), wanted: "unit 'bj'".to_owned(), epoch: Epoch(7),
    };
    "moving": Rejection::Moving { .. } => Rejection::Moving {
        what: "shards 5000-5999 move from unit 'bj' to unit 'hz'".to_owned(), epoch: Epoch(8),
    };
    "read-only-transaction": Rejection::ReadOnlyTransaction => Rejection::ReadOnlyTransaction;
    "pinned": Rejection::Pinned { .. } => Rejection::Pinned {
        at: "unit 'hz'".to_owned(), wanted: "unit 'bj'".to_owned(), reason: PinReason::TemporaryTable,
    };
    "packet-split": Rejection::PacketSplit { .. } => Rejection::PacketSplit {
        first: "unit 'hz'".to_owned(), second: "unit 'bj'".to_owned(), epoch: Epoch(7),
    };
    "packet-statement": Rejection::PacketStatement { .. } => Rejection::PacketStatement { what: "KILL" };
    "branch-not-found": Rejection::BranchNotFound => Rejection::BranchNotFound;
    "hints-disagree": Rejection::HintsDisagree { .. } => Rejection::HintsDisagree { what: "key" };
    "denied": Rejection::Denied { .. } => Rejection::Denied {
        rule: "no-full-scan".to_owned(), reason: "it took the shop down".to_owned(),
    };
    "read-only-user": Rejection::ReadOnlyUser { .. } => Rejection::ReadOnlyUser { user: "report".to_owned() };
    "statement-too-long": Rejection::StatementTooLong { .. } => Rejection::StatementTooLong {
        bytes: 2_000_000, limit: 1_048_576, user: "report".to_owned(),
    };
    "outdated": Rejection::Outdated { .. } => Rejection::Outdated { epoch: Epoch(7) };
    "sql-unreadable": Rejection::Sql(SqlRefusal::Unreadable { .. }) => sql(SqlRefusal::Unreadable { table: orders() });
    "sql-uncatalogued": Rejection::Sql(SqlRefusal::Uncatalogued { .. }) => sql(SqlRefusal::Uncatalogued {
        name: "coupon".to_owned(), written: None,
    });
    "sql-mixed-classes": Rejection::Sql(SqlRefusal::MixedClasses { .. }) => sql(SqlRefusal::MixedClasses {
        first: orders(), second: "product".to_owned(),
    });
    "sql-key-update": Rejection::Sql(SqlRefusal::KeyUpdate { .. }) => sql(SqlRefusal::KeyUpdate {
        table: orders(), column: user_id(),
    });
    "sql-mapping-fixed": Rejection::Sql(SqlRefusal::MappingFixed { .. }) => sql(SqlRefusal::MappingFixed {
        table: "order_merchant".to_owned(),
    });
    "sql-unreadable-key": Rejection::Sql(SqlRefusal::UnreadableKey { .. }) => sql(SqlRefusal::UnreadableKey {
        table: orders(), column: user_id(),
    });
    "sql-routine": Rejection::Sql(SqlRefusal::Routine { .. }) => sql(SqlRefusal::Routine { name: "settle".to_owned() });
    "sql-escape": Rejection::Sql(SqlRefusal::Escape { .. }) => sql(SqlRefusal::Escape { what: "SET GLOBAL".to_owned() });
    "sql-context-change": Rejection::Sql(SqlRefusal::ContextChange { .. }) => sql(SqlRefusal::ContextChange {
        what: "USE".to_owned(),
    });
    "sql-bad-hint": Rejection::Sql(SqlRefusal::BadHint { .. }) => sql(SqlRefusal::BadHint { found: "kye=6000".to_owned() });
}

fn sql(refusal: SqlRefusal) -> Rejection {
    Rejection::Sql(refusal)
}

fn orders() -> String {
    "orders".to_owned()
}

fn user_id() -> String {
    "user_id".to_owned()
}

fn hz() -> String {
    "hz".to_owned()
}

fn bj() -> String {
    "bj".to_owned()
}

fn key() -> Option<String> {
    Some("6000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_refusal_is_of_sqlstate_class_08_and_each_kind_has_one_name() {
        let mut names: Vec<&str> = Rejection::examples().iter().map(Rejection::kind).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rejection::examples().len());
        for example in Rejection::examples() {
            assert!(!example.sqlstate().starts_with("08") && example.sqlstate().len() == 5, "{example:?}");
            assert!((1000..2000).contains(&example.errno()), "{example:?}");
        }
    }
}
