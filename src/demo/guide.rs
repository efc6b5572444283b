//! What the demo tells the person who started it: what runs, and which commands to try.

use std::fmt::Write;
use std::path::Path;

use super::directory::default_directory;
use super::layout::Layout;
use super::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use super::state_file::State;

/// The text shown once everything answers.
pub fn text(layout: &Layout, state: &State, directory: &Path) -> String {
    let mut text = String::from("\nMeridian serves.\n\n");
    let accounts = &layout.accounts;
    // Writing to a String cannot fail, here and below.
    for unit in &layout.units {
        let _ = writeln!(
            text,
            "  unit {}  applications: mysql://{}:{}@127.0.0.1:{}/{}   console: port {}, {CONSOLE_USER} / {CONSOLE_PASSWORD}",
            unit.name, accounts.app_user, accounts.app_password, unit.mysql_port, accounts.schema, unit.console_port
        );
    }
    for node in &state.nodes {
        let (name, config) = (&node.name, node.config.display());
        let _ = writeln!(
            text,
            "  node {name}   applications: port {}   console: port {}   {config}",
            node.mysql_port, node.console_port
        );
    }
    for member in &state.etcd {
        let _ = writeln!(text, "  {:<10} of etcd, at http://127.0.0.1:{}", member.name, member.client_port);
    }
    for instance in &state.instances {
        let _ = writeln!(text, "  {:<10} {:<8} database on port {}", instance.name, instance.role, instance.port);
    }
    let _ = writeln!(text, "  files: {}", directory.display());
    if let [center, other, ..] = layout.units.as_slice() {
        let client = |port: u16| {
            format!(
                "mariadb -h 127.0.0.1 -P {port} -u {} -p'{}' {}",
                accounts.app_user, accounts.app_password, accounts.schema
            )
        };
        let console = |port: u16| format!("mariadb -h 127.0.0.1 -P {port} -u {CONSOLE_USER} -p{CONSOLE_PASSWORD}");
        let (hz, bj) = (center.name, other.name);
        let write = "INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1)";
        let tries = [
            (
                format!("a read at {bj}: its own replica answers"),
                client(other.mysql_port),
                "SELECT * FROM product".to_owned(),
            ),
            (
                format!("user 6000 belongs to {bj}: written through {hz}, the row arrives at {bj}"),
                client(center.mysql_port),
                write.to_owned(),
            ),
            (
                format!("refuse all writes {bj} owns; then try the write above again"),
                console(other.console_port),
                format!("FORBID WRITES ON UNIT '{bj}' REASON 'maintenance'"),
            ),
            ("and let them in again".to_owned(), console(other.console_port), format!("ALLOW WRITES ON UNIT '{bj}'")),
            (
                "where would it go, and why?".to_owned(),
                console(center.console_port),
                format!("EXPLAIN ROUTE IN SCHEMA {} {write}", accounts.schema),
            ),
        ];
        text.push_str("\nTry, in another terminal (the `mysql` client does as well):\n");
        for (why, program, statement) in tries {
            let _ = write!(text, "\n  # {why}\n  {program} -e \"{statement}\"\n");
        }
    }
    let demo = own_command();
    let _ = write!(
        text,
        "\n  # all of it at once, with the proof of where each statement ran\n  {demo} tour{}\n",
        place(directory)
    );
    let _ = writeln!(text, "\nCtrl-C here, or `{demo} down{}` elsewhere, ends everything.", place(directory));
    text
}

/// This very program: it is seldom on the path where the demo is tried.
fn own_command() -> String {
    let program = std::env::current_exe().map_or_else(|_| "meridian".to_owned(), |path| path.display().to_string());
    format!("{program} demo")
}

/// The flag that leads the other commands here, when they would look elsewhere.
fn place(directory: &Path) -> String {
    if default_directory().canonicalize().is_ok_and(|default| default == directory) {
        String::new()
    } else {
        format!(" --directory {}", directory.display())
    }
}
