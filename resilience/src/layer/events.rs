//! What the layers tell: one `tracing` event per fact, target `resilience`, the name as its
//! message.
//!
//! Errors come as [`Shown`](crate::layer::classified::Shown), so that their texts are fit for logs. Without the
//! feature `tracing` every function here is empty.

use std::fmt::Display;
use std::time::Duration;

use crate::layer::site::Site;
use crate::{Advice, Classification};

/// Why no further retry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    Permanent,
    Unclassified,
    AttemptsExhausted,
    Deadline,
    Budget,
    CircuitOpen,
    RetryAfterTooLong,
    NotIdempotent,
    NeedsTransaction,
}

impl Stopped {
    #[cfg(feature = "tracing")]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Unclassified => "unclassified",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::CircuitOpen => "circuit_open",
            Self::RetryAfterTooLong => "retry_after_too_long",
            Self::NotIdempotent => "not_idempotent",
            Self::NeedsTransaction => "needs_transaction",
        }
    }

    /// Why an error that isn't retryable isn't.
    pub(crate) const fn not_retryable(error: &Classification) -> Self {
        match (error.category(), error.advice()) {
            (None, _) => Self::Unclassified,
            (
                Some(crate::Category::Transient),
                Advice::RetryTransactionOnce | Advice::RetryTransaction,
            ) => Self::NeedsTransaction,
            _ => Self::Permanent,
        }
    }
}

#[cfg(feature = "tracing")]
mod emit {
    use super::{Classification, Display, Duration, Site, Stopped};
    use crate::layer::site::Once;
    use tracing::{debug, info, warn};

    const TARGET: &str = "resilience";

    fn millis(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn retry_scheduled(
        site: &Site,
        error: &dyn Display,
        class: &Classification,
        attempt: u32,
        attempts: u32,
        delay: Duration,
    ) {
        info!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            attempt,
            max_attempts = attempts,
            delay_ms = millis(delay),
            code = class.code(),
            error = %error,
            "retry_scheduled"
        );
    }

    pub(crate) fn retry_stopped(
        site: &Site,
        error: &dyn Display,
        class: &Classification,
        reason: Stopped,
        attempts: u32,
        elapsed: Duration,
    ) {
        macro_rules! stopped {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    service = site.service(),
                    function = site.function(),
                    reason = reason.as_str(),
                    attempts,
                    elapsed_ms = millis(elapsed),
                    code = class.code(),
                    error = %error,
                    "retry_stopped"
                )
            };
        }
        // A call whose first answer is final isn't news for an operator; one that had a retry
        // coming and lost it is.
        if attempts <= 1 && matches!(reason, Stopped::Permanent) {
            stopped!(debug);
        } else {
            stopped!(warn);
        }
    }

    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_retry(
        site: &Site,
        error: &dyn Display,
        class: &Classification,
        attempt: u32,
        attempts: u32,
        delay: Duration,
    ) {
        info!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            attempt,
            max_attempts = attempts,
            delay_ms = millis(delay),
            code = class.code(),
            error = %error,
            "transaction_retry"
        );
    }

    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_stopped(
        site: &Site,
        error: &dyn Display,
        class: &Classification,
        reason: Stopped,
        attempts: u32,
    ) {
        warn!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            reason = reason.as_str(),
            attempts,
            code = class.code(),
            error = %error,
            "transaction_stopped"
        );
    }

    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_rollback_failed(site: &Site, error: &dyn Display) {
        warn!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            error = %error,
            "transaction_rollback_failed"
        );
    }

    pub(crate) fn call_timed_out(site: &Site, after: Duration) {
        warn!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            timeout_ms = millis(after),
            "call_timed_out"
        );
    }

    pub(crate) fn degraded(
        site: &Site,
        error: &dyn Display,
        error_type: &'static str,
        class: &Classification,
        fallback: &'static str,
    ) {
        warn!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            error_type,
            code = class.code(),
            error = %error,
            fallback,
            "graceful_degradation_activated"
        );
    }

    pub(crate) fn degradation_failed(
        site: &Site,
        fallback_error: &dyn Display,
        fallback: &'static str,
    ) {
        warn!(
            target: TARGET,
            service = site.service(),
            function = site.function(),
            fallback_error = %fallback_error,
            fallback,
            "degradation_failed"
        );
    }

    pub(crate) fn unclassified(site: &Site, error: &dyn Display, error_type: &'static str) {
        if site.first(Once::Unclassified) {
            warn!(
                target: TARGET,
                service = site.service(),
                function = site.function(),
                error_type,
                error = %error,
                help = "say what it is with #[derive(ServiceError)] or `classify = …`",
                "unclassified_error"
            );
        }
    }

    pub(crate) fn clamped(site: &Site, option: &'static str, help: &'static str) {
        if site.first(Once::Clamped) {
            warn!(
                target: TARGET,
                service = site.service(),
                function = site.function(),
                option,
                help,
                "option_out_of_range"
            );
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod emit {
    use super::{Classification, Display, Duration, Site, Stopped};

    pub(crate) fn retry_scheduled(
        _: &Site,
        _: &dyn Display,
        _: &Classification,
        _: u32,
        _: u32,
        _: Duration,
    ) {
    }
    pub(crate) fn retry_stopped(
        _: &Site,
        _: &dyn Display,
        _: &Classification,
        _: Stopped,
        _: u32,
        _: Duration,
    ) {
    }
    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_retry(
        _: &Site,
        _: &dyn Display,
        _: &Classification,
        _: u32,
        _: u32,
        _: Duration,
    ) {
    }
    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_stopped(
        _: &Site,
        _: &dyn Display,
        _: &Classification,
        _: Stopped,
        _: u32,
    ) {
    }
    #[cfg(feature = "_sqlx")]
    pub(crate) fn transaction_rollback_failed(_: &Site, _: &dyn Display) {}
    pub(crate) fn call_timed_out(_: &Site, _: Duration) {}
    pub(crate) fn degraded(
        _: &Site,
        _: &dyn Display,
        _: &'static str,
        _: &Classification,
        _: &'static str,
    ) {
    }
    pub(crate) fn degradation_failed(_: &Site, _: &dyn Display, _: &'static str) {}
    pub(crate) fn unclassified(_: &Site, _: &dyn Display, _: &'static str) {}
    pub(crate) fn clamped(_: &Site, _: &'static str, _: &'static str) {}
}

pub(crate) use emit::*;
