//! Tokio's clock as plain integers: a point in time fits into an atomic, and tests can pause the
//! clock.

use std::sync::OnceLock;
use std::time::Instant as StdInstant;
use tokio::time::{Duration, Instant};

/// The value of the base instant, the first one this process asked for. Half of the range lies
/// before it, because the paused clock of another runtime can be earlier.
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
    nanos_to_millis(to_nanos(Instant::now()))
}

fn nanos_to_millis(nanos: u64) -> u64 {
    if nanos >= BASE_NANOS {
        BASE_MILLIS + ((nanos - BASE_NANOS) / 1_000_000).min(BASE_MILLIS - 1)
    } else {
        // Before the base, rounding down means rounding away from it. Otherwise a wait that spans
        // the base would last a millisecond longer.
        BASE_MILLIS - (BASE_NANOS - nanos).div_ceil(1_000_000).min(BASE_MILLIS - 1)
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
    fn millis_round_down_before_and_after_the_base() {
        for nanos in [BASE_NANOS - 1_500_000, BASE_NANOS - 1, BASE_NANOS, BASE_NANOS + 1_999_999] {
            assert_eq!(nanos_to_millis(nanos + 20_000_000), nanos_to_millis(nanos) + 20, "{nanos}");
        }
        assert_eq!(nanos_to_millis(BASE_NANOS - 1), BASE_MILLIS - 1);
        assert_eq!(nanos_to_millis(BASE_NANOS + 999_999), BASE_MILLIS);
    }
}
