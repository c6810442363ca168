/// The settings of a breaker. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Consecutive failures that open the circuit.
    pub failure_threshold: u32,
    /// Calls admitted while half-open, all of which must succeed.
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

/// One day, the upper limit of any wait.
pub(super) const LONGEST: u64 = 86_400_000;

impl Policy {
    /// The default settings.
    pub const fn new() -> Self {
        Self {
            failure_threshold: 5,
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
