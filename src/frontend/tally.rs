//! Counts of what was refused, and of what would have been done with the statements of groups that are only observed; each with the last example.
//!
//! It decides nothing. Literals of clients' statements are never kept: an example is a shape.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::model::{ControlState, GroupId};
use crate::route::{Rejection, Verdict};
use crate::sql::Disagreement;

/// What happened, or would have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happening {
    /// The group; `None` where no group is told apart.
    pub group: Option<String>,
    /// `refused`, `disagreed`, `would refuse`, `would forward`, `would stay`.
    pub what: &'static str,
    /// The kind of refusal, the unit it would have gone to, or nothing.
    pub detail: String,
}

impl Happening {
    /// A refusal.
    pub fn refused(rejection: &Rejection) -> Happening {
        let detail = match rejection {
            Rejection::Denied { rule, .. } => format!("{} {rule}", rejection.kind()),
            other => other.kind().to_owned(),
        };
        Happening { group: None, what: "refused", detail }
    }

    /// Our classifier and the parser differ about a text.
    pub fn disagreed(disagreement: Disagreement) -> Happening {
        let detail = match disagreement {
            Disagreement::NotParsed => "not-parsed",
            Disagreement::UnseenQuery => "unseen-query",
            Disagreement::OtherStatement => "other-statement",
        };
        Happening { group: None, what: "disagreed", detail: detail.to_owned() }
    }

    /// What would have been done with a statement of `group`.
    pub fn observed(state: &ControlState, group: GroupId, verdict: &Verdict) -> Happening {
        let (what, detail) = match verdict {
            Verdict::Stay(_) => ("would stay", String::new()),
            Verdict::Forward(route) => ("would forward", state.unit(route.target.unit).name.clone()),
            Verdict::Refuse(rejection) => ("would refuse", rejection.kind().to_owned()),
        };
        Happening { group: Some(state.group(group).name.clone()), what, detail }
    }
}

/// How often something happened, and to what last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// The user of the example.
    pub user: String,
    /// The shape of the example, without literals.
    pub example: String,
    /// Its digest.
    pub digest: u64,
}

/// An example of what is counted.
pub struct Example<'a> {
    /// The user.
    pub user: &'a str,
    /// The digest of its shape.
    pub digest: u64,
    /// Its shape; asked for only when the example is kept.
    pub shape: &'a dyn Fn() -> String,
}

/// All counts of a node since it started.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Happening, Count>>);

/// The longest example that is kept, in characters.
const LONGEST: usize = 500;

impl Tally {
    /// Counts one; whether it is the first of its kind, or one worth a line in the log.
    pub fn add(&self, happening: Happening, example: &Example<'_>) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(happening).or_default();
        count.times += 1;
        // What is usual must not cost a text each time: every second, fourth, eighth … is kept, and whatever is new.
        let is_kept = count.times.is_power_of_two();
        if is_kept || count.digest != example.digest && count.times < 1_000 {
            *count = Count {
                times: count.times,
                user: example.user.to_owned(),
                example: (example.shape)().chars().take(LONGEST).collect(),
                digest: example.digest,
            };
        }
        is_kept
    }

    /// All counts so far.
    pub fn all(&self) -> Vec<(Happening, Count)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(happening, count)| (happening.clone(), count.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_with_its_last_example_and_few_texts_are_made() {
        let tally = Tally::default();
        let made = std::cell::Cell::new(0);
        let refused = || Happening::refused(&Rejection::ReadOnlyTransaction);
        for number in 0..5_000u64 {
            let shape = || {
                made.set(made.get() + 1);
                "UPDATE t SET a = ?".repeat(100)
            };
            tally.add(refused(), &Example { user: "app", digest: number % 2, shape: &shape });
        }
        let counts = tally.all();
        assert_eq!(counts.len(), 1);
        assert_eq!((counts[0].0.clone(), counts[0].1.times), (refused(), 5_000));
        assert_eq!(counts[0].1.example.chars().count(), LONGEST);
        assert!(made.get() < 1_100, "{} texts", made.get());
    }
}
