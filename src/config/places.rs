//! The places of the world: units, instances and consoles.

use std::net::SocketAddr;
use std::path::Path;

use super::groups::ReadGroup;
use super::reader::{Located, Problems, Section};
use super::shape;
use crate::admin::{Account, ConsoleRole};
use crate::frontend::ListenerConfig;
use crate::model::{GroupId, Instance, InstanceAddress, Role, Unit, UnitId};
use crate::sql::Family;
use crate::wire::proxy_header::HeaderVersion;

/// The units of the file; a [`UnitId`] is a position here.
pub struct ReadUnits(Vec<Located<String>>);

impl ReadUnits {
    /// The units as the control state holds them.
    pub fn units(&self) -> Vec<Unit> {
        self.0.iter().map(|name| Unit { name: name.value.clone() }).collect()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| name.value.as_str())
    }

    /// The unit called `name`; an unknown one is a fault.
    pub fn find(&self, name: &Located<String>, problems: &mut Problems) -> Option<UnitId> {
        let found = (0u16..).map(UnitId).zip(&self.0).find(|(_, unit)| unit.value == name.value);
        if found.is_none() {
            let names: Vec<&str> = self.0.iter().map(|unit| unit.value.as_str()).collect();
            problems.add(&name.place, format!("\"{}\"", name.value), format!("a unit: {}", names.join(", ")));
        }
        found.map(|(id, _)| id)
    }
}

/// The units of the file, in its order; each name once.
pub fn read_units(root: &Section<'_>, problems: &mut Problems) -> ReadUnits {
    let mut units: Vec<Located<String>> = Vec::new();
    let sections = root.sections(problems, "unit");
    if sections.is_empty() && !root.holds("unit") {
        problems.add(&root.place_of("unit"), "nothing", "at least one section [[unit]]");
    }
    for section in sections {
        if let Some(name) = section.required(problems, "name", shape::name()) {
            if units.iter().any(|unit| unit.value == name.value) {
                problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each unit");
            }
            units.push(name);
        }
        section.finish(problems);
    }
    ReadUnits(units)
}

const ROLES: &[(&str, Role)] = &[("primary", Role::Primary), ("replica", Role::Replica)];

const HEADER_VERSIONS: &[(&str, HeaderVersion)] = &[("v1", HeaderVersion::Text), ("v2", HeaderVersion::Binary)];

/// An instance of the file.
pub struct ReadInstance {
    /// The instance, unless a fault was found in it.
    pub instance: Option<Instance>,
    /// How it is told which client a connection serves, if it is.
    pub announce: Option<Located<HeaderVersion>>,
    /// A port of its host where it keeps connections for administrators, if it does.
    pub reserved_port: Option<u16>,
}

/// The instances of the file, in its order.
pub fn read_instances(
    root: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    groups: &[ReadGroup],
) -> Vec<ReadInstance> {
    let mut names: Vec<String> = Vec::new();
    let mut instances = Vec::new();
    for section in root.sections(problems, "instance") {
        let name = section.required(problems, "name", shape::name());
        if let Some(name) = &name {
            if names.contains(&name.value) {
                problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each instance");
            }
            names.push(name.value.clone());
        }
        let unit = section.required(problems, "unit", shape::name()).map(|unit| units.find(&unit, problems));
        let group = section.required(problems, "group", shape::name()).map(|name| find_group(&name, groups, problems));
        let role = section.required(problems, "role", shape::word(ROLES));
        let address = section.required(problems, "address", shape::instance_address());
        let announce = section.optional(problems, "proxy_protocol", shape::word(HEADER_VERSIONS));
        let reserved = section.optional(problems, "reserved_port", shape::count(1, u32::from(u16::MAX)));
        let is_socket = matches!(&address, Some(Located { value: InstanceAddress::Unix(_), .. }));
        if let Some(reserved) = reserved.as_ref().filter(|_| is_socket) {
            problems.add(&reserved.place, reserved.value.to_string(), "none: this instance is reached by a socket");
        }
        let reserved_port = reserved.and_then(|port| u16::try_from(port.value).ok());
        section.finish(problems);
        let instance = (|| {
            Some(Instance {
                name: name?.value,
                unit: unit??,
                group: group??,
                role: role?.value,
                address: address?.value,
            })
        })();
        instances.push(ReadInstance { instance, announce, reserved_port });
    }
    instances
}

