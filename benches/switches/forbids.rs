//! How soon a forbid is in force at every node, while writers write elsewhere: as the node that was asked says, and as clients at all nodes find.

use std::time::{Duration, Instant};

use meridian::demo::command::log_in;
use meridian::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use meridian::demo::state_file::{NodeEntry, State};
use mysql_async::prelude::Queryable;

/// Nobody else writes there.
const SCOPE: &str = "SHARDS 9000-9999";
const WRITE: &str = "UPDATE orders SET item = item WHERE user_id = 9500";

/// Forbids and allows, at each node in turn; what each forbid took, from its command to its answer. Errors: one that does not say that it is in force
/// everywhere, and a node that lets a write in after that or refuses one when it is allowed again.
pub async fn measure(state: &State, nodes: &[&NodeEntry], times: usize) -> Result<Vec<Duration>, String> {
    let mut clients = Vec::new();
    for node in nodes {
        let client = log_in(node.mysql_port, &state.app_user, &state.app_password, Some(&state.schema));
        clients.push(client.await.map_err(|error| error.to_string())?);
    }
    let mut took = Vec::new();
    for node in nodes.iter().cycle().take(times) {
        let mut console = log_in(node.console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await.unwrap();
        let began = Instant::now();
        let answer = answered(&mut console, &format!("FORBID WRITES ON {SCOPE} REASON 'measured'")).await?;
        took.push(began.elapsed());
        if !answer.contains(&format!("in force at all {} living nodes", state.nodes.len())) {
            return Err(format!("a forbid was answered with: {answer}"));
        }
        for (client, node) in clients.iter_mut().zip(nodes) {
            match client.query_drop(WRITE).await {
                Err(mysql_async::Error::Server(refused)) if refused.message.contains("are forbidden") => {}
                other => return Err(format!("{} does not refuse what is forbidden: {other:?}", node.name)),
            }
        }
        answered(&mut console, &format!("ALLOW WRITES ON {SCOPE}")).await?;
        for client in &mut clients {
            client.query_drop(WRITE).await.map_err(|error| format!("after ALLOW: {error}"))?;
        }
    }
    Ok(took)
}

async fn answered(console: &mut mysql_async::Conn, command: &str) -> Result<String, String> {
    let answer: Option<(String, u64)> =
        console.query_first(command).await.map_err(|error| format!("{command}: {error}"))?;
    Ok(answer.ok_or("no answer")?.0)
}
