//! The pace of a monitor.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::shutdown::Shutdown;

/// Rounds until shutdown, the first at once. One that took long is followed by a whole pause.
pub(super) struct Rounds {
    tick: Interval,
    shutdown: Shutdown,
}

impl Rounds {
    /// One in each `pause`.
    pub fn every(pause: Duration, shutdown: Shutdown) -> Rounds {
        let mut tick = interval(pause);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Rounds { tick, shutdown }
    }

    /// Waits for the next; `false` at shutdown.
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.tick.tick() => true,
            () = self.shutdown.told() => false,
        }
    }
}
