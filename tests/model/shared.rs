//! Two scopes behind one fence of accounts: one of them moves, the other stays at the same source. Whoever is shut out there loses both; it comes
//! back as a new incarnation and writes what stays, and nothing of what moves. What an account becomes, whom it lets in and which step closes a
//! source is asked of the product.

use meridian::cutover::closing::{AtSource, Closing, Unheard, next_closing};
use meridian::model::NodeAccount;
use smallvec::SmallVec;
use stateright::{Model, Property};

/// The only node's number.
const NODE: u8 = 1;

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedMutant {
    /// None.
    Product,
    /// Only connections that are seen writing what moves are ended.
    OthersLeft,
    /// A new incarnation counts as having obeyed, and goes by what its predecessor knew.
    EnteredUnread,
}

/// One exploration.
#[derive(Clone, Debug)]
pub struct Shared {
    pub writes: u8,
    pub incarnations: u8,
    pub mutant: SharedMutant,
}

/// What is decided about the scope that moves, as somebody has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decided {
    AtSource,
    Moving,
    AtTarget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Moves,
    Stays,
}

/// A connection at the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Connection {
    incarnation: u8,
    /// The transaction that is open on it.
    open: Option<Scope>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    decided: Decided,
    /// Where the scope that moves was closed, once that was read.
    position: Option<u8>,
    /// By incarnation: whoever is known in the store, and whether it has said that it obeys.
    members: SmallVec<[(u8, bool); 3]>,
    incarnation: u8,
    known: Decided,
    /// No server has refused it.
    may_admit: bool,
    has_come_in: bool,
    /// Decided, and not yet sent.
    write: Option<Scope>,
    account: Option<NodeAccount>,
    connections: SmallVec<[Connection; 3]>,
    /// Whom the orchestrator does not wait for any longer.
    unheard: Option<SmallVec<[u8; 3]>>,
    is_closed: bool,
    writes: u8,
    /// Writes of the scope that moves at the source.
    written: u8,
    late: bool,
    came_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Admit(Scope),
    Send,
    Commit(usize),
    Learn,
    Acknowledge,
    Enter,
    ComeIn,
    Begin,
    WaitNoLonger,
    Close,
    Record,
    Publish,
}

pub const CLOSED_STAYS_CLOSED: &str = "nothing of what moves is written behind its closing position";

