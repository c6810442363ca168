//! Recent call latencies.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Older measurements are dropped.
const WINDOW: Duration = Duration::from_secs(2);

pub(crate) struct Latencies(Mutex<VecDeque<(Instant, Duration)>>);

impl Latencies {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    pub(crate) fn add(&self, took: Duration) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while latest.front().is_some_and(|(at, _)| at.elapsed() > WINDOW) {
            latest.pop_front();
        }
        latest.push_back((Instant::now(), took));
    }

    /// The median and the 99th percentile, if there were any calls.
    pub(crate) fn percentiles(&self) -> Option<(Duration, Duration)> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut took: Vec<_> =
            latest.iter().filter(|(at, _)| at.elapsed() <= WINDOW).map(|(_, took)| *took).collect();
        took.sort_unstable();
        let last = took.len().checked_sub(1)?;
        Some((took[last / 2], took[last * 99 / 100]))
    }
}
