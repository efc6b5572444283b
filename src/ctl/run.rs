//! One call of `meridian ctl`: connect, ask, print, exit code.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::ask::{Answered, AskError, Asker, Shown};
use super::options::{Options, Verb};
use super::{accounts, fence_schema, progress, show};
use crate::config;

/// How a call ended; the exit code for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Done,
    /// Answered, and `check` found what blocks.
    Blocked,
    /// The console refused the command or the login.
    Refused,
    /// The call itself is wrong: a flag, or a password that cannot be read.
    Usage,
    /// No console answered.
    Unreachable,
}

impl Outcome {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Blocked | Outcome::Refused => 1,
            Outcome::Usage => 2,
            Outcome::Unreachable => 3,
        }
    }
}

/// Asks what `options` say and prints the answer to `out`, or why there is none to `errors`. Errors: `out` or `errors` cannot be written.
pub async fn run(options: &Options, out: &mut impl Write, errors: &mut impl Write) -> std::io::Result<Outcome> {
    if let Verb::Accounts(flags) = &options.verb {
        return accounts::run(flags, out, errors).await;
    }
    if let Verb::FenceSchema(flags) = &options.verb {
        return fence_schema::run(flags, out, errors).await;
    }
    let password = match config::reveal(&options.password, Path::new("")) {
        Ok(password) => password,
        Err(error) => {
            writeln!(errors, "meridian ctl: --password: found {error}")?;
            return Ok(Outcome::Usage);
        }
    };
    let answered = match &options.verb {
        Verb::Switch { terms, .. } | Verb::Move { terms, .. } if !terms.dry_run => {
            progress::carry_out(options, &password, errors).await?
        }
        Verb::Forbid { wait_fenced: true, .. } => progress::carry_out(options, &password, errors).await?,
        _ => ask_all(options, &password).await,
    };
    match answered {
        Ok((epoch, answers)) => {
            let text = match options.json {
                true => format!("{:#}\n", as_json(&options.verb, epoch, &answers)),
                false => as_text(&options.verb, epoch, &answers),
            };
            out.write_all(text.as_bytes())?;
            let is_blocked = matches!(options.verb, Verb::Check { .. }) && blockers(&answers) > 0;
            Ok(if is_blocked { Outcome::Blocked } else { Outcome::Done })
        }
        Err(error) => {
            writeln!(errors, "meridian ctl: {error}")?;
            Ok(match error {
                AskError::Refused { .. } => Outcome::Refused,
                AskError::Unreachable { .. } => Outcome::Unreachable,
            })
        }
    }
}

