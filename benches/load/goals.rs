//! What Meridian must reach, beside what was measured. It says "met" or "missed" and fails nothing: one run on a busy machine proves little.

use crate::report::bounded;
use crate::results::{CaseResult, Results};

const OURS: &str = "meridian";
const CPU_OVER_YARDSTICK: f64 = 1.15;
const BIG_RESULT_MS: f64 = 15.0;
const IDLE_BYTES: f64 = 4096.0;

/// One line for each goal whose case ran.
pub fn lines(results: &Results) -> String {
    let mut lines = vec!["goals".to_owned()];
    for connections in [16, 64] {
        let goal = format!("point select at {connections}: proxy CPU at most {CPU_OVER_YARDSTICK} x HAProxy's");
        let ratio = find(results, "point", connections).and_then(|case| {
            let ratios = case.endpoint(OURS)?.ratios;
            Some((ratios.proxy_over_yardstick?, ratios.proxy_over_yardstick_by_client?))
        });
        lines.push(match ratio {
            Some((plain, by_client)) => {
                let measured = format!("{} (by client CPU {})", bounded(&plain), bounded(&by_client));
                line(&goal, &measured, plain.median <= CPU_OVER_YARDSTICK)
            }
            None => not_measured(&goal),
        });
    }
    for case in results.cases.iter().filter(|case| case.case == "big") {
        let goal = format!("20 MB result at {}: at most {BIG_RESULT_MS} ms of proxy CPU", case.connections);
        let time = case.endpoint(OURS).and_then(|ours| ours.median(|round| round.proxy_ns)).map(|time| time / 1e6);
        lines.push(
            time.map_or_else(
                || not_measured(&goal),
                |time| line(&goal, &format!("{time:.1} ms"), time <= BIG_RESULT_MS),
            ),
        );
    }
    let goal = format!("idle plain connection: at most {IDLE_BYTES} bytes");
    let bytes = results.idle.iter().find(|idle| idle.name == OURS).and_then(|idle| idle.plain.bytes);
    lines.push(
        bytes.map_or_else(
            || not_measured(&goal),
            |bytes| line(&goal, &format!("{bytes:.0} bytes"), bytes <= IDLE_BYTES),
        ),
    );
    lines.join("\n")
}

fn find<'a>(results: &'a Results, key: &str, connections: u16) -> Option<&'a CaseResult> {
    results.cases.iter().find(|case| case.case == key && case.connections == connections)
}

fn line(goal: &str, measured: &str, is_met: bool) -> String {
    format!("  {goal}: {measured}: {}", if is_met { "met" } else { "missed" })
}

fn not_measured(goal: &str) -> String {
    format!("  {goal}: not measured")
}
