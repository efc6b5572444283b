//! What a run gives: the rounds as they were, and the ratios made of them. This is what the JSON file holds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::estimate::{Estimate, median};

/// The endpoint whose CPU is the yardstick.
pub const YARDSTICK: &str = "haproxy";

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    /// Measured rounds.
    pub rounds: u32,
    /// The length of a slice in milliseconds.
    pub slice_ms: u64,
    /// Cores that all parties shared.
    pub cores: u32,
    /// Whether the machine lets instructions be counted.
    pub instructions_countable: bool,
    /// Each case at each number of connections.
    pub cases: Vec<CaseResult>,
    /// Memory of idle connections.
    pub idle: Vec<IdleResult>,
}

/// One case at one number of connections.
#[derive(Debug, Serialize)]
pub struct CaseResult {
    /// The case's key.
    pub case: String,
    /// The case's name for people.
    pub title: &'static str,
    /// Clients at once.
    pub connections: u16,
    /// The endpoints, the database itself first.
    pub endpoints: Vec<EndpointResult>,
    /// Time on CPU of client, database and proxy, as a share of the cores they had; low when others took it away.
    pub core_share: f64,
}

/// One endpoint's rounds of a case.
#[derive(Debug, Serialize)]
pub struct EndpointResult {
    /// The endpoint's name.
    pub name: String,
    /// The rounds; `None` where it could not be measured.
    pub rounds: Vec<Option<Round>>,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
    /// Instructions of the proxy for each statement; `None` where they cannot be counted.
    pub instructions: Option<f64>,
    /// The ratios.
    pub ratios: Ratios,
}

/// One turn of one endpoint.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// Events in a second.
    pub events_per_second: f64,
    /// Half of the events took at most so many microseconds.
    pub p50_us: f64,
    /// 99 of 100 did.
    pub p99_us: f64,
    /// Bytes of replies to a statement.
    pub received: f64,
    /// The proxy's nanoseconds on CPU for a statement; `None` for the database itself.
    pub proxy_ns: Option<f64>,
    /// The database's.
    pub database_ns: f64,
    /// The client's.
    pub client_ns: f64,
    /// Time on CPU of all parties as a share of the cores.
    pub core_share: f64,
}

/// Medians of ratios taken within each round.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Ratios {
    /// Throughput over that of the database itself.
    pub throughput: Option<Estimate>,
    /// The same of the p50.
    pub p50: Option<Estimate>,
    /// The same of the p99.
    pub p99: Option<Estimate>,
    /// The proxy's CPU over the database's in the same turn.
    pub proxy_over_database: Option<Estimate>,
    /// The proxy's CPU for a statement over the yardstick's in the same round.
    pub proxy_over_yardstick: Option<Estimate>,
    /// The same with both measured in client CPU of their own turn, which takes out a machine whose speed changes between turns.
    pub proxy_over_yardstick_by_client: Option<Estimate>,
}

/// Memory of idle connections at one endpoint.
#[derive(Debug, Serialize)]
pub struct IdleResult {
    /// The endpoint's name.
    pub name: String,
    /// Plain connections.
    pub plain: IdleMemory,
    /// TLS connections.
    pub tls: IdleMemory,
}

/// Memory of idle connections of one kind.
#[derive(Debug, Serialize)]
pub struct IdleMemory {
    /// How many could be opened.
    pub connections: usize,
    /// Growth of resident memory for each, in bytes; `None` when none could be opened.
    pub bytes: Option<f64>,
    /// Why fewer were opened than asked for.
    pub fault: Option<String>,
}

impl EndpointResult {
    /// The median over the rounds.
    pub fn median(&self, what: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(&self.rounds.iter().flatten().filter_map(what).collect::<Vec<_>>())
    }
}

impl CaseResult {
    /// The endpoint of this name.
    pub fn endpoint(&self, name: &str) -> Option<&EndpointResult> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Fills in the ratios, and the share of the cores.
    pub fn compare(&mut self) {
        let Some(direct) = self.endpoints.first().map(|endpoint| endpoint.rounds.clone()) else { return };
        let yardstick = self.endpoint(YARDSTICK).map(|endpoint| endpoint.rounds.clone()).unwrap_or_default();
        for endpoint in &mut self.endpoints {
            let own = &endpoint.rounds;
            let by_client = |round: &Round| Some(round.proxy_ns? / round.client_ns);
            let over_database: Vec<f64> =
                own.iter().flatten().filter_map(|round| Some(round.proxy_ns? / round.database_ns)).collect();
            endpoint.ratios = Ratios {
                throughput: ratio(own, &direct, |round| Some(round.events_per_second)),
                p50: ratio(own, &direct, |round| Some(round.p50_us)),
                p99: ratio(own, &direct, |round| Some(round.p99_us)),
                proxy_over_database: Estimate::of(&over_database),
                proxy_over_yardstick: ratio(own, &yardstick, |round| round.proxy_ns),
                proxy_over_yardstick_by_client: ratio(own, &yardstick, by_client),
            };
        }
        let shares = self.endpoints.iter().filter_map(|endpoint| endpoint.median(|round| Some(round.core_share)));
        self.core_share = median(&shares.collect::<Vec<_>>()).unwrap_or(0.0);
    }
}

/// The ratio of each round in which both sides were measured.
fn ratio(own: &[Option<Round>], other: &[Option<Round>], what: impl Fn(&Round) -> Option<f64>) -> Option<Estimate> {
    let both = own.iter().zip(other).filter_map(|(own, other)| {
        let (own, other) = (what(own.as_ref()?)?, what(other.as_ref()?)?);
        (other > 0.0).then(|| own / other)
    });
    Estimate::of(&both.collect::<Vec<_>>())
}
