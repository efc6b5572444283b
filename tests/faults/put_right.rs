//! README's runbooks for what was left behind: its servers become copies of the stand-in, or what nobody else has is undone; then all follow each
//! other again.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use meridian::demo::replication::{channel_from, ignore_tables};
use meridian::model::Role;

use super::binlog::{self, Changes};
use super::left_behind::{Loss, Rejoin, report};
use super::world::{UNITS, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that is replicated between units.
const SHARED: [&str; 8] = ["shop", "spine", "zone", "appends", "bank", "orders", "product", "account"];

/// Takes from a unit's servers what nobody else has. Errors: whatever does not work.
pub async fn put_right(world: &World, loss: Loss, lost: &Changes) -> Result<(), String> {
    match (world.is_mariadb, loss.rejoin) {
        (true, rejoin) => {
            for role in [Role::Primary, Role::Replica] {
                world.run_at(loss.unit, role, &["STOP ALL SLAVES".to_owned()]).await?;
            }
            let primary = match rejoin {
                Rejoin::Clone => clone(world, loss, Role::Primary).await?,
                Rejoin::Undo => undo(world, loss, lost).await?,
            };
            begin_anew(world, loss, Role::Primary, &primary).await?;
            let replica = clone(world, loss, Role::Replica).await?;
            begin_anew(world, loss, Role::Replica, &replica).await?;
        }
        (false, _) => undo_on_mysql(world, loss, lost).await?,
    }
    let deadline = Instant::now() + PATIENCE;
    while report(world, loss.unit).await.as_deref() != Some("nothing") {
        if Instant::now() > deadline {
            return Err(format!("{} is put right, and is still said to have lost something", loss.unit));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// A dump of the stand-in, loaded without a trace in the binlog; the position the dump was taken at.
async fn clone(world: &World, loss: Loss, role: Role) -> Result<String, String> {
    let mut dump = tool(world, "mariadb-dump", loss.target, Role::Primary);
    let dump = done(dump.args(["--single-transaction", "--master-data=2", "--gtid"]).args(SHARED), None)?;
    let text = String::from_utf8_lossy(&dump.stdout);
    let position = text.rsplit_once("SET GLOBAL gtid_slave_pos='").and_then(|(_, rest)| rest.split('\'').next());
    let position = position.ok_or("the dump does not tell its position")?.to_owned();
    let mut load = tool(world, "mariadb", loss.unit, role);
    done(load.args(["--init-command=SET SESSION sql_log_bin = 0", "shop"]), Some(&dump.stdout))?;
    Ok(position)
}

/// Everything from the first lost transaction on is turned round, what others wrote behind it too; the position before it.
async fn undo(world: &World, loss: Loss, lost: &Changes) -> Result<String, String> {
    let (first, _) = lost.first_key_value().ok_or("nothing is lost")?;
    let (at, offset) = binlog::place_of(world, loss.unit, first)?;
    let files = binlog::files(world, loss.unit)?;
    let name = files[at].file_name().unwrap_or_default().to_string_lossy().into_owned();
    let position = format!("SELECT BINLOG_GTID_POS('{name}', {offset})");
    let position = world.value(loss.unit, Role::Primary, &position).await?;
    let mut turned = Command::new("mariadb-binlog");
    turned.args(["--no-defaults", "--flashback", &format!("--start-position={offset}")]);
    let turned = done(turned.args(&files[at..]), None)?;
    let mut load = tool(world, "mariadb", loss.unit, Role::Primary);
    done(load.arg("--init-command=SET SESSION sql_log_bin = 0"), Some(&turned.stdout))?;
    Ok(position)
}

/// A server without a past of its own, at a position.
async fn begin_anew(world: &World, loss: Loss, role: Role, position: &str) -> Result<(), String> {
    let statements = [
        "RESET MASTER".to_owned(),
        format!("SET GLOBAL gtid_slave_pos = '{position}'"),
        format!("SET GLOBAL gtid_binlog_state = '{position}'"),
        "FLUSH BINARY LOGS".to_owned(),
    ];
    world.run_at(loss.unit, role, &statements).await
}

/// The rows are set back at both servers of the unit, and everybody else takes the lost numbers for done.
async fn undo_on_mysql(world: &World, loss: Loss, lost: &Changes) -> Result<(), String> {
    // It was kept from what its primary wrote last, or its channel was stopped by the forced change.
    world.run_at(loss.unit, Role::Replica, &["START REPLICA".to_owned()]).await?;
    let executed = world.value(loss.unit, Role::Primary, "SELECT @@GLOBAL.gtid_executed").await?.replace('\n', "");
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 30)");
    if world.value(loss.unit, Role::Replica, &wait).await? != "0" {
        return Err(format!("the replica of {} does not get what its primary has", loss.unit));
    }
    let mut statements = vec!["SET SESSION sql_log_bin = 0".to_owned(), "SET GLOBAL super_read_only = 0".to_owned()];
    statements.extend(binlog::undoing(world, loss.unit, lost)?);
    statements.push("SET GLOBAL super_read_only = 1".to_owned());
    for role in [Role::Primary, Role::Replica] {
        // Whoever keeps the quarantine may close it again in between; each of them may be done again.
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = world.run_at(loss.unit, role, &statements).await {
            if Instant::now() > deadline {
                return Err(error);
            }
        }
    }
    let uuid = world.value(loss.unit, Role::Primary, "SELECT @@server_uuid").await?;
    let numbers = lost.keys().map(|gtid| format!("SET gtid_next = '{uuid}:{}'", gtid.sequence));
    let empty = numbers.flat_map(|next| [next, "BEGIN".to_owned(), "COMMIT".to_owned()]);
    let statements: Vec<String> = empty.chain(["SET gtid_next = 'AUTOMATIC'".to_owned()]).collect();
    world.run_at(loss.target, Role::Primary, &statements).await
}

/// The unit's servers follow again, and when they have everything the other units follow it. May be done again. Errors: a server's.
pub async fn follow_each_other(world: &World, loss: Loss) -> Result<(), String> {
    let others = || UNITS.into_iter().filter(|other| *other != loss.unit);
    let start = if world.is_mariadb { "START ALL SLAVES" } else { "START REPLICA" };
    world.run(loss.unit, &[start]).await?;
    for other in others() {
        wait_for(world, loss.unit, other).await?;
    }
    let channel = channel_from(loss.unit);
    for other in others() {
        let is_there = world.channels(other).await?.contains(&channel);
        if is_there {
            continue;
        }
        let peer = world.databases.instance(other, Role::Primary).unwrap();
        if world.is_mariadb {
            // So that it asks for nothing of its own.
            world.run(other, &["STOP ALL SLAVES", "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos"]).await?;
        }
        world.follow(other, &channel, loss.unit).await?;
        match world.is_mariadb {
            true => world.run(other, &["START ALL SLAVES"]).await?,
            false => {
                let ignored = ignore_tables(&peer.root(), &channel, &peer.settings().ignored).await;
                ignored.map_err(|error| error.to_string())?;
            }
        }
    }
    world.run_at(loss.unit, Role::Replica, &[start.to_owned()]).await
}

/// Waits until a unit's primary has what another's has now, but for what it wrote itself.
async fn wait_for(world: &World, unit: &str, other: &str) -> Result<(), String> {
    let wait = match world.is_mariadb {
        true => {
            let position = world.value(other, Role::Primary, "SELECT @@GLOBAL.gtid_binlog_pos").await?;
            let own = format!("{}-", UNITS.iter().position(|name| *name == unit).unwrap() + 1);
            let foreign: Vec<&str> = position.split(',').filter(|part| !part.trim().starts_with(&own)).collect();
            format!("SELECT MASTER_GTID_WAIT('{}', 10)", foreign.join(","))
        }
        false => {
            let executed = world.value(other, Role::Primary, "SELECT @@GLOBAL.gtid_executed").await?;
            format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', 10)", executed.replace('\n', ""))
        }
    };
    match world.value(unit, Role::Primary, &wait).await?.as_str() {
        "0" => Ok(()),
        _ => Err(format!("{unit} does not get what {other} has: {:?}", world.channel_errors(unit).await)),
    }
}

/// A client of MariaDB's at an instance.
fn tool(world: &World, name: &str, unit: &str, role: Role) -> Command {
    let socket: &Path = &world.databases.instance(unit, role).unwrap().socket();
    let mut command = Command::new(name);
    command.args(["--no-defaults", "--user=root"]).arg(format!("--socket={}", socket.display()));
    command
}

fn done(command: &mut Command, input: Option<&[u8]>) -> Result<Output, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // It may have ended already, and says why.
        scope.spawn(move || drop(stdin.write_all(input.unwrap_or_default())));
        let output = child.wait_with_output().map_err(|error| format!("{command:?}: {error}"))?;
        match output.status.success() {
            true => Ok(output),
            false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    })
}
