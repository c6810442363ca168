//! Values of the runtime that the checks need, because a macro can't ask the runtime for them.
//!
//! `tests/layers/macro_defaults.rs` and `tests/databases/macro_defaults.rs` include this file
//! and compare it with the runtime. So it uses nothing but the standard library.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The delays of a retry loop whose attribute doesn't give them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) base: Duration,
    pub(crate) max_delay: Duration,
}

pub(crate) const RETRY: Delays =
    Delays { base: Duration::from_millis(500), max_delay: Duration::from_secs(30) };

pub(crate) const TRANSACTION: Delays =
    Delays { base: Duration::from_millis(10), max_delay: Duration::from_secs(1) };

/// What the `recovery_timeout` and `max_recovery_timeout` of a circuit breaker can be.
pub(crate) const RECOVERY: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);

/// What the `probes` of a circuit breaker can be.
pub(crate) const PROBES: RangeInclusive<u32> = 1..=65_535;

/// What the `recovery_growth` of a circuit breaker can be.
pub(crate) const RECOVERY_GROWTH: RangeInclusive<u32> = 1..=10;

/// The largest number of failures that an alert can wait for.
pub(crate) const MAX_FREQUENT: u32 = 1000;

/// What the `window` of a circuit breaker can be, as a number of calls.
pub(crate) const WINDOW_CALLS: RangeInclusive<u32> = 1..=4_096;

/// What the `window` of a circuit breaker can be, as a time.
pub(crate) const WINDOW_TIME: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(60 * 60);
