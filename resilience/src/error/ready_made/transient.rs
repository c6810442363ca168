use std::time::Duration;

use super::{Text, define::ready_made};
use crate::error::taxonomy::RetryAfter as _;
use crate::{Classification, Sent};

ready_made! {
    /// A call timed out; the callee may have acted on it. Transient, `NETWORK_TIMEOUT`, 504.
    ///
    /// ```
    /// use resilience::{Classify, errors::NetworkTimeout};
    /// use std::time::Duration;
    ///
    /// let error = NetworkTimeout::new("inventory", Duration::from_secs(5));
    /// assert_eq!(error.to_string(), "inventory timed out after 5s");
    /// assert_eq!((error.classify().code(), error.classify().status()), ("NETWORK_TIMEOUT", 504));
    /// ```
    NetworkTimeout(
        /// The callee.
        service: impl Into<Text> => Text,
        /// The time limit of the call.
        after: Duration => Duration
    ),
    "{service} timed out after {after:?}",
    |_| Classification::transient("NETWORK_TIMEOUT")
}

ready_made! {
    /// A callee is temporarily unavailable. Transient, `SERVICE_UNAVAILABLE`, 503.
    ///
    /// ```
    /// use resilience::{Classify, errors::ServiceUnavailable};
    ///
    /// let error = ServiceUnavailable::new("inventory");
    /// assert_eq!(error.to_string(), "inventory is unavailable");
    /// assert!(error.classify().is_retryable());
    /// ```
    ServiceUnavailable(
        /// The callee.
        service: impl Into<Text> => Text
    ),
    "{service} is unavailable",
    |_| Classification::transient("SERVICE_UNAVAILABLE")
}

ready_made! {
    /// A callee is rate limiting us. Transient, `RATE_LIMITED`, 429.
    ///
    /// ```
    /// use resilience::{Classify, errors::RateLimited};
    /// use std::time::Duration;
    ///
    /// let error = RateLimited::new("inventory").with_retry_after(Duration::from_secs(30));
    /// assert_eq!(error.classify().retry_after(), Some(Duration::from_secs(30)));
    /// assert_eq!(error.classify().status(), 429);
    /// ```
    RateLimited(
        /// The callee.
        service: impl Into<Text> => Text
    ) {
        /// How long the callee asks us to wait, if it does.
        retry_after: Duration
    },
    "{service} is rate limiting us",
    |this| Classification::transient_with("RATE_LIMITED", this.retry_after.advice())
}

impl RateLimited {
    /// Adds how long the callee asks us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

ready_made! {
    /// No connection could be established, so nothing was sent. Transient, `CONNECT_FAILED`, 503.
    ///
    /// ```
    /// use resilience::{Classify, Sent, errors::ConnectFailed};
    ///
    /// let error = ConnectFailed::new("inventory");
    /// assert_eq!(error.to_string(), "can't connect to inventory");
    /// assert_eq!(error.classify().sent(), Sent::Never);
    /// ```
    ConnectFailed(
        /// The callee.
        service: impl Into<Text> => Text
    ),
    "can't connect to {service}",
    |_| Classification::transient("CONNECT_FAILED").with_sent(Sent::Never)
}
