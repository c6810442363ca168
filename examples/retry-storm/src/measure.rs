//! What happened in each second, and what it says about a policy.

use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::time::Instant;

/// The counts of one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Second {
    /// Operations that clients began.
    pub calls: u32,
    /// Requests that they sent for these, retries included.
    pub offered: u32,
    /// Operations that succeeded.
    pub good: u32,
    /// Operations that failed for good.
    pub lost: u32,
}

/// Counts events by the second in which they happen.
#[derive(Debug)]
pub struct Series {
    start: Instant,
    seconds: Mutex<Vec<Second>>,
}

impl Series {
    /// A series of `length` seconds, which begins now.
    pub fn new(length: usize) -> Self {
        Self { start: Instant::now(), seconds: Mutex::new(vec![Second::default(); length]) }
    }

    /// Counts an operation that begins.
    pub fn called(&self) {
        self.count(|second| second.calls += 1);
    }

    /// Counts a request.
    pub fn offered(&self) {
        self.count(|second| second.offered += 1);
    }

    /// Counts an operation that has ended.
    pub fn ended(&self, succeeded: bool) {
        self.count(|second| {
            if succeeded {
                second.good += 1;
            } else {
                second.lost += 1;
            }
        });
    }

    /// The counts so far.
    pub fn seconds(&self) -> Vec<Second> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, change: impl FnOnce(&mut Second)) {
        let index = usize::try_from(self.start.elapsed().as_secs()).unwrap_or(usize::MAX);
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(second) = seconds.get_mut(index) {
            change(second);
        }
    }
}

/// The result of one policy in one scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The policy's name.
    pub policy: &'static str,
    /// The counts of each second.
    pub seconds: Vec<Second>,
    /// The numbers of the table.
    pub summary: Summary,
}

/// What a series says about a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The most requests in a second, divided by the operations per second before the outage.
    pub peak_load: f64,
    /// Requests divided by operations, over the second half of the outage.
    pub amplification: f64,
    /// Seconds from the end of the outage to the first of five consecutive seconds whose goodput
    /// is at least 90 % of what it was before the outage. `None` if there are none.
    pub recovery: Option<usize>,
    /// Operations that failed for good.
    pub lost: u64,
}

impl Summary {
    /// Summarizes a series with an outage in the seconds `outage`. The first ten seconds don't
    /// count, in which clients arrive.
    ///
    /// # Panics
    ///
    /// If the outage begins before second 11.
    pub fn of(seconds: &[Second], outage: std::ops::Range<usize>) -> Self {
        let sum = |range: &[Second], field: fn(&Second) -> u32| -> f64 {
            range.iter().map(|second| f64::from(field(second))).sum()
        };
        let before = &seconds[10..outage.start];
        let per_second = |total: f64, range: &[Second]| {
            total / f64::from(u32::try_from(range.len()).expect("less than a century"))
        };
        let calls = per_second(sum(before, |second| second.calls), before);
        let good = per_second(sum(before, |second| second.good), before);
        let peak = seconds.iter().map(|second| second.offered).max().unwrap_or(0);
        let late = &seconds[outage.start.midpoint(outage.end)..outage.end];
        let recovery = seconds[outage.end..]
            .windows(5)
            .position(|five| five.iter().all(|second| f64::from(second.good) >= 0.9 * good));
        Self {
            peak_load: f64::from(peak) / calls,
            amplification: sum(late, |second| second.offered) / sum(late, |second| second.calls),
            recovery,
            lost: seconds.iter().map(|second| u64::from(second.lost)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(length: usize) -> Vec<Second> {
        vec![Second { calls: 100, offered: 100, good: 100, lost: 0 }; length]
    }

    #[test]
    fn a_service_that_never_fails_needs_no_time_to_recover() {
        let summary = Summary::of(&steady(60), 20..30);
        assert_eq!(summary.recovery, Some(0));
        assert_eq!((summary.peak_load, summary.amplification), (1.0, 1.0));
        assert_eq!(summary.lost, 0);
    }

    #[test]
    fn recovery_begins_where_goodput_stays_normal() {
        let mut seconds = steady(60);
        for second in &mut seconds[20..30] {
            *second = Second { calls: 50, offered: 200, good: 0, lost: 7 };
        }
        seconds[31].good = 10; // the second at the end of the outage was good, but alone
        seconds[35].good = 89;
        let summary = Summary::of(&seconds, 20..30);
        assert_eq!(summary.recovery, Some(6));
        assert_eq!((summary.peak_load, summary.amplification), (2.0, 4.0));
        assert_eq!(summary.lost, 70);
    }

    #[test]
    fn a_service_may_never_recover() {
        let mut seconds = steady(60);
        for second in &mut seconds[20..] {
            second.good = 0;
        }
        assert_eq!(Summary::of(&seconds, 20..30).recovery, None);
    }
}
