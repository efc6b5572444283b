//! Answers as text for people and as JSON for scripts. Pure.
//!
//! The epoch is not repeated in every row: it stands once, below a table, or beside `rows`.

use serde_json::{Map, Value, json};

use super::ask::{Answered, Shown};

/// The epoch an answer carries; `None` when it has no row.
pub fn epoch_of(answered: &Answered) -> Option<u64> {
    let column = answered.columns.iter().position(|name| name == "epoch")?;
    answered.rows.iter().find_map(|row| match row.get(column) {
        Some(Shown::Number(epoch)) => Some(*epoch),
        _ => None,
    })
}

/// An answer as a table for people, without its epoch column; every line ends in a line feed.
pub fn table(answered: &Answered) -> String {
    let kept: Vec<usize> = (0..answered.columns.len()).filter(|index| answered.columns[*index] != "epoch").collect();
    if kept.is_empty() {
        return String::new();
    }
    if answered.rows.is_empty() {
        return "(none)\n".to_owned();
    }
    let heading: Vec<String> = kept.iter().map(|index| answered.columns[*index].clone()).collect();
    let rows: Vec<Vec<String>> =
        answered.rows.iter().map(|row| kept.iter().map(|index| cell(row.get(*index))).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain(std::iter::once(&heading)).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..kept.len()).map(width).collect();
    let is_number =
        |column: usize| answered.rows.iter().all(|row| matches!(row.get(kept[column]), Some(Shown::Number(_))));
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, text)| match is_number(column) {
            true => format!("{text:>width$}", width = widths[column]),
            false => format!("{text:<width$}", width = widths[column]),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    std::iter::once(&heading).chain(std::iter::once(&rule)).chain(&rows).map(line).collect()
}

fn cell(shown: Option<&Shown>) -> String {
    match shown {
        // Names and reasons come from people: a control character must not reach a terminal.
        Some(Shown::Text(text)) => text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect(),
        Some(Shown::Number(number)) => number.to_string(),
        Some(Shown::Null) | None => "-".to_owned(),
    }
}

/// What EXPLAIN ROUTE told: the line, and below it whatever else is not empty.
pub fn explanation(answered: &Answered) -> String {
    let mut text = lines(answered);
    for row in &answered.rows {
        for (name, shown) in answered.columns.iter().zip(row).skip(1) {
            let value = cell(Some(shown));
            if name != "epoch" && !value.is_empty() {
                text.push_str(&format!("  {name}: {value}\n"));
            }
        }
    }
    text
}

/// What CHECK SCHEMA found: a heading for each finding, and below it why and what to do.
pub fn findings(answered: &Answered) -> String {
    let told = |row: &Vec<Shown>| match row.iter().map(|shown| cell(Some(shown))).collect::<Vec<_>>().as_slice() {
        [severity, check, table, units, reason, advice, ..] => {
            let table = if table.is_empty() { String::new() } else { format!(" {table}") };
            format!("{severity} {check}{table} ({units})\n  {reason}\n  -> {advice}\n")
        }
        _ => lines(answered),
    };
    answered.rows.iter().map(told).collect()
}

/// The first column alone, a line for each row.
pub fn lines(answered: &Answered) -> String {
    answered.rows.iter().map(|row| format!("{}\n", cell(row.first()))).collect()
}

/// The rows as JSON objects, without their epoch.
pub fn rows_json(answered: &Answered) -> Value {
    let object = |row: &Vec<Shown>| -> Value {
        let members = answered.columns.iter().zip(row).filter(|(name, _)| *name != "epoch");
        Value::Object(members.map(|(name, shown)| (name.clone(), value(shown))).collect::<Map<_, _>>())
    };
    answered.rows.iter().map(object).collect()
}

fn value(shown: &Shown) -> Value {
    match shown {
        Shown::Null => Value::Null,
        Shown::Text(text) => json!(text),
        Shown::Number(number) => json!(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered() -> Answered {
        let row = |unit: &str, shards, reason| {
            vec![Shown::Text(unit.to_owned()), Shown::Number(shards), reason, Shown::Number(7)]
        };
        Answered {
            columns: ["unit", "shards", "reason", "epoch"].map(str::to_owned).to_vec(),
            rows: vec![row("hangzhou", 5, Shown::Null), row("bj", 5000, Shown::Text("a\u{1b}[31m drill".to_owned()))],
        }
    }

    #[test]
    fn a_table_aligns_numbers_and_shows_no_control_characters() {
        let expected = "unit      shards  reason\n--------  ------  ------------\nhangzhou       5  -\nbj          5000  a?[31m drill\n";
        assert_eq!(table(&answered()), expected);
        assert_eq!(table(&Answered { rows: Vec::new(), ..answered() }), "(none)\n");
    }

    #[test]
    fn json_has_the_epoch_once_and_numbers_as_numbers() {
        assert_eq!(epoch_of(&answered()), Some(7));
        assert_eq!(rows_json(&answered())[0], json!({"unit": "hangzhou", "shards": 5, "reason": null}));
    }
}
