use std::time::Duration;

/// When a rejected call may be retried, in milliseconds, or `u64::MAX` if unknown. Together with
/// whether the call was rejected, it fits into two registers.
#[derive(Debug, Clone, Copy)]
pub struct RetryAfter(pub(super) u64);

impl RetryAfter {
    #[inline]
    pub(super) const fn duration(self) -> Option<Duration> {
        match self.0 {
            u64::MAX => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }
}

/// Rounds up, since a wait of less than a millisecond isn't zero.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
