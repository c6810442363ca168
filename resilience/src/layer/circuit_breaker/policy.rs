use super::change::ChangeReason;
use super::window_counts::WindowCounts;

/// The settings of a breaker. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// What opens the circuit.
    pub mode: Mode,
    /// Whether the number of consecutive failures was set, so that a rate contradicts it.
    pub has_threshold: bool,
    /// Calls admitted while half-open.
    pub probes: u16,
    /// How long the circuit stays open.
    pub recovery: u64,
    /// Factor by which the wait grows each time the circuit opens again without having closed.
    pub growth: u32,
    /// Upper limit of the wait. `None` means ten times `recovery`.
    pub max_recovery: Option<u64>,
    /// Random part of the wait, in percent.
    pub jitter: u32,
    /// How long an abandoned call must have waited to count as a failure.
    pub abandoned_after: Option<u64>,
}

/// What opens the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// This many consecutive failures.
    Consecutive {
        /// At least 1.
        failures: u32,
    },
    /// The rate of failures, or of slow calls, in a window.
    Rate(Rate),
}

/// The settings of the rate mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "the names of the options")]
pub struct Rate {
    /// The failure rate that opens the circuit, in percent.
    pub failure_rate: u32,
    /// Which calls are judged.
    pub window: Extent,
    /// How many calls there must be before they are judged. `None` means 20, or the whole window
    /// if that is smaller.
    pub min_calls: Option<u32>,
    /// Which calls are slow. `None` means that calls aren't timed.
    pub slow: Option<Slow>,
}

/// How far a window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The last calls.
    Calls(u32),
    /// The last milliseconds.
    Millis(u64),
}

/// The settings for slow calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    /// A call that takes longer than so many milliseconds is slow.
    pub longer_than: u64,
    /// The rate of slow calls that opens the circuit, in percent.
    pub rate: u32,
    /// Whether calls that are still running are judged too.
    pub while_running: bool,
}

impl Mode {
    /// Whether calls are timed from their admission.
    pub(super) const fn is_timed(&self) -> bool {
        matches!(self, Self::Rate(Rate { slow: Some(_), .. }))
    }
}

impl Rate {
    /// How many calls there must be before they are judged.
    pub(super) const fn min_calls(&self) -> u32 {
        match (self.min_calls, self.window) {
            (Some(calls), _) => calls,
            (None, Extent::Calls(window)) if window < DEFAULT_MIN_CALLS => window,
            (None, _) => DEFAULT_MIN_CALLS,
        }
    }

    /// Why a window with these calls opens the circuit, if it does.
    pub(super) fn judge(&self, calls: WindowCounts) -> Option<ChangeReason> {
        if self.are_enough(calls) { self.judge_probes(calls) } else { None }
    }

    /// Whether a window with these calls is judged.
    pub(super) fn are_enough(&self, calls: WindowCounts) -> bool {
        calls.calls >= u64::from(self.min_calls())
    }

    /// Like `judge`, for any number of calls.
    pub(super) fn judge_probes(&self, calls: WindowCounts) -> Option<ChangeReason> {
        let reaches = |part: u64, rate: u32| {
            part > 0 && part.saturating_mul(100) >= calls.calls.saturating_mul(rate.into())
        };
        if reaches(calls.failures, self.failure_rate) {
            Some(ChangeReason::FailureRate)
        } else if self.slow.is_some_and(|slow| reaches(calls.slow, slow.rate)) {
            Some(ChangeReason::SlowCallRate)
        } else {
            None
        }
    }
}

/// The default of `min_calls`.
pub(super) const DEFAULT_MIN_CALLS: u32 = 20;

/// The default window, in calls.
pub(super) const DEFAULT_WINDOW: u32 = 100;

/// The largest window, in calls. The word that counts them has no room for more.
pub(super) const LARGEST_WINDOW: u32 = 4_096;

/// The longest window in time, one hour.
pub(super) const LONGEST_WINDOW: u64 = 3_600_000;

/// The shortest window in time: one millisecond for each bucket.
pub(super) const SHORTEST_WINDOW: u64 = 10;

/// One day, the upper limit of any wait.
pub(super) const LONGEST: u64 = 86_400_000;

