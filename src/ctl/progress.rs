//! A move while it is carried out: its answer, and for people at a terminal a line that shows how far it is.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::time::interval;

use super::ask::{Answered, AskError, Asker, Shown};
use super::options::Options;
use super::run::Answers;
use super::show;

/// A move ends by the node's own deadlines; this one is for a node that has stopped.
const DEADLINE: Duration = Duration::from_secs(3600);

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// The steps of a move in order, with what a person reads of each and how much of the bar is full by then.
const STEPS: [(&str, &str, usize); 6] = [
    ("drain", "waiting for older writes", 6),
    ("end-transactions", "ending older transactions", 10),
    ("record", "recording the position", 12),
    ("catch-up", "waiting for replication", 16),
    ("publish", "publishing", 20),
    ("roll-back", "going back", 20),
];

/// The width of the bar.
const WIDTH: usize = 24;

/// Sends the move and waits for its end; meanwhile its progress is drawn on `errors`, where that is a terminal. Errors: `errors` cannot be
/// written.
pub(super) async fn carry_out(
    options: &Options,
    password: &str,
    errors: &mut impl Write,
) -> std::io::Result<Result<(Option<u64>, Answers), AskError>> {
    let connect = || Asker::connect(options.console, &options.user, password);
    let mut asker = match connect().await {
        Ok(asker) => asker,
        Err(error) => return Ok(Err(error)),
    };
    let mut watcher = match std::io::stderr().is_terminal() && !options.json {
        true => connect().await.ok(),
        false => None,
    };
    let commands = options.verb.commands();
    let mut answers = Vec::new();
    for (heading, command) in commands {
        let mut asked = Box::pin(asker.ask_within(DEADLINE, &command));
        let mut tick = interval(TICK);
        let answered = loop {
            tokio::select! {
                biased;
                answered = &mut asked => break answered,
                _ = tick.tick() => {
                    if let Some(seen) = &mut watcher {
                        match seen.ask("SHOW MOVES").await {
                            Ok(moves) => write!(errors, "\r{}", line(&moves))?,
                            Err(_) => watcher = None,
                        }
                        errors.flush()?;
                    }
                }
            }
        };
        if watcher.is_some() {
            write!(errors, "\r{:60}\r", "")?;
        }
        match answered {
            Ok(answered) => answers.push((heading, answered)),
            Err(error) => return Ok(Err(error)),
        }
    }
    let epoch = answers.iter().filter_map(|(_, answered)| show::epoch_of(answered)).max();
    asker.leave().await;
    Ok(Ok((epoch, answers)))
}

/// The newest move under way as one line; before there is one, the checks are made.
fn line(moves: &Answered) -> String {
    let cell = |name: &str| {
        let column = moves.columns.iter().position(|column| column == name)?;
        moves.rows.last().and_then(|row| row.get(column))
    };
    let number = |name: &str| match cell(name) {
        Some(Shown::Number(number)) => *number,
        Some(Shown::Text(_) | Shown::Null) | None => 0,
    };
    let step = match cell("step") {
        Some(Shown::Text(step)) => step.as_str(),
        Some(Shown::Number(_) | Shown::Null) | None => "",
    };
    let known = STEPS.iter().find(|(name, ..)| *name == step);
    let (words, full) = known.map_or(("checking", 2), |(_, words, full)| (*words, *full));
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
    let told = format!("[{bar}] {words}, {} in flight, {} held", number("in_flight"), number("held"));
    format!("{told:78}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_step_what_is_waited_for_and_what_is_held() {
        let columns = ["id", "step", "in_flight", "held"].map(str::to_owned).to_vec();
        let row =
            |step: &str| vec![Shown::Number(8), Shown::Text(step.to_owned()), Shown::Number(2), Shown::Number(31)];
        let shown = |step: &str| line(&Answered { columns: columns.clone(), rows: vec![row(step)] });
        assert_eq!(shown("drain").trim(), "[######..................] waiting for older writes, 2 in flight, 31 held");
        assert!(shown("catch-up").starts_with("[################........] waiting for replication"));
        let none = line(&Answered { columns, rows: Vec::new() });
        assert!(none.starts_with("[##......................] checking"), "{none}");
    }
}
