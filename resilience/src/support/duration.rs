use std::time::Duration;

/// So many seconds; short for [`Duration::from_secs`], for policies and breakers.
///
/// ```
/// assert_eq!(resilience::secs(30), std::time::Duration::from_secs(30));
/// ```
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// So many milliseconds; short for [`Duration::from_millis`].
///
/// ```
/// assert_eq!(resilience::millis(500), std::time::Duration::from_millis(500));
/// ```
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
