//! A command that prepares primaries: which of them, with which login, its statements printed or run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, OptsBuilder};
use tokio::time::timeout;

use super::Outcome;
use crate::config::{self, Config};
use crate::model::{Fence, Instance, InstanceAddress, Role};
use crate::monitor::ProbeTls;

/// How long connecting to an instance may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where, and whether statements are run or printed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AtPrimaries {
    /// A node's configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// This instance alone; otherwise the primaries of all groups with that fence
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Run the statements instead of printing them
    #[arg(long, requires = "login")]
    pub apply: bool,
    /// The account that runs them, with all privileges; the monitor's is enough for printing
    #[arg(long, value_name = "USER")]
    pub login: Option<String>,
    /// Its password: env:NAME, file:PATH, or the plain text
    #[arg(long, value_name = "SECRET", default_value = "env:MERIDIAN_LOGIN_PASSWORD")]
    pub login_password: String,
}

/// What a command prepares.
pub struct Preparation {
    /// The command's name.
    pub verb: &'static str,
    /// The fence it is for, as it is spelt.
    pub word: &'static str,
    /// Whether a group has that fence.
    pub is_for: fn(Fence) -> bool,
}

/// Prints the statements of `made` or runs them at each of the primaries. Errors: `out` or `errors` cannot be written.
pub async fn prepare(
    flags: &AtPrimaries,
    what: &Preparation,
    made: impl AsyncFn(&Config, &mut Conn) -> Result<Vec<String>, Error>,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> std::io::Result<Outcome> {
    let verb = what.verb;
    let config = match config::load(&flags.config) {
        Ok(config) => config,
        Err(faults) => {
            writeln!(errors, "{faults}")?;
            return Ok(Outcome::Usage);
        }
    };
    let instances = instances(&config, what, flags.instance.as_deref());
    if instances.is_empty() {
        let word = what.word;
        writeln!(
            errors,
            "meridian ctl {verb}: no primary of a group with fence = {word} is called so, or there is none"
        )?;
        return Ok(Outcome::Usage);
    }
    let (user, password) = match &flags.login {
        None => (config.monitor.user.clone(), config.monitor.password.clone()),
        Some(login) => match config::reveal(&flags.login_password, Path::new("")) {
            Ok(password) => (login.clone(), password),
            Err(error) => {
                writeln!(errors, "meridian ctl {verb}: --login-password: found {error}")?;
                return Ok(Outcome::Usage);
            }
        },
    };
    for instance in instances {
        let mut conn = match connect(&config, instance, &user, &password).await {
            Ok(conn) => conn,
            Err(why) => {
                writeln!(errors, "meridian ctl {verb}: {}: {why}", instance.name)?;
                return Ok(Outcome::Unreachable);
            }
        };
        let done = async {
            let wanted = made(&config, &mut conn).await?;
            if flags.apply {
                for statement in &wanted {
                    conn.query_drop(statement).await?;
                }
            }
            Ok::<_, Error>(wanted)
        };
        match done.await {
            Ok(wanted) if flags.apply => writeln!(out, "{}: {} statements run", instance.name, wanted.len())?,
            Ok(wanted) => print(instance, &wanted, out)?,
            Err(error) => {
                writeln!(errors, "meridian ctl {verb}: {}: {error}", instance.name)?;
                return Ok(Outcome::Refused);
            }
        }
    }
    Ok(Outcome::Done)
}

/// The applications' accounts at the instances, by name, each once.
pub fn applications(config: &Config) -> Vec<String> {
    let mut applications: Vec<String> = config.users.0.iter().map(|user| user.backend_user.clone()).collect();
    applications.sort_unstable();
    applications.dedup();
    applications
}

fn print(instance: &Instance, statements: &[String], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "-- {}\nDELIMITER //", instance.name)?;
    for statement in statements {
        writeln!(out, "{statement} //")?;
    }
    writeln!(out, "DELIMITER ;")
}

fn instances<'a>(config: &'a Config, what: &Preparation, named: Option<&str>) -> Vec<&'a Instance> {
    let fenced =
        |instance: &&Instance| config.fences.get(instance.group.index()).is_some_and(|fence| (what.is_for)(*fence));
    let primaries = config.state.instances.iter().filter(|instance| instance.role == Role::Primary);
    primaries.filter(fenced).filter(|instance| named.is_none_or(|named| instance.name == named)).collect()
}

async fn connect(config: &Config, instance: &Instance, user: &str, password: &str) -> Result<Conn, String> {
    let options = OptsBuilder::default().user(Some(user)).pass(Some(password)).prefer_socket(Some(false));
    let tls = ProbeTls::of(&config.backend).map(|tls| tls.options());
    let options = match &instance.address {
        InstanceAddress::Tcp(host, port) => options.ip_or_hostname(host.clone()).tcp_port(*port).ssl_opts(tls),
        InstanceAddress::Unix(path) => options.socket(Some(path.clone())).prefer_socket(Some(true)),
    };
    match timeout(PATIENCE, Conn::new(options)).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
