//! Ready-made errors for failures that most services have.
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
//! Each can hold its cause, and [say when it raises an alert](NotFound::with_alert):
//!
//! ```
//! use resilience::{Alert, Classify, errors::{MissingConfig, ServiceUnavailable}};
//! use std::error::Error;
//!
//! let error = "x".parse::<u16>().map_err(|cause| MissingConfig::new("PORT").with_source(cause)).unwrap_err();
//! assert_eq!(error.to_string(), "required config missing: PORT");
//! assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
//!
//! let nightly = ServiceUnavailable::new("reports").with_alert(Alert::Never);
//! assert_eq!(nightly.classify().alert(), Alert::Never);
//! ```

mod define;
mod other;
mod permanent;
mod transient;

use std::borrow::Cow;

pub use other::{CacheMiss, CorruptState, MissingConfig, NonCriticalFailure};
pub use permanent::{
    AuthFailed, Conflict, Internal, NotFound, UpstreamClientError, ValidationError,
};
pub use transient::{ConnectFailed, NetworkTimeout, RateLimited, ServiceUnavailable};

type Text = Cow<'static, str>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Classify;
    use std::error::Error as _;
    use std::time::Duration;

    #[test]
    fn only_validation_and_not_found_errors_show_their_text_to_clients() {
        let shown: [&dyn Classify; 2] =
            [&ValidationError::new("age", "secret"), &NotFound::new("user", "secret")];
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
    fn rate_limited_wait_becomes_advice() {
        assert_eq!(RateLimited::new("a").classify().retry_after(), None);
        assert!(RateLimited::new("a").with_retry_after(Duration::ZERO).classify().is_retryable());
    }

    #[test]
    fn cause_is_in_the_chain_and_does_not_change_the_classification() {
        let error = NetworkTimeout::new("a", Duration::from_secs(1))
            .with_source(NotFound::new("user", "42"));
        assert!(error.source().unwrap().is::<NotFound>());
        assert_eq!(error.classify().code(), "NETWORK_TIMEOUT");
    }
}
