//! What a node stands in front of, and how that is said in a configuration file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use meridian::demo::schema::{MONITOR_PASSWORD, MONITOR_USER};

/// A unit and its instances, by their ports on the loopback address.
#[derive(Clone, Debug)]
pub struct UnitPlan {
    pub name: &'static str,
    pub primary: u16,
    pub replicas: Vec<u16>,
}

/// A node to be started. What is TOML here goes into the file as it stands; a section's further lines begin with a key.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// `mariadb` or `mysql`.
    pub family: &'static str,
    pub server_version: String,
    pub units: Vec<UnitPlan>,
    /// The one group, named `main`: its keys and its sections.
    pub group: String,
    /// The users' file.
    pub users: String,
    /// Further lines of `[node]`.
    pub node: String,
    /// Further lines of `[backend]`.
    pub backend: String,
    /// Lines of `[limits]`.
    pub limits: String,
    /// Further lines of each `[[listener]]`.
    pub listener: String,
    /// Further lines of each `[[instance]]`.
    pub instance: String,
}

/// The application's user at Meridian and at the servers of this harness.
pub const USER: &str = "app";
/// Its password.
pub const PASSWORD: &str = "apppw";

/// A test's node ends soon, whatever is open, unless the test says how long it waits.
pub fn limits_text(limits: &str) -> String {
    if limits.contains("drain_deadline") {
        limits.to_owned()
    } else {
        format!("{limits}\ndrain_deadline = \"500ms\"\n")
    }
}

impl NodePlan {
    /// A node with one user, two workers and the defaults.
    pub fn new(family: &'static str, server_version: &str, units: Vec<UnitPlan>, group: String) -> NodePlan {
        NodePlan {
            family,
            server_version: server_version.to_owned(),
            units,
            group,
            users: format!("[[user]]\nname = \"{USER}\"\npassword = \"{PASSWORD}\"\n"),
            node: "workers = 2\n".to_owned(),
            backend: String::new(),
            limits: String::new(),
            listener: String::new(),
            instance: String::new(),
        }
    }

    /// Writes the files into `directory`; `ports` are the clients' and the operators' port of each unit.
    pub(super) fn write(&self, directory: &Path, ports: &[(u16, u16)]) -> PathBuf {
        let file = directory.join("meridian.toml");
        std::fs::write(&file, self.text(ports)).unwrap();
        std::fs::write(directory.join("users.toml"), &self.users).unwrap();
        file
    }

    fn text(&self, ports: &[(u16, u16)]) -> String {
        let mut text = format!(
            "users_file = \"users.toml\"\n\n[node]\nname = \"test\"\nnumber = 1\nstate_file = \"meridian.state\"\n{}\n\
             [backend]\nmonitor_user = \"{MONITOR_USER}\"\nmonitor_password = \"{MONITOR_PASSWORD}\"\n{}\n[limits]\n{}\n\
             [[group]]\nname = \"main\"\nfamily = \"{}\"\n{}\n",
            self.node,
            self.backend,
            limits_text(&self.limits),
            self.family,
            self.group
        );
        for (unit, (mysql, console)) in self.units.iter().zip(ports) {
            let name = unit.name;
            let _ = write!(
                text,
                "\n[[unit]]\nname = \"{name}\"\n\n[[listener]]\nunit = \"{name}\"\naddress = \"127.0.0.1:{mysql}\"\n\
                 family = \"{}\"\nserver_version = \"{}\"\n{}\n\n[[console]]\nunit = \"{name}\"\n\
                 address = \"127.0.0.1:{console}\"\n\
                 accounts = [{{ name = \"admin\", password = \"adminpw\", role = \"admin\" }}]\n",
                self.family, self.server_version, self.listener
            );
            let replicas = unit.replicas.iter().map(|port| ("replica", port));
            for (number, (role, port)) in std::iter::once(("primary", &unit.primary)).chain(replicas).enumerate() {
                let _ = write!(
                    text,
                    "\n[[instance]]\nname = \"{name}-main-{}\"\nunit = \"{name}\"\ngroup = \"main\"\nrole = \"{role}\"\n\
                     address = \"127.0.0.1:{port}\"\n{}\n",
                    number + 1,
                    self.instance
                );
            }
        }
        text
    }
}
