//! Forced changes on real servers that are killed: what survives is carried over, what is lost is told exactly, and what comes back stays out
//! until it is put right (G2, G3, E3).

mod cloned_mysql9;
mod frozen;
mod late_keeper;
mod leased;
mod left;
mod lost_unit;
pub mod mysql9;
mod refused;
mod revived;
mod several;
mod third_unit;
mod under_way;
mod undone;
mod unfenced;
mod whole_unit;

use meridian::demo::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER};

pub use revived::Revived;

use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;

/// A node that may administer replication, with these settings in `[moves]`.
pub fn administering(databases: &Databases, moves: &str) -> Setup {
    let mut setup = Setup::shared(databases);
    setup.limits = moves.to_owned();
    setup.backend = format!(
        "administrator_user = \"{ADMINISTRATOR_USER}\"\nadministrator_password = \"{ADMINISTRATOR_PASSWORD}\"\n"
    );
    setup
}
