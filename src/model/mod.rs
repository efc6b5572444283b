//! The nouns of Meridian as plain data: what people decided, what we measured, and what a query sees of both.
//!
//! Nothing here does IO, reads a clock, or knows SQL. Start at [`control_state`].

pub mod catalog;
pub mod column;
pub mod control_state;
pub mod fence;
pub mod fence_lease;
pub mod fence_row;
pub mod forbid;
pub mod group;
pub mod gtid;
pub mod history;
pub mod id;
pub mod key_type;
pub mod lag;
pub mod left_out;
pub mod member;
pub mod move_record;
pub mod observations;
pub mod policy;
pub mod quarantine;
pub mod reserved_ports;
pub mod scope;
pub mod shard;
pub mod snapshot;
pub mod table;

pub use catalog::{Catalog, CatalogColumn, CatalogTable, TableKind};
pub use column::{Beyond, ColumnDescription, ColumnValues, TextEquality, TextRules};
pub use control_state::{ControlState, Instance, InstanceAddress, InvalidState, Role, Unit};
pub use fence::{Door, Fence, NodeAccount};
pub use fence_row::{FenceRow, Passage, Rows};
pub use forbid::{Forbid, ForbidKind, ForbidScope, ForbiddenKey};
pub use group::Group;
pub use gtid::Position;
pub use history::HistoryEntry;
pub use id::{Epoch, GroupId, InstanceId, UnitId};
pub use key_type::{KeyFault, KeyOverride, KeyStep, KeyType, Lookup, PlainKey, Transform};
pub use lag::{Lag, LagBound, LagStanding, Laggard, Link, laggard};
pub use left_out::LeftOut;
pub use member::{
    About, Claim, Incarnation, Life, Member, Picture, Question, Report, ReportAddress, ReportKey, Standing,
};
pub use move_record::{FencePosition, MoveId, MoveKind, MovePart, MovePhase, MoveRecord};
pub use observations::{Health, Observations};
pub use policy::{Denial, DenialCondition, GroupPolicy, RoutineAccess, RoutineRule, Routing};
pub use quarantine::{AcknowledgedLoss, ClosureProof, Quarantine};
pub use reserved_ports::ReservedPorts;
pub use scope::{Extent, Scope};
pub use shard::{Shard, ShardMap, ShardRange};
pub use snapshot::Snapshot;
pub use table::{ReadPolicy, TableClass, TableRule, WrongUnitPolicy};
