//! The configuration file as a whole: its root keys, and the result that `serve` starts from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::error::{ConfigError, ConfigErrors};
use super::places::{Addresses, ReadInstance};
use super::reader::{Located, Problems, Section, read_document};
use super::{control, groups, listeners, places, policy, shape, tuning, users};
use crate::control::{EtcdConfig, HoldLimits, direct_reports};
use crate::cutover::{Check, Deadlines, ForceConfig, Webhook};
use crate::frontend::{Limits, ListenerConfig, User};
use crate::model::{ControlState, Epoch, Fence, GroupId, ReservedPorts, Routing};
use crate::wire::proxy_header::HeaderVersion;
use crate::{admin, backend, telemetry};

/// What a node is, apart from what it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name in logs and in operators' answers.
    pub name: String,
    /// Its number, part of the connection ids that clients see; unique among the nodes.
    pub number: u8,
    /// The embedded store's file.
    pub state_file: PathBuf,
    /// How many worker threads serve clients.
    pub workers: usize,
}

/// The account the monitor measures instances with.
#[derive(Clone, PartialEq, Eq)]
pub struct MonitorAccount {
    /// Its name on every instance.
    pub user: String,
    /// Its password; never printed.
    pub password: String,
}

impl std::fmt::Debug for MonitorAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MonitorAccount").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The users of the applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users(pub Vec<User>);

impl Users {
    /// The units that users name as their own.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|user| user.unit.as_deref())
    }
}

/// Where the control state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In `node.state_file`, by this node alone.
    File,
    /// In etcd, with other nodes.
    Etcd(EtcdConfig),
}

/// Everything a node needs to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file all this was read from, for RELOAD.
    pub file: PathBuf,
    /// The node itself.
    pub node: NodeConfig,
    /// Where the control state is kept.
    pub store: StoreConfig,
    /// Where other nodes tell this one directly what its moves wait for, if they do.
    pub reports: Option<direct_reports::Config>,
    /// Units, groups and instances as decided by the file, at epoch 1. Invariant: `state.check()` holds.
    pub state: ControlState,
    /// What keeps a node that is not heard from writing at the primaries of each group, by [`GroupId`].
    pub fences: Vec<Fence>,
    /// Where clients connect.
    pub listeners: Vec<ListenerConfig>,
    /// Where operators connect.
    pub consoles: Vec<admin::Config>,
    /// Connections to instances.
    pub backend: backend::Config,
    /// By instance: whether and how it is told which client a connection serves. No part of the state: like the address, it may differ
    /// between nodes.
    pub announcing: Vec<Option<HeaderVersion>>,
    /// Where instances that have no connection left let administrators in.
    pub reserved: Arc<ReservedPorts>,
    /// The monitor's account.
    pub monitor: MonitorAccount,
    /// The account that administers replication, for forced changes; the monitor's unless it is named.
    pub administrator: MonitorAccount,
    /// Bounds on what clients may use.
    pub limits: Limits,
    /// Bounds on writes that wait for the end of a move.
    pub hold: HoldLimits,
    /// How long each part of a move may take.
    pub moves: Deadlines,
    /// How forced changes are made.
    pub force: ForceConfig,
    /// Checks of a move that refuse where they would only tell.
    pub strict_checks: Vec<Check>,
    /// Where the end of moves is told.
    pub webhook: Option<Webhook>,
    /// How long a forbid may stand without an alarm, if there is one.
    pub forbid_alarm: Option<Duration>,
    /// The users of the applications.
    pub users: Users,
    /// The file they came from, for RELOAD USERS.
    pub users_file: PathBuf,
    /// Logs.
    pub log: telemetry::Config,
}

/// Reads and checks the file at `path`, the users' file it names, and their secrets. Errors: every fault of both files.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text = read_file(path)?;
    let folder = folder_of(path);
    read_document(path, &text, |root, problems| read_config(root, problems, path, &folder))
}

/// Reads and checks a users' file alone. Errors: every fault of it.
pub fn load_users(path: &Path) -> Result<Users, ConfigErrors> {
    let text = read_file(path)?;
    let folder = folder_of(path);
    read_document(path, &text, |root, problems| users::read(root, problems, &folder))
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    fs::read_to_string(path).map_err(|error| {
        ConfigErrors(vec![ConfigError {
            file: path.to_owned(),
            line: 1,
            key: "file".to_owned(),
            found: error.to_string(),
            expected: "a file that can be read".to_owned(),
        }])
    })
}

/// Relative paths inside a file start at the folder of that file.
fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

