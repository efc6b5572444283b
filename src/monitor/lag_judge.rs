//! Whether a link keeps within its group's bound of lag, with hysteresis: beyond at once, within again only after a while. Pure.
//!
//! What is not known ages: a follower that had everything of a moment ago is at most that long behind, however many probes are lost.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Lag, LagBound, LagStanding};

/// How many measurements in a row must be calm before writes are let through again.
const CALM_MEASUREMENTS: u32 = 4;

/// What is remembered of one link.
#[derive(Debug, Default)]
pub(super) struct LagJudge {
    /// The follower has everything that was written before.
    covered: Option<Instant>,
    /// `None` before the first measurement.
    standing: Option<LagStanding>,
    calm: u32,
}

impl LagJudge {
    /// The link's standing after a measurement at `now`.
    pub(super) fn after(&mut self, now: Instant, lag: Lag, bound: &LagBound) -> LagStanding {
        match lag {
            Lag::Behind { time, is_at_least: false, .. } => self.covered = now.checked_sub(time),
            Lag::Behind { is_at_least: true, .. } => self.covered = None,
            Lag::Unknown | Lag::Standing { .. } => {}
        }
        let age = self.covered.map(|covered| now.saturating_duration_since(covered));
        let keeps = |age_limit: Duration, missing_limit: Option<u64>| {
            let in_time = age.is_some_and(|age| age <= age_limit);
            match lag {
                Lag::Standing { .. } => false,
                Lag::Unknown => in_time,
                Lag::Behind { missing, .. } => in_time && missing_limit.is_none_or(|most| missing <= most),
            }
        };
        let is_within = keeps(bound.age, bound.missing);
        // Half of the bound: what hovers at it would open and close all the time.
        let is_calm = keeps(bound.age / 2, bound.missing.map(|most| most / 2)) && lag != Lag::Unknown;
        self.calm = if is_calm { self.calm.saturating_add(1) } else { 0 };
        let standing = match self.standing {
            None | Some(LagStanding::Within | LagStanding::Unbound) if is_within => LagStanding::Within,
            Some(LagStanding::Beyond) if self.calm >= CALM_MEASUREMENTS => LagStanding::Within,
            None | Some(_) => LagStanding::Beyond,
        };
        // Nothing was known before the first answer: not to have been within then is no reason to wait.
        let is_first_silence = self.standing.is_none() && lag == Lag::Unknown;
        if !is_first_silence {
            self.standing = Some(standing);
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn behind(missing: u64, seconds: u32) -> Lag {
        Lag::Behind { missing, time: seconds * SECOND, is_at_least: false }
    }

    /// The standings after these measurements, half a second apart; `W` within, `B` beyond.
    fn standings(measured: impl IntoIterator<Item = Lag>) -> String {
        let bound = LagBound { age: 4 * SECOND, missing: Some(10), peers: None };
        // The clock must be able to go back by any lag.
        let (mut judge, mut now) = (LagJudge::default(), Instant::now() + 1000 * SECOND);
        let judged = measured.into_iter().map(|lag| {
            now += SECOND / 2;
            match judge.after(now, lag, &bound) {
                LagStanding::Within => 'W',
                LagStanding::Beyond => 'B',
                LagStanding::Unbound => '-',
            }
        });
        judged.collect()
    }

    #[test]
    fn it_is_beyond_at_once_and_within_again_after_a_calm_while() {
        let none = behind(0, 0);
        assert_eq!(standings([behind(1, 3), behind(1, 4), behind(1, 5), none, none, none, none]), "WWBBBBW");
        assert_eq!(standings([none, behind(11, 0), none, none, none, behind(6, 0), none]), "WBBBBBB");
        assert_eq!(standings([none, behind(1, 5), behind(1, 3), behind(1, 3), behind(1, 3), behind(1, 3)]), "WBBBBB");
    }

    #[test]
    fn c8_a_standing_channel_is_beyond_every_bound_though_nothing_is_missing() {
        assert_eq!(standings([behind(0, 0), Lag::Standing { missing: 0 }]), "WB");
    }

    #[test]
    fn c7_what_is_not_known_counts_as_lagging_from_the_last_moment_it_was_known() {
        assert_eq!(standings([Lag::Unknown, Lag::Unknown, behind(0, 0)]), "BBW", "nothing was known yet");
        let silent = std::iter::repeat_n(Lag::Unknown, 9);
        assert_eq!(standings([behind(0, 0)].into_iter().chain(silent)), "WWWWWWWWWB");
        let older = Lag::Behind { missing: 1, time: Duration::ZERO, is_at_least: true };
        assert_eq!(standings([older, behind(0, 0)]), "BB", "its age is not known");
    }
}
