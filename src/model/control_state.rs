//! What people decided: one immutable state per epoch. Only `control/apply.rs` makes a new one.

use std::net::SocketAddr;

use thiserror::Error;

use super::{
    Denial, Epoch, Extent, Forbid, ForbidScope, Group, GroupId, HistoryEntry, InstanceId, KeyFault, LeftOut, MoveKind,
    MoveRecord, Quarantine, Scope, Shard, TableClass, UnitId, key_type,
};

/// A region's full stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name in the configuration, errors and operators' commands.
    pub name: String,
}

/// The MySQL role of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Follows a primary; reads only.
    Replica,
}

/// One MySQL/MariaDB server as the control document knows it. Its address and accounts are each node's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its unique name, for example `hz-main-1`.
    pub name: String,
    /// The unit it stands in.
    pub unit: UnitId,
    /// The group it holds.
    pub group: GroupId,
    /// Its role. Changing a primary is a planned move or a force, never an observation.
    pub role: Role,
    /// Where it listens.
    pub address: InstanceAddress,
}

/// Where an instance listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InstanceAddress {
    /// TCP; the host is a name or an address.
    Tcp(String, u16),
    /// A UNIX socket on this machine.
    Unix(String),
}

impl From<SocketAddr> for InstanceAddress {
    fn from(address: SocketAddr) -> Self {
        InstanceAddress::Tcp(address.ip().to_string(), address.port())
    }
}

/// Everything people decided, at one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlState {
    /// The version of this state.
    pub epoch: Epoch,
    /// The units; a [`UnitId`] is a position here.
    pub units: Vec<Unit>,
    /// The groups; a [`GroupId`] is a position here.
    pub groups: Vec<Group>,
    /// The instances; an [`InstanceId`] is a position here.
    pub instances: Vec<Instance>,
    /// The group of statements that name no schema of any group.
    pub default_group: GroupId,
    /// Standing forbids.
    pub forbids: Vec<Forbid>,
    /// Planned moves under way. Their scopes take no new writes.
    pub moves: Vec<MoveRecord>,
    /// What was left behind by force and takes no part.
    pub quarantines: Vec<Quarantine>,
    /// Replicas that are out of service, each once.
    pub left_out: Vec<LeftOut>,
    /// The ownership the configuration last described, a line for each group; empty until a store has taken the state.
    /// Ownership that was moved since then differs from it without anybody having edited anything.
    pub configured: Vec<String>,
    /// The last changes, the oldest first.
    pub history: Vec<HistoryEntry>,
    /// Statements that are refused everywhere.
    pub denials: Vec<Denial>,
}

impl ControlState {
    /// The unit; ids come only from this state, so the position exists.
    pub fn unit(&self, id: UnitId) -> &Unit {
        &self.units[id.index()]
    }

