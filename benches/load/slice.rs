//! One endpoint's turn: some clients run events side by side until the time is over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::case::Case;
use crate::client::{Client, Event};
use crate::connection::Scratch;

/// How long after its end a turn's last replies may take to come before their clients are given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was counted in one turn.
#[derive(Debug, Default)]
pub struct Tally {
    /// From the first command to the end of the last reply.
    pub elapsed: Duration,
    /// Events that ran whole.
    pub events: u64,
    /// Their statements.
    pub statements: u64,
    /// Bytes of their replies.
    pub received: u64,
    /// How long each took, in nanoseconds, in no order.
    pub latencies: Vec<u64>,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
}

struct Turn {
    case: Case,
    until: Instant,
    scratch: Rc<Scratch>,
    tally: RefCell<Tally>,
}

/// Lets the clients run for `length`, and the events they have begun to their end. Gives them back, except those that got no answer.
pub async fn run(clients: Vec<Client>, case: Case, length: Duration, scratch: Rc<Scratch>) -> (Vec<Client>, Tally) {
    let started = Instant::now();
    let turn = Rc::new(Turn { case, until: started + length, scratch, tally: RefCell::default() });
    let expected = clients.len();
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn_local(drive(client, Rc::clone(&turn)));
    }
    let mut back = Vec::with_capacity(expected);
    let all = async {
        while let Some(ended) = running.join_next().await {
            back.extend(ended.ok());
        }
    };
    // Past the patience the rest is dropped with its connections, and missed below.
    let _ = tokio::time::timeout(length + PATIENCE, all).await;
    let mut tally = turn.tally.take();
    tally.elapsed = started.elapsed();
    if back.len() < expected {
        let fault = format!("no answer within {} s", PATIENCE.as_secs());
        tally.faults.insert(fault, (expected - back.len()) as u64);
    }
    (back, tally)
}

async fn drive(mut client: Client, turn: Rc<Turn>) -> Client {
    let mut began = Instant::now();
    while began < turn.until {
        let event = client.event(turn.case, &turn.scratch).await;
        let now = Instant::now();
        let is_broken = matches!(event, Event::Broken(_));
        note(&mut turn.tally.borrow_mut(), event, now - began);
        if is_broken {
            break;
        }
        began = now;
    }
    client
}

fn note(tally: &mut Tally, event: Event, took: Duration) {
    let fault = match event {
        Event::Done { statements, received } => {
            tally.events += 1;
            tally.statements += statements;
            tally.received += received;
            tally.latencies.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            return;
        }
        Event::Refused(errno) => format!("error {errno}"),
        Event::Broken(error) => error.to_string(),
    };
    *tally.faults.entry(fault).or_default() += 1;
}
