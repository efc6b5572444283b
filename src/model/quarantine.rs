//! An instance that was left behind by force: it may hold writes that nobody else has, so it takes no part until an operator has put it right.

use std::collections::BTreeMap;
use std::fmt;

use super::{Epoch, GroupId, Position, UnitId};

/// Why nobody could write at the source any more when its scopes were given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosureProof {
    /// No write was in flight at any node, and every connection had ended.
    Drained,
    /// The configured fencing command said so.
    FencingCommand,
    /// The source's lease has ended by its own clock, without which no transaction commits there.
    LeaseEnded,
    /// There was none: an operator accepted that writes may have been taken in two places.
    Unfenced,
}

impl fmt::Display for ClosureProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ClosureProof::Drained => "no write was left in flight",
            ClosureProof::FencingCommand => "the fencing command succeeded",
            ClosureProof::LeaseEnded => "the lease of its primary has ended",
            ClosureProof::Unfenced => "none: a dual write is possible",
        })
    }
}

/// What a node's own records say of what it acknowledged and was lost; in this order, the later says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcknowledgedLoss {
    /// It has not said anything: it may be lost too.
    NotHeard,
    /// It does not know what its former process acknowledged.
    NotKnown,
    /// So many transactions at most.
    AtMost(u64),
}

/// A unit's primary of one group, left behind by force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The group.
    pub group: GroupId,
    /// The unit whose primary it is.
    pub unit: UnitId,
    /// The unit that got its scopes, and that its unit's clients read from meanwhile.
    pub stand_in: UnitId,
    /// The epoch of the change.
    pub since: Epoch,
    /// What made it safe.
    pub proof: ClosureProof,
    /// The stand-in's whole position when it took over: what the source has beyond it is lost.
    pub cut: String,
    /// What was lost, as GTIDs; known once the source was heard of again.
    pub loss: Option<String>,
    /// What each node that was entered then says of what it acknowledged there.
    pub acknowledged: BTreeMap<String, AcknowledgedLoss>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who: the console account.
    pub by: String,
    /// When, as seconds since 1970 (UTC), for people only.
    pub at: u64,
}

impl Quarantine {
    /// How much of the loss was acknowledged to clients, in words: not more than was lost, and not more than the nodes acknowledged since.
    pub fn acknowledged(&self) -> String {
        if let Some(lost) = self.loss.as_deref().map(transactions) {
            let told = self.told().filter(|told| *told < lost);
            return format!("at most {}", told.unwrap_or(lost));
        }
        let of = |says: AcknowledgedLoss| {
            let nodes = self.acknowledged.iter().filter(|(_, said)| **said == says);
            nodes.map(|(node, _)| node.as_str()).collect::<Vec<_>>().join(", ")
        };
        let at_most = self.acknowledged.iter().filter_map(|(node, said)| match said {
            AcknowledgedLoss::AtMost(most) => Some(format!("at most {most} by {node}")),
            AcknowledgedLoss::NotHeard | AcknowledgedLoss::NotKnown => None,
        });
        let (unknown, unheard) = (of(AcknowledgedLoss::NotKnown), of(AcknowledgedLoss::NotHeard));
        let unknown = (!unknown.is_empty()).then(|| format!("not known to {unknown}"));
        let unheard = (!unheard.is_empty()).then(|| format!("not heard: {unheard}"));
        at_most.chain(unknown).chain(unheard).collect::<Vec<_>>().join("; ")
    }

    /// The sum, where every node has told.
    fn told(&self) -> Option<u64> {
        let most = |said: &AcknowledgedLoss| match said {
            AcknowledgedLoss::AtMost(most) => Some(*most),
            AcknowledgedLoss::NotHeard | AcknowledgedLoss::NotKnown => None,
        };
        self.acknowledged.values().map(most).sum()
    }
}

/// How many transactions a loss lists: `1-11-933..935,2-21-7` of MariaDB, a set of GTIDs of Oracle MySQL, or `nothing`.
fn transactions(loss: &str) -> u64 {
    if loss.contains(':') {
        return Position::of_mysql(loss).missing_from(&Position::of_mysql("")).unwrap_or(0);
    }
    let of_part = |part: &str| -> Option<u64> {
        let numbers = part.rsplit('-').next()?;
        let (first, last) = numbers.split_once("..").unwrap_or((numbers, numbers));
        Some((last.parse::<u64>().ok()? + 1).saturating_sub(first.parse().ok()?))
    };
    loss.split(',').filter_map(of_part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarantine(loss: Option<&str>, acknowledged: &[(&str, AcknowledgedLoss)]) -> Quarantine {
        Quarantine {
            group: GroupId(0),
            unit: UnitId(0),
            stand_in: UnitId(1),
            since: Epoch(9),
            proof: ClosureProof::Drained,
            cut: "1-11-932".to_owned(),
            loss: loss.map(str::to_owned),
            acknowledged: acknowledged.iter().map(|(node, said)| (node.to_string(), *said)).collect(),
            reason: String::new(),
            by: String::new(),
            at: 0,
        }
    }

    #[test]
    fn the_transactions_of_a_loss_are_counted_as_either_family_writes_them() {
        for (loss, count) in [
            ("nothing", 0),
            ("1-11-933", 1),
            ("1-11-933..935,2-21-7", 4),
            ("3e11fa47-0000-0000-0000-000000000001:5-7", 3),
            ("3e11fa47-0000-0000-0000-000000000001:5-7:9,3e11fa47-0000-0000-0000-000000000002:t:1", 5),
        ] {
            assert_eq!(transactions(loss), count, "{loss}");
        }
    }

    #[test]
    fn what_was_acknowledged_is_bounded_by_the_nodes_and_by_the_loss() {
        let (some, none) = (AcknowledgedLoss::AtMost(3), AcknowledgedLoss::AtMost(0));
        let told = |loss, acknowledged: &[_]| quarantine(loss, acknowledged).acknowledged();
        assert_eq!(told(None, &[("a", some), ("b", none)]), "at most 3 by a; at most 0 by b");
        assert_eq!(
            told(None, &[("a", some), ("b", AcknowledgedLoss::NotHeard), ("c", AcknowledgedLoss::NotKnown)]),
            "at most 3 by a; not known to c; not heard: b"
        );
        assert_eq!(told(Some("1-11-1..9"), &[("a", some), ("b", some)]), "at most 6");
        assert_eq!(told(Some("1-11-1..2"), &[("a", some), ("b", some)]), "at most 2");
        assert_eq!(told(Some("1-11-1..2"), &[("a", none), ("b", AcknowledgedLoss::NotHeard)]), "at most 2");
        assert_eq!(told(Some("nothing"), &[("a", AcknowledgedLoss::NotKnown)]), "at most 0");
    }
}
