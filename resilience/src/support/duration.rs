use std::time::Duration;

/// A duration of whole seconds; shorthand for [`Duration::from_secs`].
///
/// ```
/// assert_eq!(resilience::secs(30), std::time::Duration::from_secs(30));
/// ```
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A duration of whole milliseconds; shorthand for [`Duration::from_millis`].
///
/// ```
/// assert_eq!(resilience::millis(500), std::time::Duration::from_millis(500));
/// ```
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
