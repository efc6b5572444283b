//! Case tables: one text, one line of facts, through the cache and without it.
//!
//! Only tests. Cases that need more than the text's facts stand in the files they test.

mod bodies;
mod derived;
mod disagreements;
mod keys;
mod placement;
mod ranges;
mod robust;
mod session;
mod templates;
mod world;