    /// The group; ids come only from this state, so the position exists.
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    /// The instance; ids come only from this state, so the position exists.
    pub fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// Whoever owns something, some of them several times.
    pub fn owners(&self) -> impl Iterator<Item = UnitId> {
        let of_group = |group: &'_ Group| {
            let owners: Vec<UnitId> =
                group.shards.ranges.iter().map(|owned| owned.owner).chain([group.global_master]).collect();
            owners
        };
        self.groups.iter().flat_map(of_group)
    }

    /// The unit called `name`.
    pub fn unit_named(&self, name: &str) -> Option<UnitId> {
        (0u16..).map(UnitId).zip(&self.units).find(|(_, unit)| unit.name == name).map(|(id, _)| id)
    }

    /// The group called `name`.
    pub fn group_named(&self, name: &str) -> Option<GroupId> {
        (0u16..).map(GroupId).zip(&self.groups).find(|(_, group)| group.name == name).map(|(id, _)| id)
    }

    /// The group that holds `schema`, compared as the servers do on case-sensitive file systems.
    pub fn group_of_schema(&self, schema: &str) -> Option<GroupId> {
        (0u16..)
            .map(GroupId)
            .zip(&self.groups)
            .find(|(_, group)| group.schemas.iter().any(|held| held == schema))
            .map(|(id, _)| id)
    }

    /// The instances of `group` in `unit` with their ids.
    pub fn instances_of(&self, unit: UnitId, group: GroupId) -> impl Iterator<Item = (InstanceId, &Instance)> {
        (0u16..)
            .map(InstanceId)
            .zip(&self.instances)
            .filter(move |(_, instance)| instance.unit == unit && instance.group == group)
    }

    /// The primary of `group` in `unit`; `check` makes sure there is exactly one.
    pub fn primary_of(&self, unit: UnitId, group: GroupId) -> Option<InstanceId> {
        self.instances_of(unit, group).find(|(_, instance)| instance.role == Role::Primary).map(|(id, _)| id)
    }

    /// The quarantine of `unit`'s primary of `group`, if it was left behind by force.
    pub fn quarantine_of(&self, unit: UnitId, group: GroupId) -> Option<&Quarantine> {
        self.quarantines.iter().find(|one| one.unit == unit && one.group == group)
    }

    /// What `instance` must have before it serves reads again, if it is out of service.
    pub fn left_out_of(&self, instance: InstanceId) -> Option<&LeftOut> {
        self.left_out.iter().find(|one| one.instance == instance)
    }

    /// The unit whose instances of `group` serve the clients of `unit`: its own, unless they were left behind by force.
    pub fn serving(&self, unit: UnitId, group: GroupId) -> UnitId {
        self.quarantine_of(unit, group).map_or(unit, |one| one.stand_in)
    }

    /// The move that `scope` has to wait for.
    pub fn move_touching(&self, scope: Scope) -> Option<&MoveRecord> {
        self.moves.iter().find(|record| record.touches(scope))
    }

    /// The unit that owns all of `extent`; `None` when several do, or the map does not reach it.
    pub fn owner_of(&self, extent: Extent) -> Option<UnitId> {
        match extent {
            Extent::GlobalZone(group) => self.groups.get(group.index()).map(|group| group.global_master),
            Extent::Shards(group, range) => {
                let shards = &self.groups.get(group.index())?.shards;
                let owner = shards.owner_of(range.first)?;
                let whole = range.last.0 < shards.count && shards.owners_in(range).all(|other| other == owner);
                whole.then_some(owner)
            }
        }
    }

    /// Whether the state keeps every invariant. Errors: the first broken one, by name.
    pub fn check(&self) -> Result<(), InvalidState> {
        for (index, unit) in self.units.iter().enumerate() {
            if self.units[..index].iter().any(|other| other.name == unit.name) {
                return Err(InvalidState::DuplicateUnit(unit.name.clone()));
            }
        }
        if self.default_group.index() >= self.groups.len() {
            return Err(InvalidState::UnknownGroup(self.default_group.0));
        }
        for (index, group) in self.groups.iter().enumerate() {
            self.check_group(GroupId(index as u16), group)?;
        }
        for forbid in &self.forbids {
            self.check_scope(&forbid.scope)?;
        }
        self.check_quarantines()?;
        self.check_left_out()?;
        self.check_moves()
    }

    /// Whoever others follow cannot be left out.
    fn check_left_out(&self) -> Result<(), InvalidState> {
        let is_replica = |one: &LeftOut| {
            self.instances.get(one.instance.index()).is_some_and(|instance| instance.role == Role::Replica)
        };
        match self.left_out.iter().find(|one| !is_replica(one)) {
            Some(one) => Err(InvalidState::NoReplica { instance: one.instance.0 }),
            None => Ok(()),
        }
    }

    /// Whether what `scope` names exists. Errors: what does not.
    pub fn check_scope(&self, scope: &ForbidScope) -> Result<(), InvalidState> {
        match scope {
            ForbidScope::Unit(unit) => self.check_unit(*unit),
            ForbidScope::Group(group) | ForbidScope::GlobalZone(group) => self.find_group(*group).map(drop),
            ForbidScope::Shards(group, range) => {
                let shards = &self.find_group(*group)?.shards;
                if range.first <= range.last && range.last.0 < shards.count {
                    Ok(())
                } else {
                    Err(InvalidState::NoSuchShards { range: range.to_string(), count: shards.count })
                }
            }
            ForbidScope::Key(group, key) => {
                let group = self.find_group(*group)?;
                if key.key_type < group.key_types.len() {
                    Ok(())
                } else {
                    Err(InvalidState::NoKeyType { group: group.name.clone() })
                }
            }
        }
    }

    fn find_group(&self, group: GroupId) -> Result<&Group, InvalidState> {
        self.groups.get(group.index()).ok_or(InvalidState::UnknownGroup(group.0))
    }

    /// What was left behind owns nothing, and nobody stands in who was left behind himself.
    fn check_quarantines(&self) -> Result<(), InvalidState> {
        for one in &self.quarantines {
            let group = self.find_group(one.group)?;
            self.check_unit(one.unit)?;
            self.check_unit(one.stand_in)?;
            let owns =
                group.global_master == one.unit || group.shards.ranges.iter().any(|owned| owned.owner == one.unit);
            if owns || self.quarantine_of(one.stand_in, one.group).is_some() {
                let unit = self.unit(one.unit).name.clone();
                return Err(InvalidState::QuarantinedOwner { unit, group: group.name.clone() });
            }
        }
        Ok(())
    }

    /// Each part is owned by its source, and no scope is in two moves: while a move is under way its scopes stay with one owner.
    fn check_moves(&self) -> Result<(), InvalidState> {
        let parts: Vec<(&MoveRecord, &super::MovePart)> =
            self.moves.iter().flat_map(|record| record.parts.iter().map(move |part| (record, part))).collect();
        for (index, (record, part)) in parts.iter().enumerate() {
            self.find_group(part.extent.group())?;
            self.check_unit(part.target)?;
            let stays = record.kind == MoveKind::Fencing;
            if self.owner_of(part.extent) != Some(part.source) || (part.source == part.target) != stays {
                return Err(InvalidState::MoveSource { id: record.id.0 });
            }
            if let Some((other, _)) = parts[..index].iter().find(|(_, other)| other.extent.overlaps(part.extent)) {
                return Err(InvalidState::MovesOverlap { first: other.id.0, second: record.id.0 });
            }
        }
        Ok(())
    }

    fn check_unit(&self, unit: UnitId) -> Result<(), InvalidState> {
        if unit.index() < self.units.len() { Ok(()) } else { Err(InvalidState::UnknownUnit(unit.0)) }
    }

    fn check_group(&self, id: GroupId, group: &Group) -> Result<(), InvalidState> {
        let named = || group.name.clone();
        if self.groups[..id.index()].iter().any(|other| other.name == group.name) {
            return Err(InvalidState::DuplicateGroup(named()));
        }
        for schema in &group.schemas {
            if self.group_of_schema(schema) != Some(id) {
                return Err(InvalidState::SchemaInTwoGroups(schema.clone()));
            }
        }
        self.check_unit(group.global_master)?;
        if let Some(unit) = group.schema_unit {
            self.check_unit(unit)?;
        }
        for peer in group.policy.lag_bound.iter().flat_map(|bound| bound.peers.iter().flatten()) {
            self.check_unit(*peer)?;
        }
        let mut next = 0;
        for owned in &group.shards.ranges {
            self.check_unit(owned.owner)?;
            if owned.range.last < owned.range.first {
                return Err(InvalidState::EmptyRange { group: named(), range: owned.range.to_string() });
            }
            if owned.range.first.0 > next {
                return Err(InvalidState::Gap {
                    group: named(),
                    first: Shard(next),
                    last: Shard(owned.range.first.0 - 1),
                });
            }
            if owned.range.first.0 < next {
                return Err(InvalidState::Overlap { group: named(), shard: owned.range.first });
            }
            next = owned.range.last.0 + 1;
        }
        if next != group.shards.count {
            return Err(InvalidState::Count { group: named(), covered: next, count: group.shards.count });
        }
        key_type::check(&group.key_types, &group.overrides, group.shards.count)
            .map_err(|fault| InvalidState::Keys { group: named(), fault: Box::new(fault) })?;
        if let Some((key_type, lookup)) = group.stray_lookup() {
            let fault = KeyFault::LookupTable { key_type: key_type.to_owned(), table: lookup.table.clone() };
            return Err(InvalidState::Keys { group: named(), fault: Box::new(fault) });
        }
        for rule in &group.tables {
            if let TableClass::Sharded { key_type, .. } = rule.class
                && key_type >= group.key_types.len()
            {
                return Err(InvalidState::UnknownKeyType { group: named(), table: rule.name.clone() });
            }
        }
        for unit in (0..self.units.len()).map(|index| UnitId(index as u16)) {
            let primaries = self.instances_of(unit, id).filter(|(_, instance)| instance.role == Role::Primary).count();
            if primaries != 1 {
                return Err(InvalidState::Primaries { group: named(), unit: self.unit(unit).name.clone(), primaries });
            }
        }
        Ok(())
    }
}

