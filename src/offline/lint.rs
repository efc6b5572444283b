//! `meridian lint-sql`: what a real workload would meet, counted by shape, with the worst examples first.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::options::{Format, LintOptions, Outcome};
use super::world::{OfflineError, World};
use crate::route::{Decision, Rejection};
use crate::sql::{SqlRefusal, readable};

/// Where statements go, in the order of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Within the unit.
    Here,
    /// To another unit.
    Forwarded(String),
    /// Answered by Meridian itself.
    Answered,
    /// Refused, by this kind.
    Refused(&'static str),
}

/// The statements of one shape that go one way.
struct Seen {
    times: u64,
    shape: String,
    route: String,
}

/// What was found.
#[derive(Default)]
struct Report {
    statements: u64,
    with_keys: u64,
    /// By way and digest.
    seen: BTreeMap<(Way, u64), Seen>,
}

/// Prints the report to `out`. Errors: files that cannot be read; `out` cannot be written.
pub fn run(options: &LintOptions, out: &mut impl Write) -> Result<io::Result<Outcome>, OfflineError> {
    let mut world = World::open(&options.explain)?;
    let (statements, format) = World::statements(&options.explain, options.format)?;
    let report = looked_at(&mut world, &statements);
    Ok(print(&report, &world, format, options, out))
}

fn looked_at(world: &mut World, statements: &[String]) -> Report {
    let mut report = Report::default();
    for sql in statements {
        let (mut statement, mut decision, mut told) = world.explained(sql);
        // Each table that is not known costs one more look.
        for _ in 0..16 {
            match &decision {
                Decision::Reject(Rejection::Sql(SqlRefusal::Uncatalogued { name, .. })) if !world.has_schema_file => {
                    world.take_for_granted(name);
                    (statement, decision, told) = world.explained(sql);
                }
                _ => break,
            }
        }
        let way = match &decision {
            Decision::Send(route) | Decision::Hold { route, .. } if route.target.unit == world.unit() => Way::Here,
            Decision::Send(route) | Decision::Hold { route, .. } => {
                Way::Forwarded(world.unit_name(route.target.unit).to_owned())
            }
            Decision::Answer(_) => Way::Answered,
            Decision::Reject(rejection) => Way::Refused(rejection.kind()),
        };
        report.statements += 1;
        report.with_keys += u64::from(!told.key_from.is_empty());
        let dialect = world.dialect();
        let seen = report.seen.entry((way, statement.plan.digest)).or_insert_with(|| Seen {
            times: 0,
            shape: readable(sql.as_bytes(), dialect).chars().take(300).collect(),
            route: told.route,
        });
        seen.times += 1;
    }
    report
}

fn print(
    report: &Report,
    world: &World,
    format: Format,
    options: &LintOptions,
    out: &mut impl Write,
) -> io::Result<Outcome> {
    let total = |wanted: &dyn Fn(&Way) -> bool| -> u64 {
        report.seen.iter().filter(|((way, _), _)| wanted(way)).map(|(_, seen)| seen.times).sum()
    };
    let refused = total(&|way| matches!(way, Way::Refused(_)));
    let share = |count: u64| format!("{:.1} %", count as f64 * 100.0 / report.statements.max(1) as f64);
    let unit = world.unit_name(world.unit());
    writeln!(out, "{} statements of unit '{unit}' (read as {format:?})", report.statements)?;
    for (what, count) in [
        ("have a routing key", report.with_keys),
        ("stay in the unit", total(&|way| *way == Way::Here)),
        ("are forwarded", total(&|way| matches!(way, Way::Forwarded(_)))),
        ("are answered by Meridian", total(&|way| *way == Way::Answered)),
        ("are refused", refused),
    ] {
        writeln!(out, "{count:>10}  {:>7}  {what}", share(count))?;
    }
    let mut ways: BTreeMap<&Way, Vec<(u64, &Seen)>> = BTreeMap::new();
    for ((way, digest), seen) in &report.seen {
        ways.entry(way).or_default().push((*digest, seen));
    }
    for (way, mut shapes) in ways {
        let heading = match way {
            Way::Here | Way::Answered => continue,
            Way::Forwarded(unit) => format!("forwarded to {unit}"),
            Way::Refused(kind) => format!("refused: {kind}"),
        };
        shapes.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.times));
        let count: u64 = shapes.iter().map(|(_, seen)| seen.times).sum();
        writeln!(out, "\n{heading}: {count} statements, {} shapes", shapes.len())?;
        for (digest, seen) in shapes.iter().take(options.examples) {
            writeln!(out, "  {:>8} times, digest {digest:016x}: {}", seen.times, seen.shape.replace('\n', " "))?;
            writeln!(out, "           {}", seen.route)?;
        }
    }
    if !world.has_schema_file {
        writeln!(
            out,
            "\nWithout --schema-file the types of columns are unknown: only integers count as keys, and every table is taken for granted."
        )?;
    }
    Ok(if refused > options.max_refused { Outcome::Refused } else { Outcome::Fine })
}
