//! The places of the world: units, instances, listeners and consoles.

use std::net::SocketAddr;
use std::path::Path;

use super::groups::{FAMILIES, ReadGroup};
use super::reader::{Located, Problems, Section};
use super::shape;
use crate::admin::{Account, ConsoleRole};
use crate::frontend::ListenerConfig;
use crate::model::{GroupId, Instance, Role, Unit, UnitId};
use crate::sql::{Dialect, Family};

/// The units of the file; a [`UnitId`] is a position here.
pub struct ReadUnits(Vec<Located<String>>);

impl ReadUnits {
    /// The units as the control state holds them.
    pub fn units(&self) -> Vec<Unit> {
        self.0.iter().map(|name| Unit { name: name.value.clone() }).collect()
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

/// The instances of the file; `None` for each in which a fault was found.
pub fn read_instances(
    root: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    groups: &[ReadGroup],
) -> Vec<Option<Instance>> {
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
        section.finish(problems);
        instances.push((|| {
            Some(Instance {
                name: name?.value,
                unit: unit??,
                group: group??,
                role: role?.value,
                address: address?.value,
            })
        })());
    }
    instances
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
    fn claim(&mut self, address: &Located<SocketAddr>, problems: &mut Problems) {
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

/// The listeners of the file.
pub fn read_listeners(
    root: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    groups: &[ReadGroup],
    taken: &mut Addresses,
    folder: &Path,
) -> Vec<ListenerConfig> {
    let sections = root.sections(problems, "listener");
    if sections.is_empty() && !root.holds("listener") {
        problems.add(&root.place_of("listener"), "nothing", "at least one section [[listener]]");
    }
    let mut listeners = Vec::new();
    for section in sections {
        let unit = section.required(problems, "unit", shape::name()).and_then(|unit| units.find(&unit, problems));
        let address = section.required(problems, "address", shape::listen_address());
        if let Some(address) = &address {
            taken.claim(address, problems);
        }
        let family = section.required(problems, "family", shape::word(FAMILIES));
        if let Some(family) = &family {
            check_families(family, groups, problems);
        }
        let version = section.required(problems, "server_version", shape::text());
        let version_number = family.as_ref().zip(version.as_ref());
        let version_number = version_number.and_then(|(family, text)| read_version(family.value, text, problems));
        let certificate = section.optional(problems, "tls_certificate", shape::readable_file(folder));
        let key = section.optional(problems, "tls_key", shape::readable_file(folder));
        for (one, other) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
            if section.holds(one) && !section.holds(other) {
                problems.add(&section.place_of(other), "nothing", format!("a path, because {one} is there"));
            }
        }
        section.finish(problems);
        listeners.extend((|| {
            Some(ListenerConfig {
                unit: unit?,
                address: address?.value,
                dialect: Dialect { family: family?.value, version: version_number? },
                server_version: version?.value,
                tls: certificate.zip(key).map(|(certificate, key)| (certificate.value, key.value)),
            })
        })());
    }
    listeners
}

/// The greeting comes before the user, and so the group, is known: all groups must be of the listener's family.
fn check_families(family: &Located<Family>, groups: &[ReadGroup], problems: &mut Problems) {
    let word = |family: Family| FAMILIES.iter().find(|(_, other)| *other == family).map_or("", |(word, _)| word);
    for group in groups {
        if let Some(own) = &group.family
            && own.value != family.value
        {
            let expected = format!("\"{}\", the family of group '{}'", word(own.value), group.name.value);
            problems.add(&family.place, format!("\"{}\"", word(family.value)), expected);
        }
    }
}

/// `10.11.19-MariaDB` -> 101119. Drivers tell the families apart by the word, so it must agree with the family.
fn read_version(family: Family, text: &Located<String>, problems: &mut Problems) -> Option<u32> {
    let says_mariadb = text.value.to_ascii_lowercase().contains("mariadb");
    let expected = match family {
        Family::MariaDb => "a version of the family mariadb, as in \"10.11.6-MariaDB\"",
        Family::MySql => "a version of the family mysql, as in \"8.4.3\"",
    };
    let number = version_number(&text.value).filter(|_| says_mariadb == (family == Family::MariaDb));
    if number.is_none() {
        problems.add(&text.place, format!("\"{}\"", text.value.escape_debug()), expected);
    }
    number
}

fn version_number(text: &str) -> Option<u32> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let parts: Vec<u32> = text[..end].split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let printable = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
    match parts[..] {
        [major, minor, patch] if printable && major < 100 && minor < 100 && patch < 100 => {
            Some(major * 10_000 + minor * 100 + patch)
        }
        _ => None,
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