/// Why a control state is refused whole.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidState {
    /// Two units share a name.
    #[error("unit '{0}' is defined twice")]
    DuplicateUnit(String),
    /// Two groups share a name.
    #[error("group '{0}' is defined twice")]
    DuplicateGroup(String),
    /// A schema belongs to more than one group.
    #[error("schema '{0}' is in two groups")]
    SchemaInTwoGroups(String),
    /// A unit id points nowhere.
    #[error("unit number {0} does not exist")]
    UnknownUnit(u16),
    /// A group id points nowhere.
    #[error("group number {0} does not exist")]
    UnknownGroup(u16),
    /// A range ends before it begins.
    #[error("group '{group}': shard range {range} ends before it begins")]
    EmptyRange {
        /// The group.
        group: String,
        /// The range.
        range: String,
    },
    /// Shards without an owner.
    #[error("group '{group}': shards {first}-{last} have no owner")]
    Gap {
        /// The group.
        group: String,
        /// First shard without owner.
        first: Shard,
        /// Last shard without owner.
        last: Shard,
    },
    /// A shard with two owners.
    #[error("group '{group}': shard {shard} has two owners")]
    Overlap {
        /// The group.
        group: String,
        /// The shard.
        shard: Shard,
    },
    /// The ranges do not end where the count says.
    #[error("group '{group}': the shard map covers {covered} shards of {count}")]
    Count {
        /// The group.
        group: String,
        /// Shards covered.
        covered: u32,
        /// Shards there are.
        count: u32,
    },
    /// Keys cannot be placed as the group says.
    #[error("group '{group}': {fault}")]
    Keys {
        /// The group.
        group: String,
        /// What is wrong.
        fault: Box<KeyFault>,
    },
    /// A table names a key type that does not exist.
    #[error("group '{group}': table '{table}' names an unknown key type")]
    UnknownKeyType {
        /// The group.
        group: String,
        /// The table.
        table: String,
    },
    /// A shard range that does not lie in the group.
    #[error("shards {range} do not exist; there are {count}")]
    NoSuchShards {
        /// The range.
        range: String,
        /// How many shards there are.
        count: u32,
    },
    /// A key of a kind the group does not have.
    #[error("group '{group}' has no such key type")]
    NoKeyType {
        /// The group.
        group: String,
    },
    /// A move of what its source does not own, or to its own source; or the fencing of what its unit does not own.
    #[error("move {id} does not lead from the owner to another unit")]
    MoveSource {
        /// The move.
        id: u64,
    },
    /// What is out of service must be a replica.
    #[error("instance {instance} is no replica, and cannot be left out")]
    NoReplica {
        /// The instance's number.
        instance: u16,
    },
    /// Something that was left behind by force owns, or stands in for another.
    #[error("unit '{unit}' of group '{group}' is in quarantine; reconcile it and REJOIN UNIT '{unit}' first")]
    QuarantinedOwner {
        /// The unit.
        unit: String,
        /// The group.
        group: String,
    },
    /// A scope in two moves.
    #[error("move {second} overlaps move {first}, which is under way")]
    MovesOverlap {
        /// The one that was there.
        first: u64,
        /// The other.
        second: u64,
    },
    /// Not exactly one primary.
    #[error("group '{group}' has {primaries} primaries in unit '{unit}', expected one")]
    Primaries {
        /// The group.
        group: String,
        /// The unit.
        unit: String,
        /// How many there are.
        primaries: usize,
    },
}
