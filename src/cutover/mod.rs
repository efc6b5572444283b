//! Moving ownership: planned moves of shards, Global Zones and whole units, from the goal to the published owner; and forced changes, where
//! the owner is lost.
//!
//! It routes no statement and knows no session: new writes are held by the decision, older ones are known by the write gate. Everything it
//! did is in the control state, so that it can be gone at any moment and another run goes on. Start at [`plan`]: which step is next; then
//! [`perform`] for what a step does, `steps` for who takes them one after the other, `before` for what comes ahead of the first, [`run`] for whose they are;
//! `fencing` for forbids that are waited for, which are the first half of a move;
//! [`force_plan`], [`force`], `force_course` and [`survivors`] are their like for lost owners.

mod acknowledged_loss;
mod before;
pub mod checks;
pub mod closing;
mod closure;
pub mod event;
pub mod fence_leases;
pub mod fence_rows;
pub mod fence_view;
mod fencing;
pub mod followers;
pub mod force;
mod force_course;
pub mod force_plan;
pub mod goal;
pub mod leftovers;
pub mod lines;
pub mod loss;
pub mod node_accounts;
pub mod participant;
pub mod peers;
pub mod perform;
pub mod plan;
pub mod progress;
mod quarantine_keeper;
pub mod reconcile;
pub mod requests;
mod returning;
pub mod run;
pub mod server;
mod shut_out;
mod steps;
pub mod survivors;

pub use acknowledged_loss::OwnRecords;
pub use checks::{Check, Finding, SkippedChecks};
pub use event::{Events, Webhook};
pub use fence_leases::FenceLeases;
pub use fence_rows::FenceRows;
pub use fence_view::FenceStretch;
pub use force::{ForceConfig, ForceError, ForceWish, WithoutProof};
pub use goal::{Goal, GoalError, covered_by, parts_of};
pub use leftovers::Leftovers;
pub use lines::Lines;
pub use node_accounts::{Myself, NodeAccounts};
pub use peers::Peers;
pub use perform::{EndSession, EndSessions, KillTarget, Tools};
pub use plan::{Deadlines, RollBackReason, Seen, Step, next_step};
pub use progress::{Board, Progress};
pub use reconcile::{Difference, ReconcileError};
pub use requests::{MoveEnd, MoveError, MoveInbox, MoveOutcome, MoveRequests, Preview, requests};
pub use run::Mover;
pub use server::ControlAccount;
