//! What applications do meanwhile: unique appends, a register, transfers, reads of one's own writes; and what each was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::world::{NODES, SHARDS_PER_SCOPE, UNITS, World};

/// The scope that is the Global Zone.
pub const ZONE: u32 = 5;

/// How long a client waits for one transaction before it gives its connection up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its COMMIT was answered with OK.
    Acknowledged,
    /// It was refused before COMMIT was sent: it must be nowhere.
    Refused,
    /// COMMIT was sent, and OK was not seen.
    Unknown,
}

/// One write of a client.
#[derive(Clone, Debug)]
pub struct Written {
    pub id: String,
    pub scope: u32,
    /// What it read in its transaction.
    pub version: Option<u64>,
    /// Whether it added a row of its own.
    pub appends: bool,
    pub outcome: Outcome,
}

/// A strong read behind a write that was acknowledged.
#[derive(Clone, Debug)]
pub struct ReadBack {
    /// The write's.
    pub id: String,
    /// What it made of its spine.
    pub version: u64,
    /// What was read.
    pub seen: Option<u64>,
}

/// The histories of all clients.
#[derive(Default)]
pub struct Histories {
    pub written: Vec<Written>,
    pub read_back: Vec<ReadBack>,
    /// What refusals and lost connections said, shortened, with their number.
    pub told: std::collections::BTreeMap<String, u64>,
}

/// Clients at every node until told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Histories>,
}

impl Load {
    /// Two clients at each node, which write everywhere.
    pub fn start(world: &Arc<World>, seed: u64) -> Load {
        Load::by(world, seed, |node| (Way::Node(node), (0..=ZONE).collect()))
    }

    /// As many without Meridian: each writes what its unit owned at first, at the unit's primary.
    pub fn past_meridian(world: &Arc<World>, seed: u64) -> Load {
        Load::by(world, seed, |node| {
            let unit = World::unit_of(node);
            (Way::Primary(unit), (0..=ZONE).filter(|scope| first_owner(*scope) == unit).collect())
        })
    }

    fn by(world: &Arc<World>, seed: u64, way: impl Fn(usize) -> (Way, Vec<u32>)) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..2 * NODES {
            let (world, stop) = (Arc::clone(world), Arc::clone(&stop));
            let chance = StdRng::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(client as u64));
            let (way, scopes) = way(client % NODES);
            let done = Histories::default();
            clients.spawn(Client { world, way, scopes, number: client, chance, done }.run(stop));
        }
        Load { stop, clients }
    }

    /// Ends all clients; what they saw.
    pub async fn end(mut self) -> Histories {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Histories::default();
        while let Some(client) = self.clients.join_next().await {
            let mut client = client.unwrap();
            all.written.append(&mut client.written);
            all.read_back.append(&mut client.read_back);
            for (text, times) in client.told {
                *all.told.entry(text).or_default() += times;
            }
        }
        all
    }
}

/// Where a client connects.
#[derive(Clone, Copy)]
enum Way {
    Node(usize),
    Primary(&'static str),
}

/// Who owns a scope before anything is moved.
pub fn first_owner(scope: u32) -> &'static str {
    match scope {
        ZONE | 0 | 1 => UNITS[0],
        2 | 3 => UNITS[1],
        _ => UNITS[2],
    }
}

struct Client {
    world: Arc<World>,
    way: Way,
    /// What it writes.
    scopes: Vec<u32>,
    number: usize,
    chance: StdRng,
    done: Histories,
}

/// What was reached when it failed.
struct Failed {
    commit_was_sent: bool,
    error: String,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Histories {
        let mut connection: Option<Conn> = None;
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let open = match connection.take() {
                Some(open) => open,
                None => match self.connect().await {
                    Ok(open) => open,
                    Err(error) => {
                        self.tell(&error.to_string());
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                },
            };
            number += 1;
            let id = format!("c{}-{number}", self.number);
            connection = self.one(open, id).await;
            tokio::time::sleep(Duration::from_millis(self.chance.random_range(20..80))).await;
        }
        self.done
    }

    async fn connect(&self) -> Result<Conn, mysql_async::Error> {
        match self.way {
            Way::Node(node) => self.world.client(node).await,
            Way::Primary(unit) => self.world.client_past_meridian(unit).await,
        }
    }

