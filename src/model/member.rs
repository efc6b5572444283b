//! The nodes that share one store: each run of a node is an incarnation with a lease, and says how far it has got with what was decided.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{ControlState, Epoch, MoveId};

/// One run of a node, or of a node's lease: after a lease has ended, even the same process is another incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation {
    /// The node's name.
    pub node: String,
    /// Its number, which only grows.
    pub number: u64,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}#{}", self.node, self.number)
    }
}

/// What an incarnation says of itself when it enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The units it has listeners in.
    pub units: Vec<String>,
    /// The program's version.
    pub version: String,
    /// The accounts it writes with at the instances.
    pub accounts: Vec<String>,
    /// The node's number, which its own accounts are named after.
    pub number: u8,
    /// The groups, by name, at whose primaries it logs in with accounts of its own and no others.
    pub own_accounts: Vec<String>,
    /// The groups, by name, of which it sends no write without comparing the row of its scope.
    pub compares_rows: Vec<String>,
    /// The groups, by name, of which it commits no write without comparing the primary's lease.
    pub compares_leases: Vec<String>,
    /// The units, by name, that it was started with; none from a program that does not say.
    pub knows: Vec<String>,
    /// Where it is told directly what its moves wait for, if it is.
    pub reports_at: Option<ReportAddress>,
}

/// Where and with which key a node is told directly, past the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportAddress {
    /// Where the others reach it.
    pub address: SocketAddr,
    /// What it believes is sealed with this key, which is told in the store alone.
    pub key: ReportKey,
}

/// The key of one process; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportKey(pub [u8; 32]);

impl fmt::Debug for ReportKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ReportKey(..)")
    }
}

/// How far a node has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every statement that begins from now on is decided under this epoch or a later one.
    pub seen: Epoch,
    /// No write that was decided under an older epoch than this is in flight.
    pub settled: Epoch,
    /// Moves under way of whose scopes no older write is in flight at this node.
    pub drained: Vec<MoveId>,
    /// The threads at servers that are this node's, where somebody asked.
    pub claims: Vec<Claim>,
}

/// A node's answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which question.
    pub question: u64,
    /// Its threads at that instance; all that it had when it was asked, at least.
    pub threads: Vec<u32>,
}

/// Which threads at an instance are yours? Asked of all living nodes, so that the others' can be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number, which nobody uses twice.
    pub number: u64,
    /// The instance, by name.
    pub instance: String,
}

/// Whether a node is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Its lease holds.
    Live,
    /// Its lease has ended and it has not signed off: it may be dead, paused, or cut off.
    Silent,
}

/// An incarnation as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub incarnation: Incarnation,
    /// What it said when it entered.
    pub about: About,
    /// The store's revision when it entered: unique, and higher than that of whoever entered before, under whatever name. Instances know
    /// the node's accounts by it.
    pub fence: u64,
    /// Whether it is heard of.
    pub life: Life,
    /// Whether somebody is shutting it out at a source: it has to enter anew.
    pub is_shut_out: bool,
    /// What it last said; what a silent one said is gone with its lease.
    pub report: Report,
}

/// Everything in the store at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The revision; only grows.
    pub revision: i64,
    /// What revisions count from as numbers of accounts.
    pub base: u64,
    /// The control state.
    pub state: Option<Arc<ControlState>>,
    /// The incarnations, by node and number.
    pub members: Vec<Member>,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// Who keeps a move from going on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Live nodes that have not said that no older write of theirs is in flight.
    pub awaited: Vec<Incarnation>,
    /// Silent ones: nobody knows what they do, so the database has to be asked to end it.
    pub silent: Vec<Incarnation>,
}

impl Picture {
    /// Who keeps move `id` from going on; `None` when the picture is older than the move, so that it may lack somebody.
    pub fn standing(&self, id: MoveId) -> Option<Standing> {
        let known = self.state.as_ref().is_some_and(|state| state.epoch >= id.fence());
        if !known {
            return None;
        }
        let mut standing = Standing::default();
        for member in &self.members {
            match member.life {
                Life::Silent => standing.silent.push(member.incarnation.clone()),
                Life::Live if member.report.drained.contains(&id) => {}
                Life::Live => standing.awaited.push(member.incarnation.clone()),
            }
        }
        Some(standing)
    }

    /// The live nodes that were started without `unit`, and can send nothing there.
    pub fn without(&self, unit: &str) -> Vec<Incarnation> {
        let live = self.members.iter().filter(|member| member.life == Life::Live);
        let lacks =
            |member: &&Member| !member.about.knows.is_empty() && !member.about.knows.iter().any(|known| known == unit);
        live.filter(lacks).map(|member| member.incarnation.clone()).collect()
    }