impl Model for Shared {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            decided: Decided::AtSource,
            position: None,
            members: [(1, false)].into_iter().collect(),
            incarnation: 1,
            known: Decided::AtSource,
            may_admit: true,
            has_come_in: true,
            write: None,
            account: NodeAccount::opened(None, 1).ok(),
            connections: SmallVec::new(),
            unheard: None,
            is_closed: false,
            writes: self.writes,
            written: 0,
            late: false,
            came_back: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.late {
            return;
        }
        actions.extend([Action::Admit(Scope::Moves), Action::Admit(Scope::Stays), Action::Send]);
        actions.extend((0..world.connections.len()).map(Action::Commit));
        actions.extend([Action::Learn, Action::Acknowledge, Action::Enter, Action::ComeIn]);
        actions.extend([Action::Begin, Action::WaitNoLonger, Action::Close, Action::Record, Action::Publish]);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Admit(scope) => {
                let is_open = scope == Scope::Stays || world.known == Decided::AtSource;
                (world.may_admit && world.has_come_in && is_open && world.write.is_none() && world.writes > 0)
                    .then_some(())?;
                world.writes -= 1;
                world.write = Some(scope);
            }
            Action::Send => world.send()?,
            Action::Commit(at) => {
                let Connection { incarnation, open } = world.connections[at];
                world.connections[at].open = None;
                match open? {
                    Scope::Moves => {
                        world.written += 1;
                        world.late = world.position.is_some_and(|position| world.written > position);
                    }
                    Scope::Stays => world.came_back |= incarnation > 1 && world.decided == Decided::AtTarget,
                }
            }
            Action::Learn => world.known = world.decided,
            Action::Acknowledge => {
                let own = world.incarnation;
                let in_flight = world.write == Some(Scope::Moves)
                    || world.connections.iter().any(|one| one.incarnation == own && one.open == Some(Scope::Moves));
                (world.known != Decided::AtSource && !in_flight).then_some(())?;
                world.members.iter_mut().find(|(member, _)| *member == own)?.1 = true;
            }
            Action::Enter => {
                // It was shut out, and has noticed; what it had decided is refused to its clients.
                (!world.may_admit && world.incarnation < self.incarnations).then_some(())?;
                let is_unread = self.mutant == SharedMutant::EnteredUnread;
                world.incarnation += 1;
                world.members.push((world.incarnation, is_unread));
                (world.may_admit, world.has_come_in, world.write) = (true, false, None);
                if !is_unread {
                    world.known = world.decided;
                }
            }
            Action::ComeIn => {
                (!world.has_come_in).then_some(())?;
                let own = world.incarnation;
                world.account = Some(NodeAccount::opened(world.account, own.into()).ok()?);
                world.connections.retain(|one| one.incarnation == own);
                world.has_come_in = true;
            }
            Action::Begin => {
                (world.decided == Decided::AtSource).then_some(())?;
                world.decided = Decided::Moving;
            }
            Action::WaitNoLonger => {
                (world.decided == Decided::Moving && world.position.is_none()).then_some(())?;
                let late = world.members.iter().filter(|(_, obeys)| !obeys).map(|(member, _)| *member);
                (world.unheard, world.is_closed) = (Some(late.collect()), false);
            }
            Action::Close => self.close(&mut world)?,
            Action::Record => {
                let unheard = world.unheard.clone().filter(|_| world.is_closed && world.position.is_none())?;
                let is_settled = |(member, obeys): &(u8, bool)| *obeys || unheard.contains(member);
                world.members.iter().all(is_settled).then_some(())?;
                world.position = Some(world.written);
            }
            Action::Publish => {
                (world.decided == Decided::Moving && world.position.is_some()).then_some(())?;
                world.decided = Decided::AtTarget;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Shared>> {
        vec![
            Property::always(CLOSED_STAYS_CLOSED, |_, world: &World| !world.late),
            Property::sometimes("it moves although somebody was shut out", |_, world: &World| {
                world.decided == Decided::AtTarget && world.unheard.as_ref().is_some_and(|unheard| !unheard.is_empty())
            }),
            Property::sometimes("who was shut out writes what stays, at the source", |_, world: &World| {
                world.came_back
            }),
        ]
    }
}

impl Shared {
    fn close(&self, world: &mut World) -> Option<()> {
        let unheard = world.unheard.clone().filter(|_| !world.is_closed)?;
        let is_out = |one: &Connection| {
            let is_unheard = unheard.iter().any(|member| one.incarnation <= *member);
            is_unheard && (self.mutant != SharedMutant::OthersLeft || one.open == Some(Scope::Moves))
        };
        let seen = AtSource {
            accounts: world.account.map(|account| (NODE, account)).into_iter().collect(),
            threads: world.connections.iter().filter(|one| is_out(one)).count(),
            prepared: 0,
        };
        let named: Vec<Unheard> =
            unheard.iter().map(|member| Unheard { node: NODE, incarnation: (*member).into() }).collect();
        match next_closing(&named, &seen) {
            Closing::ShutOut(one) => world.account = Some(NodeAccount::closed(world.account, one.incarnation)),
            Closing::EndThreads => world.connections.retain(|one| !is_out(one)),
            Closing::Prepared(_) => return None,
            Closing::Closed => world.is_closed = true,
        }
        Some(())
    }
}

impl World {
    /// On a connection that is there, whatever has become of the account; otherwise on a new one, if the account lets it in.
    fn send(&mut self) -> Option<()> {
        let (scope, own) = (self.write?, self.incarnation);
        self.write = None;
        match self.connections.iter_mut().find(|one| one.incarnation == own) {
            Some(busy) if busy.open.is_some() => return None,
            Some(idle) => idle.open = Some(scope),
            None if NodeAccount::lets_in(self.account, own.into()) => {
                self.connections.push(Connection { incarnation: own, open: Some(scope) });
            }
            None => self.may_admit = false,
        }
        Some(())
    }
}
