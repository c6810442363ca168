use std::time::Duration;

use super::{Jitter, Retry};
use crate::support::random;

/// An infinite iterator over the delays of a [`Retry`] policy; see [`Retry::delays`].
#[derive(Debug, Clone)]
pub struct Delays {
    policy: Retry,
    retry: u32,
    previous: u64,
}

impl Retry {
    /// Returns the delays of this policy, starting with the first retry. Ignores `attempts`.
    ///
    /// ```
    /// use resilience::{Retry, millis, secs, retry::Jitter};
    ///
    /// let policy = Retry::new().base(millis(500)).max_delay(secs(3)).jitter(Jitter::None);
    /// let delays: Vec<_> = policy.delays().take(4).collect();
    /// assert_eq!(delays, [millis(500), secs(1), secs(2), secs(3)]);
    /// ```
    pub const fn delays(&self) -> Delays {
        Delays { policy: *self, retry: 0, previous: 0 }
    }

    /// The delay before retry number `retry`, counting from 0, in nanoseconds.
    pub(super) fn delay(&self, retry: u32, previous: u64) -> u64 {
        let max = nanos(self.max_delay);
        let base = nanos(self.base).min(max);
        let exponential = if retry < u64::BITS {
            base.saturating_mul(1 << retry)
        } else if base == 0 {
            0
        } else {
            u64::MAX
        };
        let capped = exponential.min(max);
        match self.jitter {
            Jitter::Standard => {
                with_room_for(exponential, base.min((max - base).max(max / 10)), max)
            }
            Jitter::UpTo(jitter) => with_room_for(exponential, nanos(jitter).min(max), max),
            Jitter::Full => random::up_to(capped),
            Jitter::Equal => capped / 2 + random::up_to(capped - capped / 2),
            Jitter::Decorrelated => {
                // Capped before the draw. Capping the result would make clients wait equally long.
                let highest = previous.max(base).saturating_mul(3).min(max);
                base + random::up_to(highest - base)
            }
            Jitter::None => capped,
        }
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = self.policy.delay(self.retry, self.previous);
        self.retry = self.retry.saturating_add(1);
        self.previous = delay;
        Some(Duration::from_nanos(delay))
    }
}

/// Leaves room for the jitter below the cap. Otherwise all clients at the cap would wait equally
/// long.
fn with_room_for(exponential: u64, jitter: u64, max: u64) -> u64 {
    exponential.min(max - jitter) + random::up_to(jitter)
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_there_is_neither_panics_nor_wraps() {
        let (day, most) = (Duration::from_secs(86_400), Duration::from_secs(u64::MAX));
        let jitters = [
            Jitter::Standard,
            Jitter::UpTo(day),
            Jitter::Full,
            Jitter::Equal,
            Jitter::Decorrelated,
            Jitter::None,
        ];
        for jitter in jitters {
            for (base, max) in [
                (day, most),
                (most, most),
                (day, day),
                (Duration::ZERO, day),
                (day, Duration::ZERO),
            ] {
                let policy = Retry::new().base(base).max_delay(max).jitter(jitter);
                for retry in [0, 1, 63, 64, 65, 1_000_000, u32::MAX] {
                    for previous in [0, 1, u64::MAX] {
                        let delay = policy.delay(retry, previous);
                        assert!(
                            delay <= nanos(max),
                            "{jitter:?} {base:?} {max:?} {retry}: {delay}"
                        );
                    }
                }
            }
        }
    }
}
