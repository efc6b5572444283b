//! Each case of `sql-fixtures/` as a named test: the statement's decision is the line the case expects.
//!
//! `UPDATE_FIXTURES=1 cargo test --test fixtures` rewrites the expectations; the diff is the review.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture_file;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use fixture_file::{Case, FixtureFile, Session, World, law, session, world};
use libtest_mimic::{Arguments, Failed, Trial};
use meridian::route::{Answer, Decision, Rejection, Rule, TransactionStep, decide, explain};
use meridian::sql::{PlanCache, SqlContext, Statement, analyze};

/// A case with what was decided.
struct Decided {
    name: String,
    expectation: String,
    line: String,
    decision: Decision,
    /// The same case through the plan cache, twice.
    cached: [String; 2],
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let files = fixture_file::all();
    let mut worlds: BTreeMap<String, World> = BTreeMap::new();
    let decided: Vec<Vec<Decided>> =
        files.iter().map(|file| file.cases.iter().map(|case| decided(&mut worlds, case)).collect()).collect();
    if std::env::var_os("UPDATE_FIXTURES").is_some_and(|value| value == "1") {
        for (file, decided) in files.iter().zip(&decided) {
            let lines: Vec<String> = decided.iter().map(|case| case.line.clone()).collect();
            std::fs::write(&file.path, file.with_expectations(&lines)).expect("rewrite the fixture");
        }
        return ExitCode::SUCCESS;
    }
    let alone = files.iter().flat_map(|file| &file.cases).filter(|case| case.runs_alone()).count();
    let decided: Arc<Vec<Decided>> = Arc::new(decided.into_iter().flatten().collect());
    let mut trials: Vec<Trial> = (0..decided.len())
        .map(|index| {
            let all = Arc::clone(&decided);
            Trial::test(all[index].name.clone(), move || compare(&all[index]))
        })
        .collect();
    trials.push(Trial::test("every kind of decision has a case", move || covers_everything(&decided)));
    trials.push(Trial::test("the demo has statements to run", move || {
        if alone >= 80 { Ok(()) } else { Err(format!("only {alone} cases can be run alone").into()) }
    }));
    trials.push(Trial::test("no session makes a statement break the law", move || the_law_holds(&files)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn decided(worlds: &mut BTreeMap<String, World>, case: &Case) -> Decided {
    for name in [case.snapshot.as_str(), case.setting("analysed-under").unwrap_or(&case.snapshot)] {
        worlds.entry(name.to_owned()).or_insert_with(|| world::load(name));
    }
    let world = &worlds[&case.snapshot];
    let read_in = case.setting("analysed-under").map_or(world, |name| &worlds[name]);
    let session = Session::of(case, &world.snapshot.state);
    let outcome = |statement: Statement| {
        let decision = decide(&world.snapshot, &session.view(), &statement);
        (explain(&world.snapshot, &statement, &decision), decision)
    };
    let context = context_of(case, &session, read_in);
    let bound = |statement: Statement| match session::parameters(case) {
        Some(values) => statement.bind(&values),
        None => statement,
    };
    let mut plans = PlanCache::new(1 << 20);
    let cached = [(), ()].map(|()| outcome(bound(plans.analyze(case.sql.as_bytes(), &context))).0);
    let (line, decision) = outcome(statement_of(case, &session, read_in));
    Decided { name: case.name.clone(), expectation: case.expectation.clone(), line, decision, cached }
}

/// The statement of `case` as `world` reads it, with its parameters.
fn statement_of(case: &Case, session: &Session, world: &World) -> Statement {
    let statement = analyze(case.sql.as_bytes(), &context_of(case, session, world));
    match session::parameters(case) {
        Some(values) => statement.bind(&values),
        None => statement,
    }
}

fn context_of<'a>(case: &Case, session: &'a Session, world: &'a World) -> SqlContext<'a> {
    SqlContext {
        schema: session.schema.as_deref(),
        mode: session::mode(case),
        charset: session::charset(case),
        dialect: world.dialect,
        state: &world.snapshot.state,
        catalog: &world.snapshot.catalog,
    }
}

fn compare(case: &Decided) -> Result<(), Failed> {
    if case.expectation != case.line {
        return Err(format!("\n  expected: {}\n  decided:  {}", case.expectation, case.line).into());
    }
    match case.cached.iter().find(|line| **line != case.line) {
        Some(line) => Err(format!("\n  analysed: {}\n  from the plan cache: {line}", case.line).into()),
        None => Ok(()),
    }
}

/// Each statement in each session of all cases, in the statement's own world and in the world of every forbid.
fn the_law_holds(files: &[FixtureFile]) -> Result<(), Failed> {
    let cases: Vec<&Case> = files.iter().flat_map(|file| &file.cases).collect();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.snapshot.as_str()).collect();
    let mut decisions = 0;
    for name in names {
        let world = world::load(name);
        let here = |case: &&&Case| {
            case.snapshot == name
                || (["forbidden", "moving"].iter().any(|word| name.contains(word)) && case.snapshot == "two-units")
        };
        let told = cases.iter().filter(here).filter(|case| case.setting("analysed-under").is_none());
        let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
        let mut statements = Vec::new();
        for case in told {
            let session = Session::of(case, &world.snapshot.state);
            statements.push((&case.name, statement_of(case, &session, &world)));
            sessions.insert(format!("{:?}", session.view()), session);
        }
        for session in sessions.values() {
            for (case, statement) in &statements {
                let decision = decide(&world.snapshot, &session.view(), statement);
                decisions += 1;
                if let Some(law) = law::broken(&world.snapshot.state, &session.view(), statement, &decision) {
                    let line = explain(&world.snapshot, statement, &decision);
                    return Err(format!("broken: {law}\n  {case}\n  {:?}\n  {line}", session.view()).into());
                }
            }
        }
    }
    if decisions > 10_000 { Ok(()) } else { Err(format!("only {decisions} decisions were looked at").into()) }
}

/// The variants of an enum by name, and the name of one of them; a new variant breaks the build until it is listed.
macro_rules! variants {
    ($all:ident, $name:ident, $type:ident: $($variant:ident),*) => {
        const $all: &[&str] = &[$(stringify!($variant)),*];
        fn $name(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

variants!(ANSWERS, answer_name, Answer: Queue, DropQueue, Session, ConnectionId, Branches, Kill);
variants!(
    RULES, rule_name, Rule:
    Owner, GlobalMaster, LocalRead, MasterRead, AfterDdl, LocalTable, Tableless, SchemaUnit, Transaction, Pin, Branch, UnitHint, Observe
);
variants!(STEPS, step_name, TransactionStep: Autocommit, Open, Continue, Rebind);

fn covers_everything(decided: &[Decided]) -> Result<(), Failed> {
    let mut missing: BTreeSet<String> = BTreeSet::new();
    missing.insert("Decision::Hold".to_owned());
    missing.extend(ANSWERS.iter().map(|name| format!("Answer::{name}")));
    missing.extend(RULES.iter().map(|name| format!("Rule::{name}")));
    missing.extend(STEPS.iter().map(|name| format!("TransactionStep::{name}")));
    missing.extend(Rejection::examples().iter().map(|example| format!("rejection {}", example.kind())));
    for case in decided {
        match &case.decision {
            Decision::Answer(answer) => drop(missing.remove(&format!("Answer::{}", answer_name(answer)))),
            Decision::Reject(rejection) => drop(missing.remove(&format!("rejection {}", rejection.kind()))),
            Decision::Hold { .. } => drop(missing.remove("Decision::Hold")),
            Decision::Send(route) => {
                missing.remove(&format!("Rule::{}", rule_name(&route.rule)));
                missing.remove(&format!("TransactionStep::{}", step_name(&route.transaction)));
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("no case for: {missing:?}").into()) }
}
