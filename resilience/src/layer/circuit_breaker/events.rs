//! Circuit breaker events.

use super::{CountedFailure, RetryAfter, StateChange};

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

pub(super) fn failure(failure: &CountedFailure) {
    tracing::warn!(
        target: "resilience",
        service = failure.service,
        code = failure.code,
        consecutive_failures = failure.consecutive,
        "circuit_breaker_failure"
    );
}

pub(super) fn rejected(service: &'static str, retry_after: RetryAfter) {
    tracing::debug!(
        target: "resilience",
        service,
        retry_after_ms = retry_after.duration().map(super::millis),
        "circuit_breaker_rejected"
    );
}