fn read_config(root: &Section<'_>, problems: &mut Problems, file: &Path, folder: &Path) -> Option<Config> {
    let users_file = root.required(problems, "users_file", shape::path(folder));
    let default_group = root.optional(problems, "default_group", shape::name());
    let node = read_node(root, problems, folder);
    let (store, reports) = control::read(root, problems, folder).unzip();
    let units = places::read_units(root, problems);
    let routing = root.or(problems, "routing", shape::word(policy::ROUTINGS), Routing::default());
    let groups = groups::read(root, problems, &units, routing);
    let default_group = match default_group {
        Some(name) => places::find_group(&name, &groups, problems),
        None => Some(GroupId(0)),
    };
    let instances = places::read_instances(root, problems, &units, &groups);
    let mut taken = Addresses::default();
    let listeners = listeners::read_listeners(root, problems, &units, &groups, &mut taken, folder);
    let denials = policy::read_denials(root, problems, listeners.first().map(|listener| listener.dialect));
    let consoles = places::read_consoles(root, problems, &units, &mut taken, folder);
    let (backend, monitor, administrator) = tuning::read_backend(root, problems, folder);
    let limits = tuning::read_limits(root, problems);
    let tuning::Moves { hold, deadlines: moves, force, webhook, forbid_alarm, strict_checks } =
        tuning::read_moves(root, problems, folder);
    let log = tuning::read_log(root, problems);
    let users = users_file.as_ref().and_then(|file| read_users(file, problems));
    places::check_announcing(&instances, &groups, &listeners, problems);
    let announcing = instances.iter().map(|read| read.announce.as_ref().map(|announce| announce.value)).collect();
    let reserved_port = |read: &ReadInstance| Some((read.instance.as_ref()?.address.clone(), read.reserved_port?));
    let reserved = Arc::new(ReservedPorts::new(instances.iter().filter_map(reserved_port)));
    let instances: Vec<_> = instances.into_iter().map(|read| read.instance).collect();
    groups::check(&units, &groups, &instances, problems);
    for (users, file) in users.iter().zip(&users_file) {
        let unknown = |unit: &&str| !units.names().any(|name| name == *unit);
        if let Some(unit) = users.units().find(unknown) {
            problems.add(&file.place, format!("a user of unit \"{unit}\" in it"), "units of this file");
        }
    }

    let fences = read_fences(&groups, store.as_ref(), users.as_ref(), problems);
    let state = ControlState {
        epoch: Epoch(1),
        units: units.units(),
        groups: groups.into_iter().map(|read| read.group).collect::<Option<_>>()?,
        instances: instances.into_iter().collect::<Option<_>>()?,
        default_group: default_group?,
        forbids: Vec::new(),
        moves: Vec::new(),
        quarantines: Vec::new(),
        left_out: Vec::new(),
        configured: Vec::new(),
        history: Vec::new(),
        denials: denials?,
    };
    // The parts were checked with their lines; the whole is checked once more, so that no rule of the state can be missed here.
    if problems.is_empty()
        && let Err(invalid) = state.check()
    {
        problems.add(&root.place(), invalid.to_string(), "a consistent world");
    }
    Some(Config {
        file: file.to_owned(),
        node: node?,
        store: store?,
        reports: reports.flatten(),
        state,
        fences,
        listeners,
        consoles,
        backend,
        announcing,
        reserved,
        monitor: monitor?,
        administrator: administrator?,
        limits,
        hold,
        moves,
        strict_checks,
        force,
        webhook,
        forbid_alarm,
        users: users?,
        users_file: users_file?.value,
        log,
    })
}

/// MySQL's longest account name, less what the names of nodes' own accounts have more.
const LONGEST_ACCOUNT: usize = 32 - "-n255".len();

fn read_fences(
    groups: &[groups::ReadGroup],
    store: Option<&StoreConfig>,
    users: Option<&Users>,
    problems: &mut Problems,
) -> Vec<Fence> {
    let long = users.and_then(|users| users.0.iter().find(|user| user.backend_user.len() > LONGEST_ACCOUNT));
    for fence in groups.iter().map(|group| &group.fence).filter(|fence| fence.value == Fence::Connection) {
        if store == Some(&StoreConfig::File) {
            problems.add(
                &fence.place,
                "\"connection\" with a store of its own",
                "store = \"etcd\" in [control], or no fence",
            );
        }
        if let Some(user) = long {
            let found = format!("\"connection\", with account \"{}\" in the users' file", user.backend_user);
            let expected = format!("accounts whose names have at most {LONGEST_ACCOUNT} bytes");
            problems.add(&fence.place, found, expected);
        }
    }
    groups.iter().map(|group| group.fence.value).collect()
}

fn read_node(root: &Section<'_>, problems: &mut Problems, folder: &Path) -> Option<NodeConfig> {
    let Some(node) = root.section(problems, "node") else {
        missing_section(root, problems, "node");
        return None;
    };
    let name = node.required(problems, "name", shape::name());
    let number = node.required(problems, "number", shape::whole_number(0, 255));
    let state_file = node.required(problems, "state_file", shape::file_to_write(folder));
    let workers = node.optional(problems, "workers", shape::count(1, 1024));
    node.finish(problems);
    Some(NodeConfig {
        name: name?.value,
        number: u8::try_from(number?.value).ok()?,
        state_file: state_file?.value,
        workers: workers.map_or_else(core_count, |workers| workers.value as usize),
    })
}

fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Reports that a section every node needs is not there (unless something else stands under its name, which is a fault already).
pub(super) fn missing_section(root: &Section<'_>, problems: &mut Problems, name: &str) {
    if !root.holds(name) {
        problems.add(&root.place_of(name), "nothing", format!("a section [{name}]"));
    }
}

fn read_users(file: &Located<PathBuf>, problems: &mut Problems) -> Option<Users> {
    match load_users(&file.value) {
        Ok(users) => Some(users),
        Err(errors) => {
            problems.extend(errors);
            None
        }
    }
}
