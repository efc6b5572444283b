//! The clock that leases are measured with: it never jumps, and goes on while the machine sleeps (CLOCK_BOOTTIME).

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment, counted from the machine's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Now.
    pub fn now() -> Moment {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Moment(seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0)))
    }

    /// The moment `later` than this one.
    pub fn after(self, later: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Nanoseconds since the machine's start.
    pub fn nanoseconds(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward() {
        let first = Moment::now();
        let later = first.after(Duration::from_millis(3));
        assert_eq!(later.nanoseconds() - first.nanoseconds(), 3_000_000);
        assert!(Moment::now() >= first);
    }
}
