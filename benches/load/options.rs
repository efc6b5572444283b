//! The command line; `scripts/bench` writes it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use meridian::model::control_state::InstanceAddress;
use meridian::net::Account;

use crate::case::Case;

/// Measures endpoints side by side; called by scripts/bench.
#[derive(Debug, Parser)]
#[command(name = "load")]
pub struct Options {
    /// An endpoint on 127.0.0.1 and the process whose CPU is counted. The first is the database itself, which the others stand before
    #[arg(long = "endpoint", value_name = "NAME=PORT:PID", required = true)]
    pub endpoints: Vec<EndpointName>,
    /// The account's name
    #[arg(long)]
    pub user: String,
    /// The account's password
    #[arg(long)]
    pub password: String,
    /// The schema with the tables sbtest1 and blob20
    #[arg(long)]
    pub schema: String,
    /// What to run
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Case::ALL)]
    pub cases: Vec<Case>,
    /// At how many connections; without it 1, 16, 64 and 256, and the big result only at 1 and 16
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: Vec<u16>,
    /// Measured rounds; one more warms up
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// How long each endpoint's turn lasts; longer for cases whose events are long
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub slice_ms: u64,
    /// Idle connections whose memory is measured; 0 for none
    #[arg(long, default_value_t = 2000)]
    pub idle: usize,
    /// How many cores all parties share; said in the results
    #[arg(long, default_value_t = 1)]
    pub cores: u32,
    /// Write everything measured to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// The account to log in with.
    pub fn account(&self) -> Account {
        Account { user: self.user.clone(), password: self.password.clone() }
    }

    /// At how many connections this case runs.
    pub fn connections_of(&self, case: Case) -> &[u16] {
        if self.connections.is_empty() { case.usual_connections() } else { &self.connections }
    }
}

/// An endpoint as it was named.
#[derive(Clone, Debug)]
pub struct EndpointName {
    /// What it is called.
    pub name: String,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    /// The process behind it.
    pub pid: u32,
}

impl EndpointName {
    /// Where it listens.
    pub fn address(&self) -> InstanceAddress {
        InstanceAddress::Tcp("127.0.0.1".to_owned(), self.port)
    }
}

impl FromStr for EndpointName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<EndpointName, Self::Err> {
        const EXPECTED: &str = "expected name=port:pid";
        let (name, place) = text.split_once('=').ok_or(EXPECTED)?;
        let (port, pid) = place.split_once(':').ok_or(EXPECTED)?;
        let port = port.parse().map_err(|_| "the port is no number from 0 to 65535")?;
        let pid = pid.parse().map_err(|_| "the process id is no number")?;
        Ok(EndpointName { name: name.to_owned(), port, pid })
    }
}
