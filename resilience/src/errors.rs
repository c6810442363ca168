//! Ready-made errors for the failures that every service has, with their codes.
//!
//! | error | category | code | status |
//! |---|---|---|---|
//! | [`NetworkTimeout`] | transient | `NETWORK_TIMEOUT` | 504 |
//! | [`ServiceUnavailable`] | transient | `SERVICE_UNAVAILABLE` | 503 |
//! | [`RateLimited`] | transient | `RATE_LIMITED` | 429 |
//! | [`ConnectFailed`] | transient, never sent | `CONNECT_FAILED` | 503 |
//! | [`ValidationError`] | permanent | `VALIDATION_ERROR` | 422 |
//! | [`NotFound`] | permanent | `NOT_FOUND` | 404 |
//! | [`AuthFailed`] | permanent | `AUTH_FAILED` | 401 |
//! | [`Conflict`] | permanent | `CONFLICT` | 409 |
//! | [`UpstreamClientError`] | permanent | `UPSTREAM_CLIENT_ERROR` | 500 |
//! | [`Internal`] | permanent | `INTERNAL_ERROR` | 500 |
//! | [`CacheMiss`] | partial | `CACHE_MISS` | 500 |
//! | [`NonCriticalFailure`] | partial | `NON_CRITICAL_FAILURE` | 500 |
//! | [`MissingConfig`] | fatal | `MISSING_CONFIG` | 500 |
//! | [`CorruptState`] | fatal | `CORRUPT_STATE` | 500 |
//!
//! Each keeps its cause, if it is given one:
//!
//! ```
//! use resilience::errors::MissingConfig;
//! use std::error::Error;
//!
//! let error = "x".parse::<u16>().map_err(|cause| MissingConfig::new("PORT").with_source(cause)).unwrap_err();
//! assert_eq!(error.to_string(), "required config missing: PORT");
//! assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
//! ```

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::taxonomy::RetryAfter as _;
use crate::{Classification, Classify, Sent, ServiceError};

type Text = Cow<'static, str>;
type Source = Box<dyn Error + Send + Sync>;

