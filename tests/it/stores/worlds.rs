//! A control state to store.

use meridian::config;
use meridian::model::{ControlState, Epoch, Forbid, ForbidKind, ForbidScope, UnitId};

use crate::scenarios::node::{Database, Setup};
use meridian::model::Role;

/// A state with two units and a forbid, at `epoch`.
pub fn at(epoch: u64) -> ControlState {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str, unit, port| Database { name: name.to_owned(), unit, role: Role::Primary, port };
    let setup = Setup::over(vec![place("hz-1", "hz", 3306), place("bj-1", "bj", 3307)], "10.11.6-MariaDB");
    let config = config::load(&setup.write(directory.path())).unwrap_or_else(|errors| panic!("{errors}"));
    let forbid = Forbid {
        scope: ForbidScope::Unit(UnitId(1)),
        kind: ForbidKind::Writes,
        reason: format!("epoch {epoch}"),
        by: "dba".to_owned(),
        at: 7,
    };
    ControlState { epoch: Epoch(epoch), forbids: vec![forbid], ..config.state }
}
