//! Forced changes on real servers that are killed: what survives is carried over, what is lost is told exactly, and what comes back stays out
//! until it is put right (G2, G3, E3).

mod frozen;
mod late_keeper;
mod leased;
mod lost_unit;
mod mysql9;
mod refused;
mod revived;
mod several;
mod third_unit;
mod under_way;
mod unfenced;

pub use revived::Revived;
