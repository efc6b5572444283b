//! Measuring: the health of instances, the lag of links and the catalog of their schemas, published as part of the snapshot.
//!
//! What is observed here never changes what people decided; it only raises alarms and steers reads. Start at [`catalog`]; [`precheck`] looks at the
//! units' schemas when an operator asks.

pub mod acknowledged;
pub mod catalog;
pub mod forgotten_forbids;
pub mod health;
pub mod lag;
mod lag_judge;
pub mod mappings;
pub mod precheck;
pub mod probe;
mod rounds;

pub use acknowledged::watch_acknowledged;
pub use catalog::watch_catalog;
pub use forgotten_forbids::watch_forbids;
pub use health::watch_health;
pub use lag::watch_lag;
pub use mappings::watch_mappings;
pub use probe::{ProbeAccount, ProbeTls};