/// Only MariaDB can be told whose a connection is: an instance is of its group's family, or where that names none, of the listeners'.
pub fn check_announcing(
    instances: &[ReadInstance],
    groups: &[ReadGroup],
    listeners: &[ListenerConfig],
    problems: &mut Problems,
) {
    for ReadInstance { instance, announce, .. } in instances {
        let (Some(instance), Some(announce)) = (instance, announce) else { continue };
        let of_group = groups[instance.group.index()].family.as_ref().map(|family| family.value);
        let of_listeners = || listeners.iter().any(|listener| listener.dialect.family == Family::MySql);
        if of_group.map_or_else(of_listeners, |family| family == Family::MySql) {
            let found = format!("\"{}\" for an instance of the family mysql", word_for(announce.value));
            problems.add(&announce.place, found, "none: only MariaDB takes a PROXY protocol header");
        }
    }
}

fn word_for(version: HeaderVersion) -> &'static str {
    HEADER_VERSIONS.iter().find(|(_, other)| *other == version).map_or("", |(word, _)| word)
}

/// The group called `name`; an unknown one is a fault.
pub fn find_group(name: &Located<String>, groups: &[ReadGroup], problems: &mut Problems) -> Option<GroupId> {
    let found = (0u16..).map(GroupId).zip(groups).find(|(_, group)| group.name.value == name.value);
    if found.is_none() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.value.as_str()).collect();
        problems.add(&name.place, format!("\"{}\"", name.value), format!("a group: {}", names.join(", ")));
    }
    found.map(|(id, _)| id)
}

/// The addresses that are listened on so far; each may be there once.
#[derive(Default)]
pub struct Addresses(Vec<SocketAddr>);

impl Addresses {
    /// Takes an address; one that is taken already is a fault.
    pub fn claim(&mut self, address: &Located<SocketAddr>, problems: &mut Problems) {
        // Port 0 is a free port of its own each time.
        if address.value.port() > 0 && self.0.contains(&address.value) {
            problems.add(
                &address.place,
                format!("\"{}\" again", address.value),
                "an address that nothing else listens on",
            );
        }
        self.0.push(address.value);
    }
}

const CONSOLE_ROLES: &[(&str, ConsoleRole)] =
    &[("viewer", ConsoleRole::Viewer), ("operator", ConsoleRole::Operator), ("admin", ConsoleRole::Admin)];

/// The consoles of the file.
pub fn read_consoles(
    root: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    taken: &mut Addresses,
    folder: &Path,
) -> Vec<crate::admin::Config> {
    let mut consoles = Vec::new();
    for section in root.sections(problems, "console") {
        let unit = section.required(problems, "unit", shape::name()).and_then(|unit| units.find(&unit, problems));
        let address = section.required(problems, "address", shape::listen_address());
        if let Some(address) = &address {
            taken.claim(address, problems);
        }
        let connections = section.or(problems, "connections", shape::count(1, 10_000), 32);
        let accounts = read_accounts(&section, problems, folder);
        section.finish(problems);
        if let (Some(unit), Some(address)) = (unit, address) {
            let address = address.value;
            consoles.push(crate::admin::Config { unit, address, accounts, connections: connections as usize });
        }
    }
    consoles
}

fn read_accounts(console: &Section<'_>, problems: &mut Problems, folder: &Path) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    let sections = console.sections(problems, "accounts");
    if sections.is_empty() && !console.holds("accounts") {
        problems.add(&console.place_of("accounts"), "nothing", "a list of {name = …, password = …, role = …}");
    }
    for section in sections {
        let name = section.required(problems, "name", shape::text());
        let password = section.required(problems, "password", shape::secret(folder));
        let role = section.required(problems, "role", shape::word(CONSOLE_ROLES));
        section.finish(problems);
        let (Some(name), Some(password), Some(role)) = (name, password, role) else { continue };
        if accounts.iter().any(|account| account.name == name.value) {
            problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each account");
        }
        if password.value.is_empty() {
            problems.add(&password.place, "an empty password", "a password for each console account");
        }
        accounts.push(Account { name: name.value, password: password.value, role: role.value });
    }
    accounts
}
