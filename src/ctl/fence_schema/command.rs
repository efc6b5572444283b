//! The command.

use std::io::Write;

use clap::Args;

use super::statements::{Wish, statements};
use crate::ctl::Outcome;
use crate::ctl::at_primaries::{AtPrimaries, Preparation, applications, prepare};
use crate::model::Fence;

/// Where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct FenceSchemaFlags {
    /// Where
    #[command(flatten)]
    pub at: AtPrimaries,
}

/// Prints the statements or runs them. Errors: `out` or `errors` cannot be written.
pub async fn run(flags: &FenceSchemaFlags, out: &mut impl Write, errors: &mut impl Write) -> std::io::Result<Outcome> {
    let what = Preparation { verb: "fence-schema", word: "\"row\" or \"row+lease\"", is_for: Fence::has_rows };
    let made = async |config: &crate::config::Config, conn: &mut mysql_async::Conn| {
        let wish = Wish { applications: applications(config), caller: config.monitor.user.clone() };
        statements(conn, &wish).await
    };
    prepare(&flags.at, &what, made, out, errors).await
}
