//! The product's write gate, compiled from its own source with shuttle's primitives: many random interleavings of the threads that enter, end
//! and wait.

pub mod admission {
    pub use meridian::control::admission::*;
}
mod interleavings;
pub mod lease_clock {
    pub use meridian::control::lease_clock::*;
}
pub mod primitives;
#[allow(dead_code, reason = "what the interleavings do not call")]
#[path = "../../../src/control/write_gate.rs"]
pub mod write_gate;
