//! Medians, and how sure they are.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// How often the rounds are drawn again for the bounds.
const RESAMPLES: usize = 2000;

/// A median over rounds with its 95 % bootstrap bounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Estimate {
    /// The estimate from one value for each round; `None` without rounds.
    pub fn of(values: &[f64]) -> Option<Estimate> {
        let median = median(values)?;
        // The same seed each time: the same rounds give the same bounds.
        let mut random = StdRng::seed_from_u64(1);
        let draw = |_| {
            let drawn: Vec<f64> = (0..values.len()).map(|_| values[random.random_range(0..values.len())]).collect();
            crate::estimate::median(&drawn).unwrap_or(median)
        };
        let mut medians: Vec<f64> = (0..RESAMPLES).map(draw).collect();
        medians.sort_by(f64::total_cmp);
        let (low, high) = (medians[RESAMPLES / 40], medians[RESAMPLES - 1 - RESAMPLES / 40]);
        Some(Estimate { median, low, high })
    }
}

/// The median; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[middle - 1] + upper) / 2.0 })
}

/// The value below which this share of the sorted values lies; 0 of nothing.
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}
