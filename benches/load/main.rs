//! The load generator of `scripts/bench`: the same work over several endpoints in turns, and what it cost each of them.
//!
//! One thread and one scratch buffer: rows are walked over by the response scanner, never decoded, so that the client takes little of the core
//! it shares with what it measures. It starts and stops no server and judges nothing. Start at `measure`, then `slice` and `client`.

mod case;
mod client;
mod connection;
mod error;
mod estimate;
mod goals;
mod idle;
mod instructions;
mod measure;
mod options;
mod process;
mod report;
mod results;
mod slice;

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

use clap::Parser;
use tokio::task::LocalSet;

use error::LoadError;
use options::Options;
use results::Results;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let results = LocalSet::new().block_on(&runtime, measure_all(options))?;
    println!("\n{}\n\n{}", report::idle(&results), goals::lines(&results));
    if let Some(file) = &options.json {
        serde_json::to_writer_pretty(BufWriter::new(File::create(file)?), &results)?;
    }
    Ok(())
}

/// The idle connections come first: memory that a busy process has given back to its allocator would hide their cost.
async fn measure_all(options: &Options) -> Result<Results, LoadError> {
    let idle = idle::measure(options).await?;
    let cases = measure::measure(options, |case| println!("\n{}", report::case(case, options.rounds))).await?;
    Ok(Results {
        rounds: options.rounds,
        slice_ms: options.slice_ms,
        cores: options.cores,
        instructions_countable: instructions::are_countable(),
        cases,
        idle,
    })
}
