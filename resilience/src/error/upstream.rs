use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::error::taxonomy::RetryAfter as _;
use crate::{Classification, Classify, ServiceError, taxonomy::Evidence};

/// A service that we call answered with an error status.
///
/// Its statuses aren't ours: that *it* finds nothing, or doesn't know *us*, is no affair of our
/// client.
///
/// | its status | classification |
/// |---|---|
/// | 429 | transient, `RATE_LIMITED`, 429 |
/// | 408, 504 | transient, `NETWORK_TIMEOUT`, 504 |
/// | 425, 5xx | transient, `SERVICE_UNAVAILABLE`, 503 |
/// | 501, 505, 506, 508, 510, 511 | permanent, `UPSTREAM_SERVER_ERROR`, 500: it will never serve this request |
/// | other 4xx | permanent, `UPSTREAM_CLIENT_ERROR`, 500, unexpected |
/// | anything else | permanent, `UPSTREAM_UNEXPECTED_STATUS`, 500, unexpected |
///
/// A `Retry-After` of a transient answer becomes advice. Who means "the item does not exist" by a
/// 404 says so in an error of their own, before asking for the check.
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
}

impl UpstreamError {
    /// The answer of `service` with this status, which may be any number.
    pub fn new(service: impl Into<Cow<'static, str>>, status: u16) -> Self {
        Self { service: service.into(), status, retry_after: None }
    }

    /// Adds the answer's `Retry-After`.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The callee.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The status that it answered.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How long it asks us to wait, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.service, self.status)
    }
}

impl Error for UpstreamError {}

impl Classify for UpstreamError {
    fn classify(&self) -> Classification {
        let transient = |code| Classification::transient_with(code, self.retry_after.advice());
        match self.status {
            429 => transient("RATE_LIMITED"),
            408 | 504 => transient("NETWORK_TIMEOUT"),
            // Not implemented, a version or extension that it doesn't speak, a loop, a network that
            // wants a login.
            501 | 505 | 506 | 508 | 510 | 511 => Classification::permanent("UPSTREAM_SERVER_ERROR"),
            425 | 500..=599 => transient("SERVICE_UNAVAILABLE"),
            400..=499 => Classification::permanent("UPSTREAM_CLIENT_ERROR"),
            _ => Classification::permanent("UPSTREAM_UNEXPECTED_STATUS"),
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
    use crate::{Category, Sent, Severity};

    #[test]
    fn each_status_has_its_classification() {
        let table = [
            (408, true, "NETWORK_TIMEOUT", 504),
            (425, true, "SERVICE_UNAVAILABLE", 503),
            (429, true, "RATE_LIMITED", 429),
            (500, true, "SERVICE_UNAVAILABLE", 503),
            (502, true, "SERVICE_UNAVAILABLE", 503),
            (503, true, "SERVICE_UNAVAILABLE", 503),
            (504, true, "NETWORK_TIMEOUT", 504),
            (599, true, "SERVICE_UNAVAILABLE", 503),
            (501, false, "UPSTREAM_SERVER_ERROR", 500),
            (505, false, "UPSTREAM_SERVER_ERROR", 500),
            (400, false, "UPSTREAM_CLIENT_ERROR", 500),
            (401, false, "UPSTREAM_CLIENT_ERROR", 500),
            (404, false, "UPSTREAM_CLIENT_ERROR", 500),
            (409, false, "UPSTREAM_CLIENT_ERROR", 500),
            (499, false, "UPSTREAM_CLIENT_ERROR", 500),
            (304, false, "UPSTREAM_UNEXPECTED_STATUS", 500),
            (0, false, "UPSTREAM_UNEXPECTED_STATUS", 500),
            (u16::MAX, false, "UPSTREAM_UNEXPECTED_STATUS", 500),
        ];
        for (status, retryable, code, ours) in table {
            let is = UpstreamError::new("a", status).classify();
            assert_eq!(
                (is.is_retryable(), is.code(), is.status()),
                (retryable, code, ours),
                "{status}"
            );
            assert_eq!(is.sent(), Sent::Maybe, "{status}");
            if !retryable {
                assert_eq!(
                    (is.category(), is.severity()),
                    (Some(Category::Permanent), Severity::Unexpected),
                    "{status}"
                );
            }
        }
    }

    #[test]
    fn a_wait_is_advice_only_where_a_retry_is() {
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
