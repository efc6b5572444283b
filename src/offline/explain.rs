//! `meridian explain`: each statement of a file with its route.

use std::io::{self, Write};

use super::options::{ExplainOptions, Outcome};
use super::world::{OfflineError, World};
use crate::route::{Decision, Explanation};

/// Prints the route of every statement to `out`. Errors: files that cannot be read; `out` cannot be written.
pub fn run(options: &ExplainOptions, out: &mut impl Write) -> Result<io::Result<Outcome>, OfflineError> {
    let mut world = World::open(options)?;
    let (statements, _) = World::statements(options, None)?;
    let mut explained = Vec::new();
    for sql in &statements {
        let (_, decision, told) = world.asked(sql)?;
        explained.push((sql.as_str(), decision, told));
    }
    Ok(print(explained, out))
}

fn print(explained: Vec<(&str, Decision, Explanation)>, out: &mut impl Write) -> io::Result<Outcome> {
    let mut outcome = Outcome::Fine;
    for (sql, decision, told) in explained {
        if matches!(decision, Decision::Reject(_)) {
            outcome = Outcome::Refused;
        }
        writeln!(out, "{sql};")?;
        writeln!(out, "--> {}", told.route)?;
        let facts = [("class", told.class), ("key from", told.key_from), ("level", told.level), ("table", told.table)];
        let facts = facts.iter().filter(|(_, value)| !value.is_empty());
        let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(out, "    {}, digest {}\n", facts.join(", "), told.digest)?;
    }
    Ok(outcome)
}
