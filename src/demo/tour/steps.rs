//! The steps of the tour, as data.

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Statements of an application, sent as text in one session.
    Text(Vec<String>),
    /// One statement of an application, prepared, and executed with this key.
    Prepared(String, i64),
    /// A command on the console.
    Console(String),
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Each marked statement is executed on this instance and on no other: unit and role.
    RunsOn(&'static str, &'static str),
    /// As `RunsOn`, and the row stays in that unit: `(table, column)` holds the step's marker there alone.
    RunsOnAndStays(&'static str, &'static str, &'static str),
    /// An ordinary error whose text contains this; no instance sees the statement.
    Refused(&'static str),
    /// The console accepts the command.
    Accepted,
    /// The console answers with a line that begins so.
    Answers(&'static str),
}

/// One step of the tour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it shows.
    pub title: &'static str,
    /// The unit whose listener or console it uses.
    pub unit: &'static str,
    /// What it does. `{marker}` stands for the step's own marker.
    pub act: Act,
    /// What must come of it.
    pub outcome: Outcome,
}

/// The tour. Table names carry `schema` where the session has none.
pub fn steps(schema: &str) -> Vec<Step> {
    let mut steps = reads_and_writes();
    steps.extend(transactions_and_prepared());
    steps.extend(forbid_and_explain(schema));
    steps.extend(moves());
    steps
}

const ORDER_OF_6000: &str = "INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1) /* {marker} */";
const ORDER_OF_50: &str = "INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 1) /* {marker} */";
const READ_OF_6000: &str = "SELECT id, item FROM orders WHERE user_id = 6000 ORDER BY id /* {marker} */";

fn step(title: &'static str, unit: &'static str, act: Act, outcome: Outcome) -> Step {
    Step { title, unit, act, outcome }
}

fn text(statement: &str) -> Act {
    Act::Text(vec![statement.to_owned()])
}

fn reads_and_writes() -> Vec<Step> {
    vec![
        step(
            "read a global table",
            "bj",
            text("SELECT name, price FROM product ORDER BY id /* {marker} */"),
            Outcome::RunsOn("bj", "replica"),
        ),
        step("read orders of user 6000", "bj", text(READ_OF_6000), Outcome::RunsOn("bj", "replica")),
        step("write user 6000 through hz", "hz", text(ORDER_OF_6000), Outcome::RunsOn("bj", "primary")),
        step("write user 50 through bj", "bj", text(ORDER_OF_50), Outcome::RunsOn("hz", "primary")),
        step(
            "write a global table through bj",
            "bj",
            text("UPDATE product SET stock = stock - 1 WHERE name = 'tea' /* {marker} */"),
            Outcome::RunsOn("hz", "primary"),
        ),
        step(
            "write a local table; it stays in bj",
            "bj",
            text("INSERT INTO audit_log (message) VALUES ('{marker}')"),
            Outcome::RunsOnAndStays("bj", "primary", "audit_log"),
        ),
    ]
}

fn transactions_and_prepared() -> Vec<Step> {
    let transaction = [
        "BEGIN",
        "INSERT INTO orders (user_id, item, amount) VALUES (6000, 'rice', 2) /* {marker} */",
        "UPDATE orders SET note = 'paid' WHERE user_id = 6000 AND item = 'rice' /* {marker} */",
        "SELECT COUNT(*) FROM orders WHERE user_id = 6000 AND note = 'paid' /* {marker} */",
        "COMMIT",
    ];
    let prepared = "INSERT INTO orders (user_id, item, amount) VALUES (?, 'noodles', 3) /* {marker} */";
    let prepared_read = "SELECT id, item FROM orders WHERE user_id = ? ORDER BY id /* {marker} */";
    vec![
        step(
            "a transaction of user 6000 through hz",
            "hz",
            Act::Text(transaction.map(str::to_owned).to_vec()),
            Outcome::RunsOn("bj", "primary"),
        ),
        step(
            "a prepared write, user 6000, through hz",
            "hz",
            Act::Prepared(prepared.to_owned(), 6000),
            Outcome::RunsOn("bj", "primary"),
        ),
        step(
            "a prepared write, user 50, through bj",
            "bj",
            Act::Prepared(prepared.to_owned(), 50),
            Outcome::RunsOn("hz", "primary"),
        ),
        step(
            "a prepared read, user 6000, at bj",
            "bj",
            Act::Prepared(prepared_read.to_owned(), 6000),
            Outcome::RunsOn("bj", "replica"),
        ),
    ]
}

fn forbid_and_explain(schema: &str) -> Vec<Step> {
    let console = |command: &str| Act::Console(command.to_owned());
    let explain = format!("EXPLAIN ROUTE INSERT INTO {schema}.orders (user_id, item) VALUES (6000, 'tea')");
    vec![
        step(
            "forbid the writes bj owns",
            "bj",
            console("FORBID WRITES ON UNIT 'bj' REASON 'meridian demo tour'"),
            Outcome::Accepted,
        ),
        step("then: write user 6000 through hz", "hz", text(ORDER_OF_6000), Outcome::Refused("meridian demo tour")),
        step("then: write user 6000 at bj", "bj", text(ORDER_OF_6000), Outcome::Refused("meridian demo tour")),
        step("then: read user 6000 at bj", "bj", text(READ_OF_6000), Outcome::RunsOn("bj", "replica")),
        step("then: write user 50 through bj", "bj", text(ORDER_OF_50), Outcome::RunsOn("hz", "primary")),
        step("allow them again", "bj", console("ALLOW WRITES ON UNIT 'bj'"), Outcome::Accepted),
        step("then: write user 6000 through hz", "hz", text(ORDER_OF_6000), Outcome::RunsOn("bj", "primary")),
        step("explain a route", "hz", console(&explain), Outcome::Answers("SEND bj primary")),
    ]
}

/// Ownership goes away and comes back: the tour leaves the world as it found it.
fn moves() -> Vec<Step> {
    let console = |command: &str| Act::Console(command.to_owned());
    let sell = text("UPDATE product SET stock = stock - 1 WHERE name = 'tea' /* {marker} */");
    vec![
        step(
            "switch the Global Zone to bj",
            "hz",
            console("SWITCH GLOBAL ZONE TO 'bj'"),
            Outcome::Answers("moved the Global Zone from hz to bj"),
        ),
        step("then: write a global table through hz", "hz", sell.clone(), Outcome::RunsOn("bj", "primary")),
        step("move user 6000 alone to hz", "bj", console("MOVE KEY 6000 TO 'hz'"), Outcome::Answers("moved shards")),
        step("then: write user 6000 at bj", "bj", text(ORDER_OF_6000), Outcome::RunsOn("hz", "primary")),
        step(
            "then: write user 16000, of the same shard once, through hz",
            "hz",
            text("INSERT INTO orders (user_id, item, amount) VALUES (16000, 'tea', 1) /* {marker} */"),
            Outcome::RunsOn("bj", "primary"),
        ),
        step("move user 6000 back", "bj", console("MOVE KEY 6000 TO 'bj'"), Outcome::Answers("moved shards")),
        step("then: write user 6000 through hz", "hz", text(ORDER_OF_6000), Outcome::RunsOn("bj", "primary")),
        step(
            "switch the Global Zone back to hz",
            "hz",
            console("SWITCH GLOBAL ZONE TO 'hz'"),
            Outcome::Answers("moved the Global Zone from bj to hz"),
        ),
        step("then: write a global table through bj", "bj", sell, Outcome::RunsOn("hz", "primary")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_whose_place_is_proved_carries_its_marker() {
        for step in steps("shop") {
            let marked = match &step.act {
                Act::Text(statements) => statements.iter().any(|statement| statement.contains("{marker}")),
                Act::Prepared(statement, _) => statement.contains("{marker}"),
                Act::Console(_) => true,
            };
            assert!(marked, "{}", step.title);
        }
    }

    #[test]
    fn a_forbid_is_always_lifted_again() {
        let commands: Vec<String> = steps("shop")
            .into_iter()
            .filter_map(|step| match step.act {
                Act::Console(command) => command.split_whitespace().next().map(str::to_owned),
                Act::Text(_) | Act::Prepared(..) => None,
            })
            .collect();
        assert_eq!(commands, ["FORBID", "ALLOW", "EXPLAIN", "SWITCH", "MOVE", "MOVE", "SWITCH"]);
    }
}
