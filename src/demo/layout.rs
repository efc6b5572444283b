//! What the demo world consists of: units, instances, ports, accounts. Plain data and pure functions.

use crate::model::Role;

use super::DemoError;
use super::template::Servers;

/// Accounts and the schema of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// The applications' user, at Meridian and at the instances.
    pub app_user: String,
    /// Its password.
    pub app_password: String,
    /// The schema of the world's tables.
    pub schema: String,
}

/// One unit and what Meridian listens on there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitLayout {
    /// Its name.
    pub name: &'static str,
    /// Its number, from 1: the GTID domain of its primary and the offset of its automatic ids.
    pub number: u32,
    /// Where applications of this unit connect.
    pub mysql_port: u16,
    /// Where operators connect.
    pub console_port: u16,
}

/// One instance of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceLayout {
    /// Its name, for example `hz-main-1`.
    pub name: String,
    /// The unit it stands in.
    pub unit: &'static str,
    /// The unit's number.
    pub unit_number: u32,
    /// Its role at start.
    pub role: Role,
    /// Its `server_id`: ten per unit.
    pub server_id: u32,
}

/// The class of a table of the demo, as far as replication between units cares.
pub const LOCAL_TABLE: &str = "audit_log";

/// The group that holds everything.
pub const GROUP: &str = "main";

/// How many units automatic ids leave room for.
pub const ID_STRIDE: u32 = 4;

/// The whole world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The units, the center first.
    pub units: Vec<UnitLayout>,
    /// Accounts and schema.
    pub accounts: Accounts,
    /// Which servers they are.
    pub servers: Servers,
    /// What nodes that share a store are told.
    pub nodes: NodeSettings,
}

/// What is configured at nodes that share a store beside what the world demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// The group's fence.
    pub fence: &'static str,
    /// The lines of `[moves]`.
    pub moves: String,
}

impl Default for NodeSettings {
    fn default() -> NodeSettings {
        NodeSettings { fence: "connection", moves: String::new() }
    }
}

impl Layout {
    /// The instances in the order they are started: of each unit the primary, then its replica.
    pub fn instances(&self) -> Vec<InstanceLayout> {
        let roles = [(Role::Primary, 1), (Role::Replica, 2)];
        let of_unit = |unit: &UnitLayout| {
            let (name, number) = (unit.name, unit.number);
            roles.map(|(role, place)| InstanceLayout {
                name: format!("{name}-{GROUP}-{place}"),
                unit: name,
                unit_number: number,
                role,
                server_id: number * 10 + place,
            })
        };
        self.units.iter().flat_map(of_unit).collect()
    }

    /// Whether names need no quoting and no port is given twice. Errors: the first that does not fit.
    pub fn check(&self) -> Result<(), DemoError> {
        check_name("user", &self.accounts.app_user)?;
        check_name("schema", &self.accounts.schema)?;
        let ports: Vec<u16> = self.units.iter().flat_map(|unit| [unit.mysql_port, unit.console_port]).collect();
        for (index, port) in ports.iter().enumerate() {
            if ports[..index].contains(port) {
                return Err(DemoError::PortTwice(*port));
            }
        }
        Ok(())
    }
}

fn check_name(what: &'static str, found: &str) -> Result<(), DemoError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let starts_well = !found.starts_with(|first: char| first.is_ascii_digit());
    if (1..=32).contains(&found.len()) && found.chars().all(plain) && starts_well {
        Ok(())
    } else {
        Err(DemoError::BadName { what, found: found.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn layout(schema: &str, ports: [u16; 4]) -> Layout {
        let unit = |name, number, mysql_port, console_port| UnitLayout { name, number, mysql_port, console_port };
        Layout {
            units: vec![unit("hz", 1, ports[0], ports[1]), unit("bj", 2, ports[2], ports[3])],
            accounts: Accounts { app_user: "app".into(), app_password: "it's".into(), schema: schema.into() },
            servers: Servers::MariaDb,
            nodes: NodeSettings::default(),
        }
    }

    #[test]
    fn server_ids_and_names_differ() {
        let instances = layout("shop", [1, 2, 3, 4]).instances();
        let named: Vec<(String, u32)> = instances.into_iter().map(|one| (one.name, one.server_id)).collect();
        let expected = [("hz-main-1", 11), ("hz-main-2", 12), ("bj-main-1", 21), ("bj-main-2", 22)];
        assert_eq!(named, expected.map(|(name, id)| (name.to_owned(), id)));
    }

    #[test]
    fn a_schema_that_needs_quoting_is_refused() {
        assert!(layout("shop", [1, 2, 3, 4]).check().is_ok());
        for bad in ["", "9lives", "a`b", "a b", "überall"] {
            assert!(matches!(layout(bad, [1, 2, 3, 4]).check(), Err(DemoError::BadName { .. })), "{bad}");
        }
    }

    #[test]
    fn a_port_given_twice_is_refused() {
        assert!(matches!(layout("shop", [1, 2, 3, 1]).check(), Err(DemoError::PortTwice(1))));
    }
}
