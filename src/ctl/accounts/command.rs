//! The command: which instances, with which login, printed or run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::time::timeout;

use super::statements::{Wish, statements};
use crate::config::{self, Config};
use crate::ctl::Outcome;
use crate::model::{Fence, Instance, InstanceAddress, Role};
use crate::monitor::ProbeTls;

/// How long connecting to an instance may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What accounts, and where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AccountsFlags {
    /// A node's configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The numbers of the nodes there may ever be, as in 1-8
    #[arg(long, default_value = "1-8", value_parser = numbers)]
    pub nodes: Numbers,
    /// This instance alone; otherwise the primaries of all groups with fence = "connection"
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

/// Nodes' numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub Vec<u8>);

fn numbers(text: &str) -> Result<Numbers, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse::<u8>(), last.parse::<u8>()) {
        (Ok(first), Ok(last)) if first <= last => Ok(Numbers((first..=last).collect())),
        (Ok(_), Ok(_)) | (Err(_), _) | (_, Err(_)) => {
            Err("expected a number or a range within 0-255, as in 1-8".to_owned())
        }
    }
}

/// Prints the statements or runs them. Errors: `out` or `errors` cannot be written.
pub async fn run(flags: &AccountsFlags, out: &mut impl Write, errors: &mut impl Write) -> std::io::Result<Outcome> {
    let config = match config::load(&flags.config) {
        Ok(config) => config,
        Err(faults) => {
            writeln!(errors, "{faults}")?;
            return Ok(Outcome::Usage);
        }
    };
    let instances = instances(&config, flags.instance.as_deref());
    if instances.is_empty() {
        writeln!(
            errors,
            "meridian ctl accounts: no primary of a group with fence = \"connection\" is called so, or there is none"
        )?;
        return Ok(Outcome::Usage);
    }
    let (user, password) = match &flags.login {
        None => (config.monitor.user.clone(), config.monitor.password.clone()),
        Some(login) => match config::reveal(&flags.login_password, Path::new("")) {
            Ok(password) => (login.clone(), password),
            Err(error) => {
                writeln!(errors, "meridian ctl accounts: --login-password: found {error}")?;
                return Ok(Outcome::Usage);
            }
        },
    };
    let wish = wish(&config, &flags.nodes);
    for instance in instances {
        let mut conn = match connect(&config, instance, &user, &password).await {
            Ok(conn) => conn,
            Err(why) => {
                writeln!(errors, "meridian ctl accounts: {}: {why}", instance.name)?;
                return Ok(Outcome::Unreachable);
            }
        };
        let done = async {
            let wanted = statements(&mut conn, &wish).await?;
            if flags.apply {
                for statement in &wanted {
                    conn.query_drop(statement).await?;
                }
            }
            Ok::<_, mysql_async::Error>(wanted)
        };
        match done.await {
            Ok(wanted) if flags.apply => writeln!(out, "{}: {} statements run", instance.name, wanted.len())?,
            Ok(wanted) => print(instance, &wanted, out)?,
            Err(error) => {
                writeln!(errors, "meridian ctl accounts: {}: {error}", instance.name)?;
                return Ok(Outcome::Refused);
            }
        }
    }
    Ok(Outcome::Done)
}

fn print(instance: &Instance, statements: &[String], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "-- {}\nDELIMITER //", instance.name)?;
    for statement in statements {
        writeln!(out, "{statement} //")?;
    }
    writeln!(out, "DELIMITER ;")
}

fn instances<'a>(config: &'a Config, named: Option<&str>) -> Vec<&'a Instance> {
    let fenced = |instance: &&Instance| config.fences.get(instance.group.index()) == Some(&Fence::Connection);
    let primaries = config.state.instances.iter().filter(|instance| instance.role == Role::Primary);
    primaries.filter(fenced).filter(|instance| named.is_none_or(|named| instance.name == named)).collect()
}

fn wish(config: &Config, nodes: &Numbers) -> Wish {
    let mut applications: Vec<String> = config.users.0.iter().map(|user| user.backend_user.clone()).collect();
    applications.sort_unstable();
    applications.dedup();
    Wish { applications, nodes: nodes.0.clone(), caller: config.monitor.user.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_or_a_range() {
        assert_eq!(numbers("3"), Ok(Numbers(vec![3])));
        assert_eq!(numbers("1-3"), Ok(Numbers(vec![1, 2, 3])));
        for wrong in ["3-1", "x", "1-256", ""] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }
}
