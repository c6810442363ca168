use std::time::Duration;

use crate::Advice;

/// The type of a field that `#[service(retry_after)]` marks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as a `retry_after`",
    label = "expected `Duration` or `Option<Duration>`"
)]
pub trait RetryAfter {
    /// `RetryAfter` with this wait. Plain `Retry` if there is no wait or it is zero, so that the
    /// backoff still spreads the clients.
    fn advice(&self) -> Advice;
}

impl RetryAfter for Duration {
    fn advice(&self) -> Advice {
        if self.is_zero() { Advice::Retry } else { Advice::RetryAfter(*self) }
    }
}

impl RetryAfter for Option<Duration> {
    fn advice(&self) -> Advice {
        self.map_or(Advice::Retry, |wait| wait.advice())
    }
}
