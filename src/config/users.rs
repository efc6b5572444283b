//! The users of the applications, in a file of their own that can be reloaded while the node serves.

use std::path::Path;

use super::file::Users;
use super::reader::{Problems, Section};
use super::shape;
use crate::frontend::{AuthPlugin, User};
use crate::route::{Grants, UserAccess};
use crate::sql::ReadLevel;

const PLUGINS: &[(&str, AuthPlugin)] = &[
    ("caching_sha2_password", AuthPlugin::CachingSha2),
    ("mysql_native_password", AuthPlugin::Native),
    ("mysql_clear_password", AuthPlugin::Cleartext),
];

const ACCESSES: &[(&str, UserAccess)] = &[("read_write", UserAccess::ReadWrite), ("read_only", UserAccess::ReadOnly)];

const LEVELS: &[(&str, ReadLevel)] = &[("eventual", ReadLevel::Eventual), ("strong", ReadLevel::Strong)];

/// The users of the file; `None` when one could not be read.
pub fn read(root: &Section<'_>, problems: &mut Problems, folder: &Path) -> Option<Users> {
    let mut users: Vec<User> = Vec::new();
    for section in root.sections(problems, "user") {
        let name = section.required(problems, "name", shape::text());
        if let Some(name) = &name
            && users.iter().any(|user| user.name == name.value)
        {
            problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each user");
        }
        let user = read_user(&section, problems, folder, name.map(|name| name.value));
        section.finish(problems);
        users.extend(user);
    }
    problems.is_empty().then_some(Users(users))
}

fn read_user(section: &Section<'_>, problems: &mut Problems, folder: &Path, name: Option<String>) -> Option<User> {
    let password = section.required(problems, "password", shape::secret(folder));
    let plugin = section.or(problems, "auth", shape::word(PLUGINS), AuthPlugin::default());
    let backend_user = section.optional(problems, "backend_user", shape::text());
    let backend_password = section.optional(problems, "backend_password", shape::secret(folder));
    let grants = read_grants(section, problems);
    let connections = section.optional(problems, "connections", shape::count(1, 1_000_000));
    let unit = section.optional(problems, "unit", shape::name());
    let level = section.or(problems, "level", shape::word(LEVELS), ReadLevel::default());
    let statement_deadline = section.optional(problems, "statement_deadline", shape::duration());
    if section.holds("backend_password") && !section.holds("backend_user") {
        problems.add(&section.place_of("backend_user"), "nothing", "a name, because backend_password is there");
    }
    let (name, password) = (name?, password?.value);
    Some(User {
        backend_user: backend_user.map_or_else(|| name.clone(), |user| user.value),
        backend_password: backend_password.map_or_else(|| password.clone(), |secret| secret.value),
        name,
        password,
        plugin,
        grants,
        connections: connections.map(|count| count.value as usize),
        unit: unit.map(|unit| unit.value),
        level,
        statement_deadline: statement_deadline.map(|deadline| deadline.value),
    })
}

fn read_grants(section: &Section<'_>, problems: &mut Problems) -> Grants {
    let access = section.or(problems, "access", shape::word(ACCESSES), UserAccess::default());
    let max_statement = section.optional(problems, "max_statement", shape::size(1 << 10, 1 << 30));
    let max_statement = max_statement.map(|size| size.value);
    let mut grants = Grants { access, max_statement, ..Grants::default() };
    let Some(words) = section.optional(problems, "grants", shape::texts()) else { return grants };
    for word in &words.value {
        match word.as_str() {
            "escapes" => grants.escapes = true,
            other => problems.add(&words.place, format!("\"{}\"", other.escape_debug()), "a list of \"escapes\""),
        }
    }
    grants
}
