//! What the breaker logs; nothing without the feature `tracing`.

use super::{CountedFailure, RetryAfter, StateChange};

#[cfg(feature = "tracing")]
pub(super) fn state_change(change: &StateChange) {
    tracing::warn!(
        target: "resilience",
        service = change.service,
        old_state = change.old.as_str(),
        new_state = change.new.as_str(),
        reason = change.reason.as_str(),
        "circuit_breaker_state_change"
    );
}

#[cfg(feature = "tracing")]
pub(super) fn failure(failure: &CountedFailure) {
    tracing::warn!(
        target: "resilience",
        service = failure.service,
        code = failure.code,
        consecutive_failures = failure.consecutive,
        "circuit_breaker_failure"
    );
}

#[cfg(feature = "tracing")]
pub(super) fn rejected(service: &'static str, retry_after: RetryAfter) {
    tracing::debug!(
        target: "resilience",
        service,
        retry_after_ms = retry_after.duration().map(super::millis),
        "circuit_breaker_rejected"
    );
}

#[cfg(not(feature = "tracing"))]
pub(super) fn state_change(_: &StateChange) {}

#[cfg(not(feature = "tracing"))]
pub(super) fn failure(_: &CountedFailure) {}

#[cfg(not(feature = "tracing"))]
pub(super) fn rejected(_: &'static str, _: RetryAfter) {}
