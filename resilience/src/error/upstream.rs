use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::error::taxonomy::RetryAfter as _;
use crate::{Advice, Classification, Classify, ServiceError, Severity, taxonomy::Evidence};

/// A service that we call answered with an error status.
///
/// The callee's status is never passed on as ours: a 404 or 401 about *our* request would mislead
/// our client, and a 429 tells us to slow down, not our client.
///
/// | callee's status | classification |
/// |---|---|
/// | 429 | transient, `RATE_LIMITED`, 503 |
/// | 408, 504 | transient, `NETWORK_TIMEOUT`, 504 |
/// | 425, 5xx | transient, `SERVICE_UNAVAILABLE`, 503 |
/// | 501, 505, 506, 508, 510, 511 | transient but not retried, `UPSTREAM_SERVER_ERROR`, 502, unexpected |
/// | other 4xx | permanent, `UPSTREAM_CLIENT_ERROR`, 500, unexpected: our request is wrong |
/// | anything else, such as a redirect to a login page | transient but not retried, `UPSTREAM_UNEXPECTED_STATUS`, 502, unexpected |
///
/// What is transient is a failure of the callee: a circuit breaker counts it, and a fallback
/// replaces it. The `Retry-After` of a retried answer becomes the error's advice.
///
/// If an answer means something else in your API, such as a 404 for "the item does not exist",
/// return your own error for it before you check the status. To pass a 429 on to your client,
/// return [`errors::RateLimited`](crate::errors::RateLimited) or your own
/// `#[service(rate_limited)]`.
///
/// ```
/// use resilience::{Classify, http::UpstreamError};
/// use std::time::Duration;
///
/// let busy = UpstreamError::new("inventory", 503).with_retry_after(Duration::from_secs(10));
/// assert_eq!(busy.to_string(), "inventory answered 503");
/// assert_eq!(busy.classify().retry_after(), Some(Duration::from_secs(10)));
///
/// let refused = UpstreamError::new("inventory", 404).classify();
/// assert_eq!((refused.code(), refused.status()), ("UPSTREAM_CLIENT_ERROR", 500));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    service: Cow<'static, str>,
    status: u16,
    retry_after: Option<Duration>,
    is_unreadable: bool,
}

impl UpstreamError {
    /// Creates an error for an answer of `service`. Any status is accepted.
    pub fn new(service: impl Into<Cow<'static, str>>, status: u16) -> Self {
        Self { service: service.into(), status, retry_after: None, is_unreadable: false }
    }

    /// Creates an error for an answer whose body can't be read, where you read it yourself.
    /// Classified as `UPSTREAM_INVALID_RESPONSE`, 502, like a body that reqwest can't decode.
    ///
    /// ```
    /// use resilience::{Classify, http::UpstreamError};
    ///
    /// fn stock(body: &str) -> Result<u32, UpstreamError> {
    ///     body.trim().parse().map_err(|_| UpstreamError::unreadable("inventory", 200))
    /// }
    ///
    /// let error = stock("<html>").unwrap_err();
    /// assert_eq!(error.to_string(), "inventory answered 200 with a body that can't be read");
    /// assert_eq!(error.classify().status(), 502);
    /// ```
    pub fn unreadable(service: impl Into<Cow<'static, str>>, status: u16) -> Self {
        Self { is_unreadable: true, ..Self::new(service, status) }
    }

    /// Adds the answer's `Retry-After`.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The name of the callee.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The callee's status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How long the callee asks us to wait, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// A failure of the callee that a retry doesn't fix: what it answers makes no sense.
pub(crate) const fn unusable(code: &'static str) -> Classification {
    Classification::transient_with(code, Advice::DoNotRetry)
        .with_status(502)
        .with_severity(Severity::Unexpected)
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.service, self.status)?;
        if self.is_unreadable { f.write_str(" with a body that can't be read") } else { Ok(()) }
    }
}

impl Error for UpstreamError {}

impl Classify for UpstreamError {
    fn classify(&self) -> Classification {
        if self.is_unreadable {
            return unusable("UPSTREAM_INVALID_RESPONSE");
        }
        let transient = |code| Classification::transient_with(code, self.retry_after.advice());
        match self.status {
            429 => transient("RATE_LIMITED").with_status(503),
            408 | 504 => transient("NETWORK_TIMEOUT"),
            // Not implemented, an unsupported HTTP version or extension, a loop, a network that
            // requires a login.
            501 | 505 | 506 | 508 | 510 | 511 => unusable("UPSTREAM_SERVER_ERROR"),
            425 | 500..=599 => transient("SERVICE_UNAVAILABLE"),
            400..=499 => Classification::permanent("UPSTREAM_CLIENT_ERROR"),
            _ => unusable("UPSTREAM_UNEXPECTED_STATUS"),
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for UpstreamError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Category, Sent};

    #[test]
    fn upstream_statuses_are_classified() {
        let table = [
            (408, true, "NETWORK_TIMEOUT", 504),
            (425, true, "SERVICE_UNAVAILABLE", 503),
            (429, true, "RATE_LIMITED", 503),
            (500, true, "SERVICE_UNAVAILABLE", 503),
            (502, true, "SERVICE_UNAVAILABLE", 503),
            (503, true, "SERVICE_UNAVAILABLE", 503),
            (504, true, "NETWORK_TIMEOUT", 504),
            (599, true, "SERVICE_UNAVAILABLE", 503),
            (501, false, "UPSTREAM_SERVER_ERROR", 502),
            (505, false, "UPSTREAM_SERVER_ERROR", 502),
            (400, false, "UPSTREAM_CLIENT_ERROR", 500),
            (401, false, "UPSTREAM_CLIENT_ERROR", 500),
            (404, false, "UPSTREAM_CLIENT_ERROR", 500),
            (409, false, "UPSTREAM_CLIENT_ERROR", 500),
            (499, false, "UPSTREAM_CLIENT_ERROR", 500),
            (302, false, "UPSTREAM_UNEXPECTED_STATUS", 502),
            (304, false, "UPSTREAM_UNEXPECTED_STATUS", 502),
            (0, false, "UPSTREAM_UNEXPECTED_STATUS", 502),
            (u16::MAX, false, "UPSTREAM_UNEXPECTED_STATUS", 502),
        ];
        for (status, retryable, code, ours) in table {
            let class = UpstreamError::new("a", status).classify();
            assert_eq!(
                (class.is_retryable(), class.code(), class.status()),
                (retryable, code, ours),
                "{status}"
            );
            assert_eq!(class.sent(), Sent::Maybe, "{status}");
            let is_ours = (400..500).contains(&status) && !retryable;
            let category = if is_ours { Category::Permanent } else { Category::Transient };
            assert_eq!(class.category(), Some(category), "{status}");
            if !retryable {
                assert_eq!(class.severity(), Severity::Unexpected, "{status}");
            }
        }
    }

    #[test]
    fn retry_after_is_advice_only_for_transient_statuses() {
        let wait = Duration::from_secs(7);
        assert_eq!(
            UpstreamError::new("a", 503).with_retry_after(wait).classify().retry_after(),
            Some(wait)
        );
        assert_eq!(
            UpstreamError::new("a", 404).with_retry_after(wait).classify().retry_after(),
            None
        );
        assert!(
            UpstreamError::new("a", 503).with_retry_after(Duration::ZERO).classify().is_retryable()
        );
    }
}
