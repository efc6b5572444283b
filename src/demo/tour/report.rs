//! The tour's table: what each step should have done, and what it did.

use std::fmt::Write;

use super::steps::{Act, Outcome, Step};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the step shows.
    pub title: String,
    /// Which door of Meridian it used.
    pub door: String,
    /// What should have come of it.
    pub expected: String,
    /// What came of it.
    pub actual: String,
    /// Whether that is the same.
    pub verdict: Verdict,
}

/// Whether a step did what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Right,
    /// It did not.
    Wrong,
}

impl Line {
    /// The line of `step`.
    pub fn new(step: &Step, actual: String, verdict: Verdict) -> Line {
        let door = match step.act {
            Act::Text(_) | Act::Prepared(..) => format!("{} listener", step.unit),
            Act::Console(_) => format!("{} console", step.unit),
        };
        Line { title: step.title.to_owned(), door, expected: expected(&step.outcome), actual, verdict }
    }
}

fn expected(outcome: &Outcome) -> String {
    match outcome {
        Outcome::RunsOn(unit, role) => format!("{unit} {role}"),
        Outcome::RunsOnAndStays(unit, role, _) => format!("{unit} {role}, row only in {unit}"),
        Outcome::Refused(reason) => format!("refused: {reason}"),
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Answers(start) => format!("{start} …"),
    }
}

/// The table as text.
pub fn table(lines: &[Line]) -> String {
    let verdict = |line: &Line| match line.verdict {
        Verdict::Right => "ok",
        Verdict::Wrong => "WRONG",
    };
    let cells = |line: &Line| {
        [verdict(line).to_owned(), line.title.clone(), line.door.clone(), line.expected.clone(), line.actual.clone()]
    };
    let head = ["", "step", "through", "expected", "actual, by the servers' general logs"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(lines.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let number = if index == 0 { String::new() } else { index.to_string() };
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", format!("{number:>2}  {}", padded.join("  ")).trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::steps::steps;
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let lines: Vec<Line> =
            steps("shop").iter().map(|step| Line::new(step, "nowhere".to_owned(), Verdict::Wrong)).collect();
        let text = table(&lines);
        let places: Vec<Option<usize>> =
            text.lines().skip(1).map(|line| line.find("nowhere").map(|at| line[..at].chars().count())).collect();
        assert_eq!(places.len(), lines.len());
        assert!(places.iter().all(|place| place.is_some() && *place == places[0]), "{text}");
    }
}
