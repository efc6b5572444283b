//! The configuration of the Meridian that stands in front of the demo world: files any other node could be started with.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::DemoError;
use super::directory::write_private;
use super::layout::{GROUP, LOCAL_TABLE, Layout, UnitLayout};
use super::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER, MONITOR_PASSWORD, MONITOR_USER};
use super::state_file::State;

/// The consoles' account.
pub const CONSOLE_USER: &str = "admin";
/// Its password.
pub const CONSOLE_PASSWORD: &str = "adminpw";

/// Writes `meridian.toml` and `users.toml` into `directory` and gives the path of the first. Errors: the system's.
pub fn write(layout: &Layout, state: &State, server_version: &str, directory: &Path) -> Result<PathBuf, DemoError> {
    let config = directory.join("meridian.toml");
    let door = |unit: &UnitLayout| (unit.name, unit.mysql_port, unit.console_port);
    let doors: Vec<(&str, u16, u16)> = layout.units.iter().map(door).collect();
    let node = NodeFile { name: "demo", number: 1, control: None, doors: &doors };
    write_node(layout, state, server_version, &config, &node)?;
    Ok(config)
}

/// What is a node's own in its configuration.
#[derive(Clone, Copy, Debug)]
pub struct NodeFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number.
    pub number: usize,
    /// What stands in `[control]`, if anything.
    pub control: Option<&'a str>,
    /// The units it serves, with the ports for applications and operators.
    pub doors: &'a [(&'a str, u16, u16)],
}

/// Writes a node's configuration into the file `config`, and the users beside it. Errors: the system's.
pub fn write_node(
    layout: &Layout,
    state: &State,
    server_version: &str,
    config: &Path,
    node: &NodeFile<'_>,
) -> Result<(), DemoError> {
    write_private(config, &config_text(layout, state, server_version, node))?;
    write_private(&config.with_file_name("users.toml"), &users_text(layout))
}

fn config_text(layout: &Layout, state: &State, server_version: &str, node: &NodeFile<'_>) -> String {
    let center = layout.units.first().map_or("", |unit| unit.name);
    let mut text = format!(
        "# Written by `meridian demo`.\nusers_file = \"users.toml\"\n\n\
         [node]\nname = {}\nnumber = {}\nstate_file = {}\n\n{}\
         [backend]\nmonitor_user = {}\nmonitor_password = {}\nadministrator_user = {}\nadministrator_password = {}\n",
        quoted(node.name),
        node.number,
        quoted(&format!("{}.state", node.name)),
        node.control.map(|control| format!("[control]\n{control}\n")).unwrap_or_default(),
        quoted(MONITOR_USER),
        quoted(MONITOR_PASSWORD),
        quoted(ADMINISTRATOR_USER),
        quoted(ADMINISTRATOR_PASSWORD)
    );
    // Writing to a String cannot fail, here and below.
    for unit in &layout.units {
        let _ = write!(text, "\n[[unit]]\nname = {}\n", quoted(unit.name));
    }
    let family = if server_version.contains("MariaDB") { "mariadb" } else { "mysql" };
    text.push_str(&group_text(layout, center, family, node.control.is_some()));
    for instance in &state.instances {
        let _ = write!(
            text,
            "\n[[instance]]\nname = {}\nunit = {}\ngroup = \"{GROUP}\"\nrole = {}\naddress = \"127.0.0.1:{}\"\n",
            quoted(&instance.name),
            quoted(&instance.unit),
            quoted(&instance.role),
            instance.port
        );
    }
    // Ctrl-C ends the demo soon, whatever is open.
    text.push_str("\n[limits]\ndrain_deadline = \"1s\"\n");
    if node.control.is_some() && !layout.nodes.moves.is_empty() {
        let _ = write!(text, "\n[moves]\n{}", layout.nodes.moves);
    }
    for (unit, mysql_port, console_port) in node.doors {
        let name = quoted(unit);
        let _ = write!(
            text,
            "\n[[listener]]\nunit = {name}\naddress = \"127.0.0.1:{}\"\nfamily = \"{family}\"\nserver_version = {}\n\
             \n[[console]]\nunit = {name}\naddress = \"127.0.0.1:{}\"\n\
             accounts = [{{ name = \"{CONSOLE_USER}\", password = \"{CONSOLE_PASSWORD}\", role = \"admin\" }}]\n",
            mysql_port,
            quoted(server_version),
            console_port
        );
    }
    text
}

fn group_text(layout: &Layout, center: &str, family: &str, is_shared: bool) -> String {
    let fence = if is_shared { format!("fence = {}\n", quoted(layout.nodes.fence)) } else { String::new() };
    let mut text = format!(
        "\n[[group]]\nname = \"{GROUP}\"\nfamily = \"{family}\"\nschemas = [{}]\nshards = 10000\nglobal_master = {}\n{fence}\
         \n[[group.key_type]]\nname = \"user\"\ntransform = \"mod\"\nmodulus = 10000\n",
        quoted(&layout.accounts.schema),
        quoted(center)
    );
    for (unit, shards) in layout.units.iter().zip(["0-4999", "5000-9999"]) {
        let _ = write!(text, "\n[[group.owner]]\nshards = \"{shards}\"\nunit = {}\n", quoted(unit.name));
    }
    text.push_str("\n[[group.table]]\nname = \"orders\"\nclass = \"sharded\"\nkey = \"user_id\"\n");
    for (table, class) in [("product", "global"), ("account", "global"), (LOCAL_TABLE, "local")] {
        let _ = write!(text, "\n[[group.table]]\nname = \"{table}\"\nclass = \"{class}\"\n");
    }
    text
}

fn users_text(layout: &Layout) -> String {
    let accounts = &layout.accounts;
    format!(
        "# Written by `meridian demo`.\n[[user]]\nname = {}\npassword = {}\n",
        quoted(&accounts.app_user),
        quoted(&accounts.app_password)
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::layout::Accounts;
    use super::super::state_file::Files;
    use super::*;

    #[test]
    fn a_password_with_quotes_survives_the_file() {
        let unit = |name, number| UnitLayout { name, number, mysql_port: 4406, console_port: 4416 };
        let accounts = Accounts { app_user: "app".into(), app_password: "a\"b'c\\d".into(), schema: "shop".into() };
        let layout = Layout {
            units: vec![unit("hz", 1), unit("bj", 2)],
            accounts,
            servers: Default::default(),
            nodes: Default::default(),
        };
        let users: toml::Table = users_text(&layout).parse().unwrap();
        assert_eq!(users["user"][0]["password"].as_str(), Some("a\"b'c\\d"));
        let node = NodeFile { name: "demo", number: 1, control: None, doors: &[("hz", 4406, 4416)] };
        let state = State::new(&layout, Files::Remove);
        let config: toml::Table = config_text(&layout, &state, "10.11.19-MariaDB", &node).parse().unwrap();
        assert_eq!(config["group"][0]["owner"][1]["unit"].as_str(), Some("bj"));
    }
}