macro_rules! ready_made {
    (
        $(#[$doc:meta])*
        $name:ident($($(#[$field_doc:meta])* $field:ident: $given:ty => $held:ty),*)
            $({ $(#[$later_doc:meta])* $later:ident: $later_type:ty })?,
        $format:literal,
        |$this:pat_param| $classification:expr
        $(, public = $public:expr)?
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $held,)*
            $($(#[$later_doc])* pub $later: Option<$later_type>,)?
            source: Option<Source>,
        }

        impl $name {
            /// The error, without a cause.
            #[allow(clippy::new_without_default)]
            pub fn new($($field: $given),*) -> Self {
                Self { $($field: $field.into(),)* $($later: None,)? source: None }
            }

            /// Keeps what caused it, for the log.
            #[must_use]
            pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
                self.source = Some(source.into());
                self
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self { $($field,)* .. } = self;
                write!(f, $format)
            }
        }

        impl Error for $name {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
            }
        }

        impl Classify for $name {
            fn classify(&self) -> Classification {
                let $this = self;
                $classification
            }

            $(fn public_message(&self) -> Cow<'_, str> {
                let own_words: fn(&Self) -> String = $public;
                Cow::Owned(own_words(self))
            })?
        }

        impl ServiceError for $name {}
    };
}

ready_made! {
    /// A call ran out of time; the callee may have acted on it. Transient, `NETWORK_TIMEOUT`, 504.
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
        /// The time that it was given.
        after: Duration => Duration
    ),
    "{service} timed out after {after:?}",
    |_| Classification::transient("NETWORK_TIMEOUT")
}

ready_made! {
    /// A callee can't serve at the moment. Transient, `SERVICE_UNAVAILABLE`, 503.
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
    /// A callee asks us to slow down, and may say for how long. Transient, `RATE_LIMITED`, 429.
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
        /// How long it asks us to wait, if it says so.
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
    /// No connection came about, so nothing was sent. Transient, `CONNECT_FAILED`, 503.
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

ready_made! {
    /// The caller sent something wrong, and may read what. Permanent, `VALIDATION_ERROR`, 422.
    ///
    /// ```
    /// use resilience::{Classify, errors::ValidationError};
    ///
    /// let error = ValidationError::new("quantity", "must be at least 1");
    /// assert_eq!(error.public_message(), "validation failed on quantity: must be at least 1");
    /// assert_eq!(error.classify().status(), 422);
    /// ```
    ValidationError(
        /// The part of the request that is wrong; clients read it.
        field: impl Into<Text> => Text,
        /// What is wrong with it; clients read it.
        reason: impl Into<Text> => Text
    ),
    "validation failed on {field}: {reason}",
    |_| Classification::permanent("VALIDATION_ERROR"),
    public = Self::to_string
}

ready_made! {
    /// What the caller asks for doesn't exist, and the caller may read what. Permanent, `NOT_FOUND`, 404.
    ///
    /// ```
    /// use resilience::{Classify, errors::NotFound};
    ///
    /// let error = NotFound::new("user", "42");
    /// assert_eq!(error.public_message(), "user 42 not found");
    /// assert_eq!(error.classify().status(), 404);
    /// ```
    NotFound(
        /// The kind of thing; clients read it.
        resource: impl Into<Text> => Text,
        /// Which one; clients read it.
        identifier: impl Into<Text> => Text
    ),
    "{resource} {identifier} not found",
    |_| Classification::permanent("NOT_FOUND"),
    public = Self::to_string
}

ready_made! {
    /// The caller isn't who it says, or doesn't say who it is. Permanent, `AUTH_FAILED`, 401.
    ///
    /// ```
    /// use resilience::{Classify, errors::AuthFailed};
    ///
    /// assert_eq!(AuthFailed::new().classify().status(), 401);
    /// assert_eq!(AuthFailed::new().public_message(), "Authentication failed");
    /// ```
    AuthFailed(),
    "authentication failed",
    |_| Classification::permanent("AUTH_FAILED")
}

ready_made! {
    /// The request contradicts the present state. Permanent, `CONFLICT`, 409.
    ///
    /// ```
    /// use resilience::{Classify, errors::Conflict};
    ///
    /// let error = Conflict::new("order 7 is already shipped");
    /// assert_eq!(error.classify().status(), 409);
    /// assert_eq!(error.public_message(), "Conflict with the current state");
    /// ```
    Conflict(
        /// What it contradicts; for the log.
        reason: impl Into<Text> => Text
    ),
    "conflict: {reason}",
    |_| Classification::permanent("CONFLICT")
}

ready_made! {
    /// A callee refuses our request: our mistake, and no affair of our client. Permanent, `UPSTREAM_CLIENT_ERROR`, 500.
    ///
    /// [`UpstreamError`](crate::http::UpstreamError) makes this distinction from a status by itself.
    ///
    /// ```
    /// use resilience::{Classify, Severity, errors::UpstreamClientError};
    ///
    /// let error = UpstreamClientError::new("inventory", 404);
    /// assert_eq!(error.to_string(), "inventory refused our request with 404");
    /// assert_eq!((error.classify().status(), error.classify().severity()), (500, Severity::Unexpected));
    /// ```
    UpstreamClientError(
        /// The callee.
        service: impl Into<Text> => Text,
        /// The status that it answered.
        status: u16 => u16
    ),
    "{service} refused our request with {status}",
    |_| Classification::permanent("UPSTREAM_CLIENT_ERROR")
}

ready_made! {
    /// Nothing better is known. Permanent, `INTERNAL_ERROR`, 500.
    ///
    /// ```
    /// use resilience::{Classify, errors::Internal};
    ///
    /// let error = Internal::new("the index has no such shard");
    /// assert_eq!(error.public_message(), "An internal error occurred");
    /// ```
    Internal(
        /// What went wrong; for the log.
        detail: impl Into<Text> => Text
    ),
    "internal error: {detail}",
    |_| Classification::permanent("INTERNAL_ERROR")
}

ready_made! {
    /// A cache doesn't have the value. Partial, `CACHE_MISS`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::CacheMiss};
    ///
    /// assert_eq!(CacheMiss::new("stock:7").classify().category(), Some(Category::Partial));
    /// ```
    CacheMiss(
        /// The key that was looked up.
        key: impl Into<Text> => Text
    ),
    "cache miss for {key}",
    |_| Classification::partial("CACHE_MISS")
}

ready_made! {
    /// A service that the rest can do without has failed. Partial, `NON_CRITICAL_FAILURE`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::NonCriticalFailure};
    ///
    /// let error = NonCriticalFailure::new("recommendations", "the model is loading");
    /// assert_eq!(error.to_string(), "non-critical service recommendations failed: the model is loading");
    /// assert_eq!(error.classify().category(), Some(Category::Partial));
    /// ```
    NonCriticalFailure(
        /// The service that failed.
        service: impl Into<Text> => Text,
        /// Why.
        reason: impl Into<Text> => Text
    ),
    "non-critical service {service} failed: {reason}",
    |_| Classification::partial("NON_CRITICAL_FAILURE")
}

ready_made! {
    /// A setting is missing, without which the process can't go on. Fatal, `MISSING_CONFIG`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::MissingConfig};
    ///
    /// assert_eq!(MissingConfig::new("DATABASE_URL").classify().category(), Some(Category::Fatal));
    /// ```
    MissingConfig(
        /// The name of the setting.
        key: impl Into<Text> => Text
    ),
    "required config missing: {key}",
    |_| Classification::fatal("MISSING_CONFIG")
}

ready_made! {
    /// The process can't trust its own state any more. Fatal, `CORRUPT_STATE`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::CorruptState};
    ///
    /// assert_eq!(CorruptState::new("negative balance").classify().category(), Some(Category::Fatal));
    /// ```
    CorruptState(
        /// What is wrong with it.
        detail: impl Into<Text> => Text
    ),
    "corrupt state detected: {detail}",
    |_| Classification::fatal("CORRUPT_STATE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_clients_is_shown_to_them() {
        let shown: [&dyn Classify; 2] = [&ValidationError::new("age", "secret"), &NotFound::new("user", "secret")];
        for error in shown {
            assert!(error.public_message().contains("secret"), "{error}");
        }
        let hidden: [&dyn Classify; 6] = [
            &Conflict::new("secret"),
            &Internal::new("secret"),
            &CacheMiss::new("secret"),
            &MissingConfig::new("secret"),
            &UpstreamClientError::new("secret", 404),
            &ConnectFailed::new("secret"),
        ];
        for error in hidden {
            assert!(error.to_string().contains("secret"), "{error}");
            assert!(!error.public_message().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_wait_becomes_advice() {
        assert_eq!(RateLimited::new("a").classify().retry_after(), None);
        assert!(RateLimited::new("a").with_retry_after(Duration::ZERO).classify().is_retryable());
    }

    #[test]
    fn the_cause_is_kept_in_the_chain() {
        let error = NetworkTimeout::new("a", Duration::from_secs(1)).with_source(NotFound::new("user", "42"));
        assert!(error.source().unwrap().is::<NotFound>());
        assert_eq!(error.classify().code(), "NETWORK_TIMEOUT");
    }
}
