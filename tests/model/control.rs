//! A control state that a model's state can hold: shared, and compared by what the model's steps depend on.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use meridian::control::{Author, Command, apply};
use meridian::model::{
    ControlState, Epoch, Extent, Group, GroupId, GroupPolicy, Instance, InstanceAddress, LeftOut, MoveKind, MovePart,
    MoveRecord, Role, ShardMap, TableClass, TableRule, Unit, UnitId,
};

pub const GROUP: GroupId = GroupId(0);
pub const ZONE: Extent = Extent::GlobalZone(GROUP);

#[derive(Clone)]
pub struct Control(pub Arc<ControlState>, u64);

impl Control {
    /// A Global Zone with master hz, on a primary in each unit and, where asked for, a replica in bj.
    pub fn new(units: usize, with_replica: bool) -> Control {
        let names = &["hz", "bj", "sz"][..units];
        let instance = |name: &str, unit: usize, role| Instance {
            name: name.to_owned(),
            unit: UnitId(unit as u16),
            group: GROUP,
            role,
            address: InstanceAddress::Unix(name.to_owned()),
        };
        let mut instances: Vec<Instance> =
            names.iter().enumerate().map(|(unit, name)| instance(name, unit, Role::Primary)).collect();
        if with_replica {
            instances.push(instance("bj-2", 1, Role::Replica));
        }
        let product = TableRule {
            name: "product".to_owned(),
            class: TableClass::Global,
            wrong_unit: meridian::model::WrongUnitPolicy::Forward,
            read: meridian::model::ReadPolicy::Local,
        };
        let group = Group {
            name: "main".to_owned(),
            schemas: vec!["shop".to_owned()],
            key_types: Vec::new(),
            tables: vec![product],
            overrides: Vec::new(),
            shards: ShardMap::default(),
            global_master: UnitId(0),
            global_epoch: Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        };
        Control::of(ControlState {
            epoch: Epoch(1),
            units: names.iter().map(|name| Unit { name: (*name).to_owned() }).collect(),
            groups: vec![group],
            instances,
            default_group: GROUP,
            forbids: Vec::new(),
            moves: Vec::new(),
            quarantines: Vec::new(),
            left_out: Vec::new(),
            configured: Vec::new(),
            history: Vec::new(),
            denials: Vec::new(),
        })
    }

    pub fn of(state: ControlState) -> Control {
        let mut control = Control(Arc::new(state), 0);
        let mut hasher = DefaultHasher::new();
        control.key().hash(&mut hasher);
        control.1 = hasher.finish();
        control
    }

    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    pub fn scope_epoch(&self) -> Epoch {
        self.0.groups[0].global_epoch
    }

    pub fn master(&self) -> UnitId {
        self.0.groups[0].global_master
    }

    pub fn record(&self) -> Option<&MoveRecord> {
        self.0.moves.first()
    }

    /// The state after `command`, as the product applies it; `None` where the product refuses it.
    pub fn after(&self, command: &Command) -> Option<Control> {
        let author = Author { by: "model".to_owned(), at: 0 };
        let mut next = apply(&self.0, command, &author).ok()?;
        // The history tells people what happened; no step depends on it.
        next.history.clear();
        Some(Control::of(next))
    }

    pub fn begin(&self, target: UnitId) -> Option<Control> {
        let part = MovePart { extent: ZONE, source: self.master(), target };
        self.after(&Command::BeginMove {
            parts: vec![part],
            kind: MoveKind::Planned,
            runner: String::new(),
            skipped: None,
        })
    }

    fn key(&self) -> (Epoch, Epoch, UnitId, &[MoveRecord], &[LeftOut]) {
        (self.epoch(), self.scope_epoch(), self.master(), &self.0.moves, &self.0.left_out)
    }
}

impl PartialEq for Control {
    fn eq(&self, other: &Control) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.1 == other.1 && self.key() == other.key())
    }
}

impl Eq for Control {}

impl Hash for Control {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.1.hash(hasher);
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.key())
    }
}
