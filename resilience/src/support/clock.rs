//! Tokio's clock as plain integers. A point in time fits into an atomic, and tests can pause the
//! clock.

use std::sync::OnceLock;
use std::time::Instant as StdInstant;
use tokio::time::{Duration, Instant};

/// The value of the base instant, which is the first one requested by this process. Half of the
/// range is before it, because another runtime's paused clock can be earlier.
const BASE_NANOS: u64 = 1 << 62;

/// Number of bits of the largest value that [`millis`] returns.
pub(crate) const MILLIS_BITS: u32 = 40;
const BASE_MILLIS: u64 = 1 << (MILLIS_BITS - 1);

fn base() -> StdInstant {
    static BASE: OnceLock<StdInstant> = OnceLock::new();
    *BASE.get_or_init(StdInstant::now)
}

/// Converts an instant to nanoseconds. Saturates 146 years before and after the base. Never 0.
pub(crate) fn to_nanos(instant: Instant) -> u64 {
    let (instant, base) = (instant.into_std(), base());
    let distance = |duration: Duration| {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(BASE_NANOS - 1)
    };
    match instant.checked_duration_since(base) {
        Some(after) => BASE_NANOS + distance(after),
        None => BASE_NANOS - distance(base.duration_since(instant)),
    }
}

/// The current time in milliseconds, rounded down. Saturates 17 years before and after the base.
pub(crate) fn millis() -> u64 {
    to_millis(Instant::now())
}

/// Computed from seconds and a fraction, since every rejection by a breaker does this. A single
/// number of nanoseconds would need a 128-bit multiplication and a division.
fn to_millis(instant: Instant) -> u64 {
    let (instant, base) = (instant.into_std(), base());
    let distance = |seconds: u64, millis: u32| {
        seconds.saturating_mul(1_000).saturating_add(millis.into()).min(BASE_MILLIS - 1)
    };
    match instant.checked_duration_since(base) {
        Some(after) => BASE_MILLIS + distance(after.as_secs(), after.subsec_millis()),
        None => {
            // Before the base, rounding away from it is rounding down. Otherwise a wait that starts
            // before the base and ends after it would be a millisecond too long.
            let before = base.duration_since(instant);
            BASE_MILLIS - distance(before.as_secs(), before.subsec_nanos().div_ceil(1_000_000))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanos_preserve_distances_before_and_after_the_base() {
        let now = Instant::now();
        let later = now + Duration::from_secs(30 * 86_400);
        assert_eq!(to_nanos(later) - to_nanos(now), 30 * 86_400 * 1_000_000_000);
        assert!(millis() < 1 << MILLIS_BITS);
        if let Some(earlier) = now.checked_sub(Duration::from_millis(5)) {
            assert_eq!(to_nanos(now) - to_nanos(earlier), 5_000_000);
        }
    }

    #[test]
    fn milliseconds_are_rounded_down_on_both_sides_of_the_base() {
        let base = Instant::from_std(base());
        for nanos in [0, 1, 999_999, 1_000_000, 1_999_999, 2_000_000_000] {
            let (distance, second) = (Duration::from_nanos(nanos), Duration::from_secs(1));
            assert_eq!(to_millis(base + distance), BASE_MILLIS + nanos / 1_000_000, "{nanos}");
            if let Some(before) = base.checked_sub(distance) {
                assert_eq!(to_millis(before), BASE_MILLIS - nanos.div_ceil(1_000_000), "{nanos}");
                assert_eq!(to_millis(before + second), to_millis(before) + 1_000, "{nanos}");
            }
        }
    }

    #[test]
    fn milliseconds_end_where_their_bits_do() {
        let base = Instant::from_std(base());
        let later = base + Duration::from_secs(20 * 365 * 86_400);
        assert_eq!(to_millis(later), (1 << MILLIS_BITS) - 1);
    }
}
