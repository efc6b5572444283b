//! Meridian: a database access layer that speaks the MySQL wire protocol, for services active in several regions at once.
//!
//! # The map, in reading order
//!
//! | module | |
//! |---|---|
//! | [`model`] | WHAT: plain nouns: ids, unit, group, shard, table class, epoch, forbid, control state, observations, catalog, snapshot |
//! | [`sql`] | READ: SQL text -> the few facts routing needs; the plan cache |
//! | [`route`] | DECIDE: `Snapshot` + `SessionView` + `Statement` -> `Decision`; one rule, one file |
//! | [`wire`] | SPEAK: packets <-> bytes, sans-IO: framing, the scanner that finds a reply's end, handshake, flags |
//! | [`net`] | CARRY: sockets, TLS, compression, login on both sides |
//! | [`control`] | AGREE: the control document and its stores (file, etcd), `apply` (pure), snapshots, the write gate, leases |
//! | [`backend`] | REACH: connections to instances, pools, what is replayed on them, prepared statements per connection |
//! | [`frontend`] | SERVE: listener, session (the hot path), relay, dispatch, observe |
//! | [`monitor`] | MEASURE: health with hysteresis, the catalog of the servers' schemas |
//! | [`admin`], [`ctl`] | the operators' console, and its command line |
//! | [`config`] | TOML -> each component's own configuration, checked whole before a port opens |
//! | [`offline`] | without a node: `meridian explain`, `lint-sql`, `import` |
//! | [`demo`] | the world on one machine |
//! | [`cutover`] | MOVE: planned moves of ownership: goal, plan (pure: `next_step`), perform (one step, idempotent), run (journal, resume); forced changes: force_plan (pure), force, quarantine |
//! | [`server`], [`operations`], [`moving`] | the wiring |
//! | [`fault`], [`shutdown`], [`telemetry`] | three small tools |
//!
//! # The layers
//!
//! A module imports only from lower rows; `tests/layers.rs` holds the table.
//!
//! ```text
//! 6  main  server  operations  moving  config  ctl  offline  demo     wiring
//! 5  admin                               operators' surfaces
//! 4  frontend  monitor  cutover          services; they do not know each other
//! 3  control  backend                    the shared truth; reaching MySQL; they do not know each other
//! 2  net                                 sockets
//! 1  sql <- route      wire              pure: no socket, clock, lock, log
//! 0  model                               pure: plain data
//! ```
//!
//! # Invariants
//!
//! 1. `model`, `sql`, `route`, `wire` and `control/apply.rs` do no IO and read no clock.
//! 2. A query never waits for the store: it reads the last published [`model::Snapshot`].
//! 3. A shard has exactly one owner in any [`model::ControlState`]; `check()` refuses gaps and overlaps. Nothing changes a state but
//!    [`control::apply`] through compare-and-swap.
//! 4. A node that shares its store lets writes in only while it has its lease, and asks again when the connection is there ([`control::lease_keeper`]).
//!    A write holds a [`control::WriteTicket`] from before its first byte until its transaction has ended at the database. A write whose
//!    answer nobody heard keeps its ticket until its connection is known to be dead.
//! 5. A write is sent once. A plain read may be sent again on a fresh connection if no byte of its reply reached the client and it is proved
//!    free of side effects.
//! 6. A pooled connection is given back only when nothing is left on it; what was forgotten is closed, not shared.
//! 7. `frontend/error_reply.rs` is the only maker of ERR packets for clients; `control/document.rs` the only JSON of state.
//! 8. Only `server.rs` starts what lives long; each ends on the shutdown signal.
//! 9. What people *decided* and what we *measured* never mix; a snapshot joins one of each for one decision.
//!
//! # The walk of one statement
//!
//! [`frontend::session`] `run_statement`: load a snapshot, read the text ([`sql`], plan cache), [`route::decide`], then answer, refuse, or
//! enter the [`control::WriteGate`] and carry it: [`frontend::dispatch`] (a connection that fits, made ready), [`frontend::relay`] (the reply, undecoded),
//! [`frontend::observe`] (transaction, session state, what keeps the connection), [`frontend::held`] (kept or given back).
//!
//! # Where this departs from the first design, and why
//!
//! - Plain and TLS sockets share one code path ([`net::stream::Stream`] is an enum): the branch cannot be measured beside a system call, a
//!   type parameter would double sessions and pools.
//! - A capability class contains SESSION_TRACK as the client negotiated it, so that no OK packet has to be rewritten as long as Meridian arms no
//!   trackers of its own. It arms none, because clients can read the variables that do: so how much of a loss was acknowledged is a bound by counts and sampled positions, not a
//!   list of GTIDs ([`backend::acknowledged`]).
//! - COM_STMT_SEND_LONG_DATA does not pin: its bytes are kept, within the packet limit, until the execution says which unit they belong to.
//! - etcd is spoken to through tonic, with the few messages written down ([`control::store`]): the client crates generate them when they are built, by a
//!   protoc that a fresh machine does not have.
//! - Where nodes have no accounts of their own (`fence = "none"`), one that is not heard any more is fenced all the same: it asks for its lease once more when it
//!   has a connection to write on, so ending every connection that no living node claims, after its lease has ended, ends all it can write on ([`cutover::peers`]).
//! - Where they have (`fence = "connection"`), everything at a primary goes by them, reads and local tables too: a transaction that began with the one may write the
//!   other, and nobody changes an account in the middle ([`cutover::node_accounts`]).
//! - The rows of the fence (`fence = "row"`) are one for each shard rather than for buckets of them: a move waits for nobody who writes in another shard, and no epoch of one shard
//!   disturbs another. What no transaction can stand around keeps a user lock in place of its row ([`cutover::fence_rows`]).
//! - The lease of `fence = "row+lease"` is one for each primary and group, beside the rows: in a row it could not be renewed while a transaction holds that locked, and a forced
//!   change leaves whole primaries behind. Who renews it is proved by the order of what it reads, not by who it is ([`model::fence_lease`]).
//! - Where the sources of a move were closed is written down before it is waited for only if it takes long: mostly all have it at once, and then it is
//!   written down with the new owner, in one compare-and-swap. Whoever takes a move over before that closes and reads again ([`cutover::plan`]).
//! - What a move waits for is told past the store as well, by datagrams ([`control::direct_reports`]): with units far apart a majority's word takes longer than all
//!   the rest. They carry nothing but what is true for good once it is said.
//! - Session state that a session never set is undone by DEFAULT on the next checkout rather than by COM_RESET_CONNECTION, which would throw the
//!   connection's prepared statements away.

pub mod admin;
pub mod backend;
pub mod config;
pub mod control;
pub mod ctl;
pub mod cutover;
pub mod demo;
pub mod fault;
pub mod frontend;
pub mod model;
pub mod monitor;
pub mod moving;
pub mod net;
pub mod offline;
pub mod operations;
pub mod route;
pub mod server;
pub mod shutdown;
pub mod sql;
pub mod telemetry;
pub mod wire;
