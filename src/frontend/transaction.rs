//! The session's transaction: queued until its first routed statement, then open at one backend.

use smallvec::SmallVec;

use crate::control::WriteTicket;
use crate::model::Scope;
use crate::route::{Target, TransactionAccess, TransactionView};
use crate::sql::BranchId;

/// What was said ahead of the first routed statement: BEGIN, SAVEPOINT, SET TRANSACTION, as packets to send.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The client's packets, in order.
    pub packets: Vec<Vec<u8>>,
    /// BEGIN is among them (else only SET TRANSACTION, for whatever comes next).
    pub begun: bool,
    /// START TRANSACTION READ ONLY.
    pub read_only: bool,
    /// It must not be ended and reopened elsewhere: a consistent snapshot, a savepoint, SERIALIZABLE.
    pub fixed: bool,
    /// It is XA START, of this branch.
    pub branch: Option<Box<BranchId>>,
}

/// A transaction that is open at a backend.
#[derive(Debug)]
pub struct OpenTransaction {
    /// Where.
    pub target: Target,
    /// What it did.
    pub access: TransactionAccess,
    /// What the server's flags say of it.
    pub word: ServersWord,
    /// How it was opened, to open it again elsewhere as long as it has only read.
    pub opening: Opening,
    /// The tickets of its writes, until it has ended at the database.
    pub tickets: SmallVec<[WriteTicket; 1]>,
    /// The scopes those tickets are for.
    pub written: SmallVec<[Scope; 2]>,
    /// The scopes whose rows of the fence it holds: they let it in, and nobody raises them before it has ended.
    pub compared: SmallVec<[Scope; 2]>,
}

impl OpenTransaction {
    /// Keeps the ticket of a write in `scopes`, if it needed one.
    pub fn keep(&mut self, ticket: Option<WriteTicket>, scopes: &[Scope]) {
        if let Some(ticket) = ticket {
            self.tickets.push(ticket);
            self.written.extend_from_slice(scopes);
        }
    }
}

/// The session's transaction.
#[derive(Debug, Default)]
pub enum Transaction {
    /// None.
    #[default]
    None,
    /// Begun for the client, not yet at any backend.
    Queued(Opening),
    /// Open at a backend.
    Open(Box<OpenTransaction>),
}

impl Transaction {
    /// As a decision sees it. With autocommit off every statement stands in a transaction, begun or not.
    pub fn view(&self, autocommit: Autocommit) -> TransactionView {
        match self {
            Transaction::None if autocommit == Autocommit::Off => {
                TransactionView::Queued { read_only: false, branch: false }
            }
            Transaction::None => TransactionView::None,
            Transaction::Queued(opening) => {
                TransactionView::Queued { read_only: opening.read_only, branch: opening.branch.is_some() }
            }
            Transaction::Open(open) => TransactionView::Open {
                target: open.target,
                access: open.access,
                fixed: open.opening.fixed,
                read_only: open.opening.read_only,
            },
        }
    }

    /// The scopes its tickets are for.
    pub fn written(&self) -> &[Scope] {
        match self {
            Transaction::None | Transaction::Queued(_) => &[],
            Transaction::Open(open) => &open.written,
        }
    }

    /// The scopes whose rows of the fence it holds.
    pub fn compared(&self) -> &[Scope] {
        match self {
            Transaction::None | Transaction::Queued(_) => &[],
            Transaction::Open(open) => &open.compared,
        }
    }

    /// Whether it is open at a backend.
    pub fn is_open(&self) -> bool {
        matches!(self, Transaction::Open(_))
    }

    /// Whether the client has begun one, open at a backend or not.
    pub fn is_begun(&self) -> bool {
        match self {
            Transaction::None => false,
            Transaction::Queued(opening) => opening.begun,
            Transaction::Open(_) => true,
        }
    }

    /// The XA branch it is, begun or open.
    pub fn branch(&self) -> Option<&BranchId> {
        match self {
            Transaction::None => None,
            Transaction::Queued(opening) => opening.branch.as_deref(),
            Transaction::Open(open) => open.opening.branch.as_deref(),
        }
    }

    /// Adds a packet to what is said ahead of the first routed statement.
    pub fn queue(&mut self, packet: Vec<u8>) -> &mut Opening {
        if !matches!(self, Transaction::Queued(_)) {
            *self = Transaction::Queued(Opening::default());
        }
        match self {
            Transaction::Queued(opening) => {
                opening.packets.push(packet);
                opening
            }
            Transaction::None | Transaction::Open(_) => unreachable!("it was made a queued one just above"),
        }
    }

    /// The connection it was open on is lost, and the transaction with it; its tickets stay until that is certain. What is
    /// only queued was on no connection and stays.
    pub fn lose(&mut self) -> SmallVec<[WriteTicket; 1]> {
        match std::mem::take(self) {
            Transaction::Open(open) => open.tickets,
            kept @ (Transaction::None | Transaction::Queued(_)) => {
                *self = kept;
                SmallVec::new()
            }
        }
    }

    /// The tickets of its writes, if it was open.
    pub fn into_tickets(self) -> SmallVec<[WriteTicket; 1]> {
        match self {
            Transaction::Open(open) => open.tickets,
            Transaction::None | Transaction::Queued(_) => SmallVec::new(),
        }
    }

    /// The statement it was to open with was not sent: what was taken for it waits for the next one.
    pub fn put_back(&mut self, opening: Opening) {
        if matches!(self, Transaction::None) && !opening.packets.is_empty() {
            *self = Transaction::Queued(opening);
        }
    }

    /// Takes what has to be sent ahead of a statement that opens it.
    pub fn take_opening(&mut self) -> Opening {
        match std::mem::take(self) {
            Transaction::Queued(opening) => opening,
            Transaction::Open(open) => open.opening,
            Transaction::None => Opening::default(),
        }
    }
}

/// What a server's status flags say of an open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServersWord {
    /// That it is open; when they do not any more, it has ended.
    Open,
    /// Nothing: it keeps tables locked against DDL and has changed nothing that ROLLBACK could undo. Only a statement that ends
    /// transactions ends it.
    Nothing,
}

/// The session's autocommit setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autocommit {
    /// Each statement commits by itself.
    On,
    /// A transaction is open from the first statement to COMMIT.
    Off,
}