    async fn one(&mut self, mut connection: Conn, id: String) -> Option<Conn> {
        let scope = *self.scopes.choose(&mut self.chance).unwrap();
        let appends = scope != ZONE && self.chance.random_bool(0.7);
        let statements = self.statements(scope, &id, appends);
        // Whether COMMIT was sent must be known even when this waits in vain.
        let sent = AtomicBool::new(false);
        let outcome = match timeout(PATIENCE, transact(&mut connection, &statements, scope, &sent)).await {
            Ok(Ok(version)) => Ok(version),
            Ok(Err(error)) => Err(Failed { commit_was_sent: sent.load(Ordering::Relaxed), error: error.to_string() }),
            Err(_) => Err(Failed { commit_was_sent: sent.load(Ordering::Relaxed), error: NO_ANSWER.to_owned() }),
        };
        let mut written = Written { id, scope, version: None, appends, outcome: Outcome::Acknowledged };
        match outcome {
            Ok(version) => {
                written.version = Some(version);
                let id = written.id.clone();
                self.done.written.push(written);
                if self.chance.random_bool(0.2) {
                    return self.read_own(connection, id, scope, version).await;
                }
                Some(connection)
            }
            Err(failed) => {
                self.tell(&failed.error);
                written.outcome = if failed.commit_was_sent { Outcome::Unknown } else { Outcome::Refused };
                self.done.written.push(written);
                // What comes late would be taken for the answer to what is asked next.
                if failed.error == NO_ANSWER {
                    return None;
                }
                // A connection that goes would end the transaction too; ROLLBACK is what applications do.
                let rolled_back = timeout(Duration::from_secs(5), connection.query_drop("ROLLBACK")).await;
                matches!(rolled_back, Ok(Ok(()))).then_some(connection)
            }
        }
    }

    fn statements(&mut self, scope: u32, id: &str, appends: bool) -> Vec<String> {
        if scope == ZONE {
            return vec![format!("UPDATE zone SET version = version + 1, last = '{id}' WHERE id = 1")];
        }
        let user = scope * SHARDS_PER_SCOPE;
        let mut statements =
            vec![format!("UPDATE spine SET version = version + 1, last = '{id}' WHERE user_id = {user}")];
        if appends {
            let further = self.chance.random_range(0..SHARDS_PER_SCOPE);
            statements.push(format!("INSERT INTO appends (id, user_id) VALUES ('{id}', {})", user + further));
        }
        let (from, to) = (self.chance.random_range(0..10), self.chance.random_range(0..10));
        if from != to {
            for (slot, change) in [(from, "- 1"), (to, "+ 1")] {
                statements.push(format!(
                    "UPDATE bank SET balance = balance {change} WHERE user_id = {user} AND slot = {slot}"
                ));
            }
        }
        statements
    }

    /// A strong read must see what this client was told is written.
    async fn read_own(&mut self, mut connection: Conn, id: String, scope: u32, version: u64) -> Option<Conn> {
        let query = format!("/*meridian: level=strong*/ {}", version_of(scope));
        match timeout(PATIENCE, connection.query_first::<u64, _>(query)).await {
            Ok(Ok(seen)) => {
                self.done.read_back.push(ReadBack { id, version, seen });
                Some(connection)
            }
            Ok(Err(error)) => {
                self.tell(&error.to_string());
                matches!(error, mysql_async::Error::Server(_)).then_some(connection)
            }
            Err(_) => None,
        }
    }

    fn tell(&mut self, error: &str) {
        // Digits differ from one to the next.
        let text: String =
            error.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }).take(150).collect();
        *self.done.told.entry(text).or_default() += 1;
    }
}

/// What is told of a statement that was not answered in time.
const NO_ANSWER: &str = "no answer";

fn version_of(scope: u32) -> String {
    match scope {
        ZONE => "SELECT version FROM zone WHERE id = 1".to_owned(),
        _ => format!("SELECT version FROM spine WHERE user_id = {}", scope * SHARDS_PER_SCOPE),
    }
}

async fn transact(
    connection: &mut Conn,
    statements: &[String],
    scope: u32,
    sent: &AtomicBool,
) -> Result<u64, mysql_async::Error> {
    connection.query_drop("BEGIN").await?;
    for statement in statements {
        connection.query_drop(statement).await?;
    }
    let version: Option<u64> = connection.query_first(version_of(scope)).await?;
    sent.store(true, Ordering::Relaxed);
    connection.query_drop("COMMIT").await?;
    Ok(version.unwrap_or_default())
}
