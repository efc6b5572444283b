//! The command: for which nodes.

use std::io::Write;

use clap::Args;

use super::statements::{Wish, statements};
use crate::ctl::Outcome;
use crate::ctl::at_primaries::{AtPrimaries, Preparation, applications, prepare};
use crate::model::Fence;

/// What accounts, and where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AccountsFlags {
    /// Where
    #[command(flatten)]
    pub at: AtPrimaries,
    /// The numbers of the nodes there may ever be, as in 1-8
    #[arg(long, default_value = "1-8", value_parser = numbers)]
    pub nodes: Numbers,
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
    let what = Preparation { verb: "accounts", word: "\"connection\"", is_for: |fence| fence == Fence::Connection };
    let made = async |config: &crate::config::Config, conn: &mut mysql_async::Conn| {
        let (applications, nodes) = (applications(config), flags.nodes.0.clone());
        statements(conn, &Wish { applications, nodes, caller: config.monitor.user.clone() }).await
    };
    prepare(&flags.at, &what, made, out, errors).await
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