impl Policy {
    /// The default settings.
    pub const fn new() -> Self {
        Self {
            mode: Mode::Consecutive { failures: 5 },
            has_threshold: false,
            probes: 1,
            recovery: 30_000,
            growth: 1,
            max_recovery: None,
            jitter: 0,
            abandoned_after: None,
        }
    }

    const fn cap(&self) -> u64 {
        match self.max_recovery {
            Some(cap) if cap > self.recovery => cap,
            Some(_) => self.recovery,
            None => self.recovery.saturating_mul(10),
        }
    }

    /// How long to stay open after `reopened` consecutive probes have failed, as the bounds of the
    /// random part.
    ///
    /// Jitter lengthens the wait. If that would exceed the maximum, it is subtracted from the
    /// maximum instead, so that many clients don't all come back at the maximum.
    fn bounds(&self, reopened: u32) -> (u64, u64) {
        let grown = u64::from(self.growth).saturating_pow(reopened).saturating_mul(self.recovery);
        self.jittered(grown.min(self.cap()))
    }

    fn jittered(&self, grown: u64) -> (u64, u64) {
        let jitter = grown * u64::from(self.jitter) / 100;
        match self.max_recovery {
            Some(_) if grown + jitter > self.cap() => {
                (self.cap() - jitter.min(self.cap() - self.recovery), self.cap())
            }
            _ => (grown, grown + jitter),
        }
    }

    /// How long to stay open after `reopened` consecutive probes have failed.
    pub(super) fn wait(&self, reopened: u32) -> u64 {
        let (shortest, longest) = self.bounds(reopened);
        longest - crate::support::random::up_to(longest.saturating_sub(shortest))
    }

    /// The longest possible wait. If more time than that is left, the clock was set back.
    pub(super) fn longest_wait(&self) -> u64 {
        // Runs on every rejection. Computing a power would take as long as the rest of it.
        self.jittered(if self.growth > 1 { self.cap() } else { self.recovery.min(self.cap()) }).1
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_up_to_its_maximum() {
        let policy = Policy { growth: 2, ..Policy::new() };
        let waits = [0, 1, 2, 3, 4, 5, u32::MAX].map(|reopened| policy.wait(reopened));
        assert_eq!(waits, [30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000]);
        assert_eq!(policy.longest_wait(), 300_000);

        let capped = Policy { max_recovery: Some(100_000), ..policy };
        assert_eq!(
            [0, 1, 2, 9].map(|reopened| capped.wait(reopened)),
            [30_000, 60_000, 100_000, 100_000]
        );
        assert_eq!(Policy::new().wait(u32::MAX), 30_000);
        assert_eq!(Policy::new().longest_wait(), 30_000);
    }

    #[test]
    fn jitter_lengthens_the_wait_and_stays_below_the_maximum() {
        let policy = Policy { jitter: 10, ..Policy::new() };
        assert_eq!(policy.bounds(0), (30_000, 33_000));
        let growing = Policy { growth: 2, max_recovery: Some(100_000), ..policy };
        assert_eq!(
            [0, 1, 2].map(|n| growing.bounds(n)),
            [(30_000, 33_000), (60_000, 66_000), (90_000, 100_000)]
        );
        assert_eq!(growing.longest_wait(), 100_000);

        let waits: std::collections::HashSet<_> = (0..200).map(|_| policy.wait(0)).collect();
        assert!(waits.iter().all(|wait| (30_000..=33_000).contains(wait)));
        assert!(waits.len() > 1, "every wait was the same");
    }

    #[test]
    fn the_wait_is_never_shorter_than_the_recovery_timeout() {
        for max_recovery in [None, Some(1), Some(30_000), Some(31_000), Some(LONGEST)] {
            for jitter in [0, 1, 50, 100] {
                let policy = Policy { growth: 3, max_recovery, jitter, ..Policy::new() };
                for reopened in [0, 1, 5, u32::MAX] {
                    let (shortest, longest) = policy.bounds(reopened);
                    assert!(
                        30_000 <= shortest
                            && shortest <= longest
                            && longest <= policy.longest_wait()
                    );
                }
            }
        }
    }
}
