//! The rounds: in each, every endpoint has its turn, and another one begins.
//!
//! The machine's speed changes from second to second; turns next to each other suffer it alike, so only ratios within a round are compared.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::case::Case;
use crate::client::{Client, Target};
use crate::connection::{Scratch, scratch};
use crate::error::LoadError;
use crate::estimate::quantile;
use crate::instructions::{Count, are_countable};
use crate::options::{EndpointName, Options};
use crate::process::CpuTime;
use crate::results::{CaseResult, EndpointResult, Ratios, Round};
use crate::slice::{self, Tally};

struct Endpoint {
    name: EndpointName,
    target: Rc<Target>,
    clients: Vec<Client>,
}

struct Bench {
    endpoints: Vec<Endpoint>,
    scratch: Rc<Scratch>,
    cores: u32,
}

/// Measures all cases; `each` sees every result as soon as it is there.
pub async fn measure(options: &Options, mut each: impl FnMut(&CaseResult)) -> Result<Vec<CaseResult>, LoadError> {
    let endpoints = options.endpoints.iter().map(|name| {
        let target = Target { address: name.address(), account: options.account(), schema: options.schema.clone() };
        Endpoint { name: name.clone(), target: Rc::new(target), clients: Vec::new() }
    });
    let mut bench = Bench { endpoints: endpoints.collect(), scratch: Rc::new(scratch()), cores: options.cores };
    let can_count = are_countable();
    let mut results = Vec::new();
    for &case in &options.cases {
        let length = Duration::from_millis(options.slice_ms) * case.slices();
        for &connections in options.connections_of(case) {
            let mut result = bench.rounds(case, connections, length, options.rounds).await?;
            if can_count {
                bench.count_instructions(case, connections, length, &mut result).await?;
            }
            result.compare();
            each(&result);
            results.push(result);
        }
    }
    Ok(results)
}

impl Bench {
    async fn rounds(
        &mut self,
        case: Case,
        connections: u16,
        length: Duration,
        rounds: u32,
    ) -> Result<CaseResult, LoadError> {
        let mut endpoints: Vec<EndpointResult> = self.endpoints.iter().map(|endpoint| empty(&endpoint.name)).collect();
        for round in 0..=rounds as usize {
            for turn in 0..endpoints.len() {
                let index = (round + turn) % endpoints.len();
                let (measured, faults) = self.turn(index, case, connections, length).await?;
                let result = &mut endpoints[index];
                for (fault, times) in faults {
                    *result.faults.entry(fault).or_default() += times;
                }
                // The first round fills caches and opens connections.
                if round > 0 {
                    result.rounds.push(measured);
                }
            }
        }
        Ok(CaseResult { case: case.key(), title: case.title(), connections, endpoints, core_share: 0.0 })
    }

    /// One turn of one endpoint; `None` when nothing ran.
    async fn turn(
        &mut self,
        index: usize,
        case: Case,
        connections: u16,
        length: Duration,
    ) -> Result<(Option<Round>, BTreeMap<String, u64>), LoadError> {
        if let Err(fault) = self.endpoints[index].prepare(case, connections).await {
            return Ok((None, BTreeMap::from([(fault, 1)])));
        }
        let (database, proxy) = (self.cpu(0)?, self.cpu(index)?);
        // Our own time last before and first after: reading thousands of threads costs us some.
        let client = CpuTime::of(std::process::id())?;
        let mut tally = self.work(index, case, connections, length).await;
        let client = CpuTime::of(std::process::id())?.since(&client);
        let spent = Spent {
            client,
            database: self.cpu(0)?.since(&database),
            proxy: if index == 0 { None } else { Some(self.cpu(index)?.since(&proxy)) },
        };
        let faults = std::mem::take(&mut tally.faults);
        Ok(((tally.events > 0).then(|| self.round(tally, &spent)), faults))
    }

    /// Lets the endpoint's first clients work; the others stay connected and idle.
    async fn work(&mut self, index: usize, case: Case, connections: u16, length: Duration) -> Tally {
        let endpoint = &mut self.endpoints[index];
        let idle = endpoint.clients.split_off(usize::from(connections));
        let clients = std::mem::take(&mut endpoint.clients);
        let (mut clients, tally) = slice::run(clients, case, length, Rc::clone(&self.scratch)).await;
        clients.extend(idle);
        endpoint.clients = clients;
        tally
    }

    fn round(&self, mut tally: Tally, spent: &Spent) -> Round {
        tally.latencies.sort_unstable();
        let microseconds = |share| quantile(&tally.latencies, share) as f64 / 1000.0;
        let each = |amount: u64| amount as f64 / tally.statements as f64;
        let all = spent.client + spent.database + spent.proxy.unwrap_or(0);
        let seconds = tally.elapsed.as_secs_f64();
        Round {
            events_per_second: tally.events as f64 / seconds,
            p50_us: microseconds(0.5),
            p99_us: microseconds(0.99),
            received: each(tally.received),
            proxy_ns: spent.proxy.map(each),
            database_ns: each(spent.database),
            client_ns: each(spent.client),
            core_share: all as f64 / 1e9 / seconds / f64::from(self.cores),
        }
    }

    /// One more turn for each proxy, under perf, which would disturb the times.
    async fn count_instructions(
        &mut self,
        case: Case,
        connections: u16,
        length: Duration,
        result: &mut CaseResult,
    ) -> Result<(), LoadError> {
        for index in 1..self.endpoints.len() {
            if self.endpoints[index].prepare(case, connections).await.is_err() {
                continue;
            }
            let count = Count::start(self.endpoints[index].name.pid)?;
            let tally = self.work(index, case, connections, length).await;
            let counted = count.finish()?.filter(|_| tally.statements > 0);
            result.endpoints[index].instructions = counted.map(|count| count as f64 / tally.statements as f64);
        }
        Ok(())
    }

    fn cpu(&self, index: usize) -> Result<CpuTime, LoadError> {
        let EndpointName { name, pid, .. } = &self.endpoints[index].name;
        CpuTime::of(*pid).map_err(|error| LoadError::Process {
            endpoint: name.clone(),
            pid: *pid,
            reason: error.to_string(),
        })
    }
}

/// Nanoseconds on CPU in one turn.
struct Spent {
    client: u64,
    database: u64,
    proxy: Option<u64>,
}

impl Endpoint {
    /// Makes sure that so many clients are there and logged in. Errors: why one is not.
    async fn prepare(&mut self, case: Case, connections: u16) -> Result<(), String> {
        while self.clients.len() < usize::from(connections) {
            let number = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
            self.clients.push(Client::new(Rc::clone(&self.target), number));
        }
        for client in self.clients.iter_mut().take(connections.into()) {
            client.prepare(case).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn empty(name: &EndpointName) -> EndpointResult {
    EndpointResult {
        name: name.name.clone(),
        rounds: Vec::new(),
        faults: BTreeMap::new(),
        instructions: None,
        ratios: Ratios::default(),
    }
}
