//! Tokio's clock as plain integers. A point in time fits into an atomic, and tests can pause the
//! clock.

use std::cell::Cell;
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
#[inline]
pub(crate) fn millis() -> u64 {
    millis_at(Instant::now())
}

/// A millisecond that a thread has seen. Every rejection by a breaker needs the current one, and an
/// overloaded thread makes many of them in a millisecond. Two comparisons then take the place of
/// the subtraction of the base.
#[derive(Clone, Copy)]
struct Tick {
    seen: Instant,
    end: Instant,
    millis: u64,
}

thread_local! {
    static LAST: Cell<Option<Tick>> = const { Cell::new(None) };
}

#[inline]
fn millis_at(now: Instant) -> u64 {
    match LAST.get() {
        // A clock of another runtime can be earlier.
        Some(tick) if tick.seen <= now && now < tick.end => tick.millis,
        _ => next_millis(now),
    }
}

#[cold]
#[inline(never)]
fn next_millis(now: Instant) -> u64 {
    let millis = to_millis(now);
    // Before the base, the end of a millisecond isn't needed.
    let end = (millis + 1).checked_sub(BASE_MILLIS).map(Duration::from_millis);
    let end = end.and_then(|end| base().checked_add(end));
    LAST.set(end.map(|end| Tick { seen: now, end: Instant::from_std(end), millis }));
    millis
}

/// Computed from seconds and a fraction. A single number of nanoseconds would need a 128-bit
/// multiplication and a division.
fn to_millis(instant: Instant) -> u64 {
    let (instant, base) = (instant.into_std(), base());
    // Saturates before the multiplication, where it takes one comparison.
    let distance = |seconds: u64, millis: u32| {
        (seconds.min(BASE_MILLIS / 1_000 + 1) * 1_000 + u64::from(millis)).min(BASE_MILLIS - 1)
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
    fn millisecond_that_was_seen_is_the_same_in_any_order() {
        let base = Instant::from_std(base());
        let micros = [0_u64, 999, 1_000, 1_001, 1_999, 2_000, 5_000_500, 5_000_999, 5_001_000];
        let instants = micros.iter().map(|micros| Duration::from_micros(*micros));
        let after = instants.clone().map(|distance| base + distance);
        let before = instants.filter_map(|distance| base.checked_sub(distance));
        let instants: Vec<Instant> = after.chain(before).collect();
        for first in &instants {
            for second in &instants {
                assert_eq!(millis_at(*first), to_millis(*first));
                assert_eq!(millis_at(*second), to_millis(*second), "{first:?}, {second:?}");
                assert_eq!(millis_at(*second), to_millis(*second), "again");
            }
        }
    }

    #[test]
    fn milliseconds_end_where_their_bits_do() {
        let base = Instant::from_std(base());
        let later = base + Duration::from_secs(20 * 365 * 86_400);
        assert_eq!(to_millis(later), (1 << MILLIS_BITS) - 1);
        assert_eq!(millis_at(later), (1 << MILLIS_BITS) - 1);
    }
}