    /// The live nodes at which `epoch` is not in force yet.
    pub fn behind(&self, epoch: Epoch) -> Vec<Incarnation> {
        let live = self.members.iter().filter(|member| member.life == Life::Live);
        live.filter(|member| member.report.seen < epoch).map(|member| member.incarnation.clone()).collect()
    }

    /// The live nodes at which writes that were decided before `epoch` may be in flight.
    pub fn unsettled(&self, epoch: Epoch) -> Vec<Incarnation> {
        let live = self.members.iter().filter(|member| member.life == Life::Live);
        live.filter(|member| member.report.settled < epoch).map(|member| member.incarnation.clone()).collect()
    }

    /// The threads that the living claim, once each of them has answered question `number`; `None` until then.
    pub fn claimed(&self, number: u64) -> Option<Vec<u32>> {
        let live = self.members.iter().filter(|member| member.life == Life::Live);
        let answer = |member: &Member| {
            let claims = member.report.claims.iter();
            claims.filter(|claim| claim.question == number).map(|claim| claim.threads.clone()).next()
        };
        let claims: Option<Vec<Vec<u32>>> = live.map(answer).collect();
        claims.map(|claims| claims.concat())
    }

    /// The incarnation called this, if the store knows it.
    pub fn member(&self, incarnation: &Incarnation) -> Option<&Member> {
        self.members.iter().find(|member| member.incarnation == *incarnation)
    }

    /// Whether the lease of `incarnation` holds.
    pub fn is_live(&self, incarnation: &str) -> bool {
        let live = self.members.iter().filter(|member| member.life == Life::Live);
        live.map(|member| member.incarnation.to_string()).any(|live| live == incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: &str, life: Life, report: Report) -> Member {
        let incarnation = Incarnation { node: node.to_owned(), number: 1 };
        let about = About {
            units: vec!["hz".to_owned()],
            version: "1".to_owned(),
            accounts: Vec::new(),
            number: 1,
            own_accounts: Vec::new(),
            compares_rows: Vec::new(),
            compares_leases: Vec::new(),
            knows: Vec::new(),
            reports_at: None,
        };
        Member { incarnation, about, fence: 1, life, is_shut_out: false, report }
    }

    fn picture(epoch: u64, members: Vec<Member>) -> Picture {
        let state = ControlState {
            epoch: Epoch(epoch),
            units: Vec::new(),
            groups: Vec::new(),
            instances: Vec::new(),
            default_group: crate::model::GroupId(0),
            forbids: Vec::new(),
            moves: Vec::new(),
            configured: Vec::new(),
            history: Vec::new(),
            denials: Vec::new(),
            quarantines: Vec::new(),
            left_out: Vec::new(),
        };
        Picture { revision: 9, base: 0, state: Some(Arc::new(state)), members, questions: Vec::new() }
    }

    fn names(incarnations: &[Incarnation]) -> Vec<String> {
        incarnations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_move_waits_for_every_incarnation_living_or_not() {
        let drained = Report { drained: vec![MoveId(5)], ..Report::default() };
        let another = Report { drained: vec![MoveId(4)], ..Report::default() };
        let members = vec![
            member("a", Life::Live, drained.clone()),
            member("b", Life::Live, another),
            // What a silent one said before does not count: its lease held nothing it has done since.
            member("c", Life::Silent, drained),
        ];
        let standing = picture(5, members.clone()).standing(MoveId(5)).unwrap_or_default();
        assert_eq!((names(&standing.awaited), names(&standing.silent)), (vec!["b#1".into()], vec!["c#1".into()]));
        assert_eq!(picture(4, members).standing(MoveId(5)), None, "a picture older than the fence may lack somebody");
    }

    #[test]
    fn claims_count_when_every_living_node_has_answered() {
        let answer = |threads: &[u32]| Report {
            claims: vec![Claim { question: 7, threads: threads.to_vec() }],
            ..Report::default()
        };
        let living = vec![member("a", Life::Live, answer(&[1, 2])), member("b", Life::Live, answer(&[3]))];
        assert_eq!(picture(1, living.clone()).claimed(7), Some(vec![1, 2, 3]));
        assert_eq!(picture(1, living.clone()).claimed(8), None);
        let with_silent = [living, vec![member("c", Life::Silent, Report::default())]].concat();
        assert_eq!(picture(1, with_silent).claimed(7), Some(vec![1, 2, 3]));
    }

    #[test]
    fn an_epoch_is_in_force_when_no_living_node_is_behind() {
        let at = |epoch| Report { seen: Epoch(epoch), ..Report::default() };
        let members =
            vec![member("a", Life::Live, at(5)), member("b", Life::Live, at(4)), member("c", Life::Silent, at(1))];
        assert_eq!(names(&picture(5, members).behind(Epoch(5))), ["b#1"]);
    }
}