pub(super) type Answers = Vec<(&'static str, Answered)>;

/// The answers and the newest epoch they carry.
async fn ask_all(options: &Options, password: &str) -> Result<(Option<u64>, Answers), AskError> {
    let mut asker = Asker::connect(options.console, &options.user, password).await?;
    let mut answers = Vec::new();
    for (heading, command) in options.verb.commands() {
        answers.push((heading, asker.ask(&command).await?));
    }
    let epoch = epoch_of(&mut asker, &answers).await?;
    asker.leave().await;
    Ok((epoch, answers))
}

/// The newest epoch that answers carry.
pub(super) async fn epoch_of(asker: &mut Asker, answers: &Answers) -> Result<Option<u64>, AskError> {
    match answers.iter().filter_map(|(_, answered)| show::epoch_of(answered)).max() {
        // A table without rows has no place for its epoch.
        None => Ok(show::epoch_of(&asker.ask("SHOW EPOCH").await?)),
        epoch => Ok(epoch),
    }
}

/// How many findings of `check` block.
fn blockers(answers: &Answers) -> usize {
    let severities = answers.iter().flat_map(|(_, answered)| &answered.rows).filter_map(|row| row.first());
    severities.filter(|shown| **shown == Shown::Text("blocker".to_owned())).count()
}

fn as_text(verb: &Verb, epoch: Option<u64>, answers: &Answers) -> String {
    let epoch = epoch.map_or("unknown".to_owned(), |epoch| epoch.to_string());
    match verb {
        Verb::Explain { .. } => answers.iter().map(|(_, answered)| show::explanation(answered)).collect(),
        Verb::Epoch => format!("{epoch}\n"),
        Verb::Status => {
            let sections = answers.iter().filter(|(heading, _)| *heading != "epoch");
            let sections = sections.map(|(heading, answered)| format!("\n{heading}\n{}", show::table(answered)));
            format!("epoch {epoch}\n{}", sections.collect::<String>())
        }
        Verb::Switch { terms, .. } | Verb::Move { terms, .. } if terms.dry_run => tables(epoch, answers),
        Verb::Forbid { wait_fenced: true, .. } => tables(epoch, answers),
        Verb::Check { .. } => {
            let tables: String = answers.iter().map(|(_, answered)| show::findings(answered)).collect();
            let found: usize = answers.iter().map(|(_, answered)| answered.rows.len()).sum();
            let blockers = blockers(answers);
            format!("{tables}{blockers} blockers, {} warnings\nepoch {epoch}\n", found - blockers)
        }
        Verb::Forbid { .. }
        | Verb::Allow { .. }
        | Verb::Switch { .. }
        | Verb::Move { .. }
        | Verb::RollbackMove { .. }
        | Verb::Force { .. }
        | Verb::Rejoin { .. }
        | Verb::RestoreState { .. }
        | Verb::RollbackTo { .. }
        | Verb::Reload
        | Verb::ReloadUsers
        | Verb::Drain => {
            let told: String = answers.iter().map(|(_, answered)| show::lines(answered)).collect();
            format!("{told}epoch {epoch}\n")
        }
        Verb::Units
        | Verb::Groups
        | Verb::Accounts(_)
        | Verb::FenceSchema(_)
        | Verb::Instances
        | Verb::Pools
        | Verb::Sessions
        | Verb::Pins
        | Verb::Nodes
        | Verb::Fences
        | Verb::Forbids
        | Verb::Moves
        | Verb::Lag
        | Verb::Quarantines
        | Verb::Reconcile { .. }
        | Verb::History
        | Verb::Denials
        | Verb::Refusals
        | Verb::Disagreements
        | Verb::Observed => tables(epoch, answers),
    }
}

fn tables(epoch: String, answers: &Answers) -> String {
    let tables: String = answers.iter().map(|(_, answered)| show::table(answered)).collect();
    format!("{tables}epoch {epoch}\n")
}

fn as_json(verb: &Verb, epoch: Option<u64>, answers: &Answers) -> Value {
    let mut members = Map::new();
    members.insert("epoch".to_owned(), json!(epoch));
    for (heading, answered) in answers.iter().filter(|(heading, _)| *heading != "epoch") {
        let key = if *verb == Verb::Status { heading } else { "rows" };
        members.insert(key.to_owned(), show::rows_json(answered));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use crate::admin::tests::running;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        options: Options,
    }

    /// Outcome, standard output and standard error of one call.
    async fn call(console: std::net::SocketAddr, flags: &[&str]) -> (Outcome, String, String) {
        let console = console.to_string();
        let known = ["ctl", "--console", &console, "--password", "adminpw"];
        let options = Flags::try_parse_from(known.iter().chain(flags)).unwrap().options;
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let outcome = run(&options, &mut out, &mut errors).await.unwrap();
        (outcome, String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
    }

    #[tokio::test]
    async fn people_get_tables_and_scripts_get_json() {
        let console = running(4).await;
        let (outcome, out, _) = call(console.address, &["pins"]).await;
        assert_eq!(outcome, Outcome::Done);
        let table = "reason           sessions  since_start\n---------------  --------  -----------\n\
                     temporary table         1            4\nepoch 1\n";
        assert_eq!(out, table);
        let (_, out, _) = call(console.address, &["--json", "pins"]).await;
        let expected = json!({"epoch": 1, "rows": [{"reason": "temporary table", "sessions": 1, "since_start": 4}]});
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_forbid_is_set_seen_and_lifted() {
        let console = running(4).await;
        let forbid = ["forbid", "--unit", "bj", "--reason", "it's a drill", "--if-epoch", "1"];
        let (outcome, out, _) = call(console.address, &forbid).await;
        assert_eq!((outcome, out.as_str()), (Outcome::Done, "done\nepoch 2\n"));
        let (_, out, _) = call(console.address, &["status"]).await;
        assert!(out.starts_with("epoch 2\n") && out.contains("it's a drill"), "{out}");
        let (outcome, out, errors) = call(console.address, &forbid).await;
        assert_eq!((outcome, out.as_str()), (Outcome::Refused, ""));
        assert_eq!(errors, "meridian ctl: refused (1105): the epoch is 2, not 1: look again, then decide\n");
        let fence = ["forbid", "--unit", "bj", "--reason", "copy", "--wait-fenced", "--if-epoch"];
        let (outcome, out, _) = call(console.address, &[&fence[..], &["2", "--json"]].concat()).await;
        let row = json!({"instance": "bj-main-1", "position": "2-21-5", "shut_out": "hz-1#4 (its accounts are shut)"});
        let expected = json!({"epoch": 3, "rows": [row]});
        assert_eq!((outcome, serde_json::from_str::<Value>(&out).unwrap()), (Outcome::Done, expected));
        let (_, out, _) = call(console.address, &[&fence[..], &["3"]].concat()).await;
        assert!(out.contains("2-21-5") && out.ends_with("epoch 4\n"), "{out}");
        let (outcome, ..) = call(console.address, &[&fence[..], &["3"]].concat()).await;
        assert_eq!(outcome, Outcome::Refused);
        let (_, out, _) = call(console.address, &["allow", "--unit", "bj", "--json"]).await;
        let expected = json!({"epoch": 5, "rows": [{"result": "done"}]});
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_schema_that_cannot_hold_is_told_and_exits_with_one() {
        let console = running(4).await;
        let (outcome, out, _) = call(console.address, &["check", "--group", "main"]).await;
        let finding = "warning unique-key shop.orders (hz)\n  may collide\n  -> add the routing key to it\n";
        assert_eq!((outcome, out), (Outcome::Done, format!("{finding}0 blockers, 1 warnings\nepoch 1\n")));
        call(console.address, &["forbid", "--unit", "bj", "--reason", "drill"]).await;
        let (outcome, out, _) = call(console.address, &["check", "--json"]).await;
        assert_eq!((outcome, outcome.exit_code()), (Outcome::Blocked, 1));
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (&told["rows"][0]["severity"], &told["rows"][1]["check"]),
            (&json!("blocker"), &json!("unique-key"))
        );
    }

    #[tokio::test]
    async fn a_table_without_rows_still_has_an_epoch() {
        let console = running(4).await;
        let (_, out, _) = call(console.address, &["forbids"]).await;
        assert_eq!(out, "(none)\nepoch 1\n");
        let (_, out, _) = call(console.address, &["forbids", "--json"]).await;
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!({"epoch": 1, "rows": []}));
    }

    #[tokio::test]
    async fn explain_prints_the_line_and_below_it_what_else_is_told() {
        let console = running(4).await;
        let (_, out, _) = call(console.address, &["explain", "--unit", "hz", "--schema", "shop", "SELECT 1"]).await;
        assert_eq!(out, "unit 0 schema Some(\"shop\"): SELECT 1\n  class: None\n");
    }

    #[tokio::test]
    async fn each_way_to_fail_has_its_outcome() {
        let console = running(4).await;
        let wrong_password = call(console.address, &["epoch", "--password", "wrong"]).await;
        assert_eq!(wrong_password.0, Outcome::Refused);
        assert!(!wrong_password.2.contains("wrong"), "{}", wrong_password.2);
        let no_password = call(console.address, &["epoch", "--password", "env:MERIDIAN_NO_SUCH_VARIABLE"]).await;
        assert_eq!(no_password.0, Outcome::Usage);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(call(closed, &["epoch"]).await.0, Outcome::Unreachable);
    }
}
