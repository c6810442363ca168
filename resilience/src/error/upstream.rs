use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::error::taxonomy::RetryAfter as _;
use crate::{Classification, Classify, ServiceError, taxonomy::Evidence};

/// A service that we call answered with an error status.
///
/// The callee's status is never passed on as ours: a 404 or 401 about *our* request would mislead
/// our client.
///
/// | callee's status | classification |
/// |---|---|
/// | 429 | transient, `RATE_LIMITED`, 429 |
/// | 408, 504 | transient, `NETWORK_TIMEOUT`, 504 |
/// | 425, 5xx | transient, `SERVICE_UNAVAILABLE`, 503 |
/// | 501, 505, 506, 508, 510, 511 | permanent, `UPSTREAM_SERVER_ERROR`, 500: the callee will never serve this request |
/// | other 4xx | permanent, `UPSTREAM_CLIENT_ERROR`, 500, unexpected |
/// | anything else | permanent, `UPSTREAM_UNEXPECTED_STATUS`, 500, unexpected |
///
/// The `Retry-After` of a transient answer becomes the error's advice. If a 404 means "the item
/// does not exist" in your API, return your own error for it before you check the status.
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
    /// Creates an error for an answer of `service`. Any status is accepted.
    pub fn new(service: impl Into<Cow<'static, str>>, status: u16) -> Self {
        Self { service: service.into(), status, retry_after: None }
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
            // Not implemented, an unsupported HTTP version or extension, a loop, a network that
            // requires a login.
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
    fn upstream_statuses_are_classified() {
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
            let class = UpstreamError::new("a", status).classify();
            assert_eq!(
                (class.is_retryable(), class.code(), class.status()),
                (retryable, code, ours),
                "{status}"
            );
            assert_eq!(class.sent(), Sent::Maybe, "{status}");
            if !retryable {
                assert_eq!(
                    (class.category(), class.severity()),
                    (Some(Category::Permanent), Severity::Unexpected),
                    "{status}"
                );
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
