//! The results as a table for people.

use std::fmt::Write;

use crate::estimate::Estimate;
use crate::results::{CaseResult, EndpointResult, IdleMemory, Results};

/// Below this share of the cores, others took so much that the figures say little.
const FAIR_SHARE: f64 = 0.8;

/// Replies of an endpoint that differ from the database's by more than this are worth a word.
const SAME_SIZE: f64 = 0.05;

const HEADINGS: [&str; 9] = [
    "endpoint",
    "per second",
    "/ direct",
    "p50 us",
    "p50 / direct",
    "p99 / direct",
    "proxy us",
    "proxy / db",
    "proxy / haproxy (by client CPU)",
];
const WIDTHS: [usize; 9] = [10, 10, 16, 9, 16, 16, 9, 16, 38];

/// One case, all endpoints. CPU is for a statement; ratios are medians of the rounds' ratios with 95 % bounds.
pub fn case(case: &CaseResult, rounds: u32) -> String {
    let share = case.core_share * 100.0;
    let mut text = format!("{}, {} connections", case.title, case.connections);
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "   ({rounds} rounds; the parties had {share:.0} % of the cores");
    text.push_str(if case.core_share < FAIR_SHARE { ": DISTURBED)\n" } else { ")\n" });
    line(&mut text, HEADINGS.map(str::to_owned));
    for endpoint in &case.endpoints {
        line(&mut text, row(endpoint));
    }
    for note in notes(case) {
        let _ = writeln!(text, "  ! {note}");
    }
    text.trim_end().to_owned()
}

fn row(endpoint: &EndpointResult) -> [String; 9] {
    let ratios = &endpoint.ratios;
    let proxy = endpoint.median(|round| round.proxy_ns);
    let yardstick = match (ratios.proxy_over_yardstick, ratios.proxy_over_yardstick_by_client) {
        (Some(plain), Some(by_client)) => format!("{} ({})", bounded(&plain), bounded(&by_client)),
        _ => String::new(),
    };
    [
        endpoint.name.clone(),
        number(endpoint.median(|round| Some(round.events_per_second))),
        estimate(ratios.throughput),
        number(endpoint.median(|round| Some(round.p50_us))),
        estimate(ratios.p50),
        estimate(ratios.p99),
        proxy.map_or_else(String::new, |time| format!("{:.1}", time / 1000.0)),
        estimate(ratios.proxy_over_database),
        yardstick,
    ]
}

fn line(text: &mut String, cells: [String; 9]) {
    let mut built = String::new();
    for (at, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        let _ = if at == 0 { write!(built, "  {cell:<width$}") } else { write!(built, " {cell:>width$}") };
    }
    let _ = writeln!(text, "{}", built.trim_end());
}

fn notes(case: &CaseResult) -> Vec<String> {
    let mut notes = Vec::new();
    let expected = case.endpoints.first().and_then(|direct| direct.median(|round| Some(round.received)));
    for endpoint in &case.endpoints {
        let name = &endpoint.name;
        for (fault, times) in &endpoint.faults {
            notes.push(format!("{name}: {fault} ({times} times)"));
        }
        let received = endpoint.median(|round| Some(round.received));
        if let (Some(received), Some(expected)) = (received, expected)
            && (received / expected - 1.0).abs() > SAME_SIZE
        {
            notes.push(format!("{name}: {received:.0} bytes of reply to a statement, directly {expected:.0}"));
        }
        if let Some(instructions) = endpoint.instructions {
            notes.push(format!("{name}: {instructions:.0} instructions of the proxy for a statement"));
        }
    }
    notes
}

/// Memory of idle connections.
pub fn idle(results: &Results) -> String {
    let mut text = String::from("resident memory for an idle connection\n");
    for endpoint in &results.idle {
        let (plain, tls) = (memory(&endpoint.plain), memory(&endpoint.tls));
        let _ = writeln!(text, "  {:<10} plain {plain}; TLS {tls}", endpoint.name);
    }
    text.push_str(if results.instructions_countable {
        "instructions: counted by perf stat"
    } else {
        "instructions: not countable here (perf is missing, or sees no hardware counters)"
    });
    text
}

fn memory(memory: &IdleMemory) -> String {
    let size = memory.bytes.map(|bytes| format!("{bytes:.0} bytes (of {})", memory.connections));
    match (size, &memory.fault) {
        (Some(size), None) => size,
        (Some(size), Some(fault)) => format!("{size}, then: {fault}"),
        (None, fault) => format!("none: {}", fault.as_deref().unwrap_or("not asked for")),
    }
}

/// A median with its bounds.
pub fn bounded(estimate: &Estimate) -> String {
    format!("{:.2} [{:.2} {:.2}]", estimate.median, estimate.low, estimate.high)
}

fn estimate(estimate: Option<Estimate>) -> String {
    estimate.as_ref().map_or_else(String::new, bounded)
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}
