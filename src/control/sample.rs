//! States for the tests of this folder.

use std::time::Duration;

use crate::model::control_state::InstanceAddress;
use crate::model::shard::OwnedRange;
use crate::model::{
    ControlState, Denial, DenialCondition, Epoch, Extent, FencePosition, Forbid, ForbidKind, ForbidScope, ForbiddenKey,
    Group, GroupId, GroupPolicy, HistoryEntry, Instance, KeyOverride, KeyStep, KeyType, LagBound, MoveId, MoveKind,
    MovePart, MovePhase, MoveRecord, PlainKey, ReadPolicy, Role, RoutineAccess, RoutineRule, Routing, Shard, ShardMap,
    ShardRange, TableClass, TableRule, Transform, Unit, UnitId, WrongUnitPolicy,
};

/// Two units, one group: hz owns 0-4999 and the Global Zone, bj 5000-9999.
pub(crate) fn state() -> ControlState {
    ControlState {
        epoch: Epoch(1),
        units: ["hz", "bj"].map(|name| Unit { name: name.to_owned() }).into(),
        groups: vec![Group {
            name: "main".to_owned(),
            schemas: vec!["shop".to_owned()],
            key_types: vec![key_type("user", Transform::Mod { modulus: 10_000 })],
            overrides: Vec::new(),
            tables: vec![
                rule("orders", TableClass::Sharded { key_type: 0, column: "user_id".to_owned() }),
                rule("product", TableClass::Global),
            ],
            shards: ShardMap { count: 10_000, ranges: vec![owned(0, 4999, 0), owned(5000, 9999, 1)] },
            global_master: UnitId(0),
            global_epoch: Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        }],
        instances: vec![instance("hz-main-1", 0, 3306), instance("bj-main-1", 1, 3307)],
        default_group: GroupId(0),
        forbids: Vec::new(),
        moves: Vec::new(),
        quarantines: Vec::new(),
        left_out: Vec::new(),
        configured: Vec::new(),
        history: Vec::new(),
        denials: Vec::new(),
    }
}

/// [`state`] with every kind of thing a document can hold.
pub(crate) fn rich_state() -> ControlState {
    let mut state = state();
    state.epoch = Epoch(41);
    let group = &mut state.groups[0];
    group.schema_unit = Some(UnitId(1));
    group.key_types.push(key_type("merchant", Transform::Hash { buckets: 8192 }));
    let ranges = vec![(i128::MIN, -1, Shard(0)), (0, i128::MAX, Shard(9999))];
    group.key_types.push(key_type("region", Transform::Range { ranges }));
    let entries = vec![(PlainKey::Integer(7), Shard(1)), (PlainKey::of("bj"), Shard(2))];
    group.key_types.push(key_type("city", Transform::List { entries, other: Some(Shard(3)) }));
    let steps = vec![
        KeyStep::Substring { start: -8, length: Some(6) },
        KeyStep::Substring { start: 1, length: None },
        KeyStep::Divide { by: 10 },
        KeyStep::Mod { modulus: 1 << 40 },
        KeyStep::Hash,
    ];
    group.key_types.push(KeyType { steps, ..key_type("order", Transform::As { key_type: 0 }) });
    for key in [PlainKey::Integer(i128::MAX), PlainKey::of("o'hara")] {
        group.overrides.push(KeyOverride { key_type: 1, key, shard: Shard(9) });
    }
    group.tables.push(TableRule {
        wrong_unit: WrongUnitPolicy::Refuse,
        read: ReadPolicy::RefuseWithoutKey,
        ..rule("bills*", TableClass::Sharded { key_type: 2, column: "region".to_owned() })
    });
    group.tables.push(TableRule { read: ReadPolicy::Owner, ..rule("audit_log", TableClass::Local) });
    state.instances.push(Instance {
        role: Role::Replica,
        address: InstanceAddress::Unix("run/hz-2.sock".to_owned()),
        ..instance("hz-main-2", 0, 0)
    });
    group.policy = GroupPolicy {
        routing: Routing::Enforce,
        routines: [RoutineAccess::Read, RoutineAccess::Write]
            .map(|access| RoutineRule {
                name: format!("settle_{access:?}*").to_lowercase(),
                tables: vec!["orders".to_owned()],
                key_argument: Some(2),
                access,
            })
            .into(),
        lag_bound: Some(LagBound { age: Duration::from_millis(5500), missing: Some(7), peers: Some(vec![UnitId(1)]) }),
    };
    for condition in [DenialCondition::Always, DenialCondition::Unrestricted] {
        state.denials.push(Denial {
            name: format!("{condition:?}"),
            reason: "slow".to_owned(),
            users: vec!["app".to_owned()],
            statements: vec!["delete".to_owned()],
            digests: vec![u64::MAX, 7],
            condition,
        });
    }
    let range = |first, last| ShardRange { first: Shard(first), last: Shard(last) };
    for (scope, kind) in [
        (ForbidScope::Unit(UnitId(1)), ForbidKind::Writes),
        (ForbidScope::Group(GroupId(0)), ForbidKind::Updates),
        (ForbidScope::Shards(GroupId(0), range(7, 9)), ForbidKind::All),
        (ForbidScope::Key(GroupId(0), ForbiddenKey { key_type: 1, text: "17".to_owned() }), ForbidKind::Writes),
        (ForbidScope::GlobalZone(GroupId(0)), ForbidKind::Writes),
    ] {
        state.forbids.push(Forbid { scope, kind, reason: "drill \"7\"".to_owned(), by: "dba".to_owned(), at: 12 });
    }
    let part = |extent, source, target| MovePart { extent, source: UnitId(source), target: UnitId(target) };
    let position = FencePosition { group: GroupId(0), source: UnitId(0), position: "1-11-5,2-21-9".to_owned() };
    for (id, parts, phase) in [
        (39, vec![part(Extent::Shards(GroupId(0), range(6000, 6999)), 1, 0)], MovePhase::Fenced),
        (40, vec![part(Extent::GlobalZone(GroupId(0)), 0, 1)], MovePhase::Recorded(vec![position])),
    ] {
        state.moves.push(MoveRecord {
            id: MoveId(id),
            parts,
            kind: MoveKind::default(),
            phase,
            runner: "hz-1#3".to_owned(),
            by: "dba".to_owned(),
            at: 13,
        });
    }
    state.configured = super::adopt::ownership(&state);
    let what = "began to move \"it\"".to_owned();
    state.history.push(HistoryEntry { epoch: Epoch(39), what, by: "dba".to_owned(), at: 13 });
    state
}

fn key_type(name: &str, transform: Transform) -> KeyType {
    KeyType { name: name.to_owned(), steps: Vec::new(), transform }
}

fn rule(name: &str, class: TableClass) -> TableRule {
    TableRule { name: name.to_owned(), class, wrong_unit: WrongUnitPolicy::Forward, read: ReadPolicy::Local }
}

fn owned(first: u32, last: u32, owner: u16) -> OwnedRange {
    OwnedRange { range: ShardRange { first: Shard(first), last: Shard(last) }, owner: UnitId(owner), epoch: Epoch(1) }
}

fn instance(name: &str, unit: u16, port: u16) -> Instance {
    Instance {
        name: name.to_owned(),
        unit: UnitId(unit),
        group: GroupId(0),
        role: Role::Primary,
        address: InstanceAddress::Tcp("127.0.0.1".to_owned(), port),
    }
}
