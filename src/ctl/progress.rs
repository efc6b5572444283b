//! A move, or a fencing, while it is carried out: its answer, and for people at a terminal a line that shows how far it is.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::time::interval;

use super::ask::{Answered, AskError, Asker, Shown};
use super::options::Options;
use super::run::{Answers, epoch_of};

/// A move ends by the node's own deadlines; this one is for a node that has stopped.
const DEADLINE: Duration = Duration::from_secs(3600);

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// The steps of a move in order, with what a person reads of each and how much of the bar is full by then.
const STEPS: [(&str, &str, usize); 7] = [
    ("drain", "waiting for older writes", 3),
    ("end-transactions", "ending older transactions", 5),
    ("record", "recording the position", 6),
    ("catch-up", "waiting for replication", 8),
    ("publish", "publishing", 10),
    ("give-back", "giving it back, forbidden", 10),
    ("roll-back", "going back", 10),
];

/// The width of the bar.
const WIDTH: usize = 12;

/// The width of the line: a longer one would wrap at many terminals, and not be drawn over.
const LINE: usize = 78;

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
            write!(errors, "\r{:LINE$}\r", "")?;
        }
        match answered {
            Ok(answered) => answers.push((heading, answered)),
            Err(error) => return Ok(Err(error)),
        }
    }
    let epoch = epoch_of(&mut asker, &answers).await;
    asker.leave().await;
    Ok(epoch.map(|epoch| (epoch, answers)))
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
    let lag = match cell("lag") {
        Some(Shown::Text(lag)) => format!("; {lag}"),
        Some(Shown::Number(_) | Shown::Null) | None => String::new(),
    };
    let known = STEPS.iter().find(|(name, ..)| *name == step);
    let (words, full) = known.map_or(("checking", 1), |(_, words, full)| (*words, *full));
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
    let told = format!("[{bar}] {words}, {} in flight, {} held{lag}", number("in_flight"), number("held"));
    format!("{told:LINE$.LINE$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_step_what_is_waited_for_and_what_is_held() {
        let columns = ["id", "step", "in_flight", "held", "lag"].map(str::to_owned).to_vec();
        let text = |text: &str| Shown::Text(text.to_owned());
        let shown = |step: &str, lag| {
            let row = vec![Shown::Number(8), text(step), Shown::Number(2), Shown::Number(31), lag];
            line(&Answered { columns: columns.clone(), rows: vec![row] })
        };
        let drains = shown("drain", Shown::Null);
        assert_eq!(drains.trim(), "[###.........] waiting for older writes, 2 in flight, 31 held");
        let lags = shown("catch-up", text("bj-main-1: 3 transactions and 1200 ms behind hz-main-1"));
        let expected = "[########....] waiting for replication, 2 in flight, 31 held; bj-main-1: 3 tra";
        assert_eq!((lags.as_str(), drains.len()), (expected, LINE), "never longer than the line it is drawn over");
        let none = line(&Answered { columns, rows: Vec::new() });
        assert!(none.starts_with("[#...........] checking"), "{none}");
    }
}
