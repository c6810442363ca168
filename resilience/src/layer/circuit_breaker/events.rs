//! Circuit breaker events.

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::key_text::KeyText;
use super::retry_after::{RetryAfter, millis};
use super::{CountedFailure, StateChange};
use crate::layer::events::request_id;
use crate::layer::site::Site;

/// Emits an event about a dependency: of an annotated function, if there is one.
macro_rules! event {
    ($level:ident, $breaker:expr, $key:expr, $site:ident, $name:literal, $($field:tt)+) => {
        tracing::$level!(
            target: "resilience",
            service = $site.map_or($breaker, Site::service),
            function = $site.map(Site::function),
            dependency = $breaker,
            key = $key.get().as_deref(),
            request_id = request_id().as_deref(),
            $($field)+,
            $name
        )
    };
}

pub(super) fn state_change(change: &StateChange, key: &KeyText, site: Option<&Site>) {
    metric!(breaker_state(
        change.service,
        [change.old.level(), change.new.level()],
        change.new.as_str(),
        change.reason.as_str()
    ));
    event!(
        warn,
        change.service,
        key,
        site,
        "circuit_breaker_state_change",
        old_state = change.old.as_str(),
        new_state = change.new.as_str(),
        reason = change.reason.as_str(),
        window_calls = change.window.map(|window| window.calls),
        window_failures = change.window.map(|window| window.failures),
        window_slow_calls = change.window.map(|window| window.slow)
    );
}

/// DEBUG, because a retry or the error record logs the error itself. This event has the count.
pub(super) fn failure(failure: &CountedFailure, key: &KeyText, site: Option<&Site>) {
    metric!(breaker_failure(failure.service, failure.code));
    event!(
        debug,
        failure.service,
        key,
        site,
        "circuit_breaker_failure",
        code = failure.code,
        consecutive_failures = failure.window.is_none().then_some(failure.consecutive),
        window_calls = failure.window.map(|window| window.calls),
        window_failures = failure.window.map(|window| window.failures)
    );
}

#[inline]
pub(super) fn rejected(
    breaker: &'static str,
    key: &KeyText,
    site: Option<&Site>,
    retry_after: RetryAfter,
) {
    metric!(breaker_rejected(breaker));
    // The event asks for this itself, but its function needs much of the stack.
    if LevelFilter::current() >= LevelFilter::DEBUG {
        log_rejected(breaker, key, site, retry_after);
    }
}

#[cold]
#[inline(never)]
fn log_rejected(
    breaker: &'static str,
    key: &KeyText,
    site: Option<&Site>,
    retry_after: RetryAfter,
) {
    event!(
        debug,
        breaker,
        key,
        site,
        "circuit_breaker_rejected",
        retry_after_ms = retry_after.duration().map(millis)
    );
}

/// The caller has dropped a call. `waited` is the time since it first had to wait, if known.
pub(super) fn abandoned(
    breaker: &'static str,
    key: &KeyText,
    site: Option<&Site>,
    waited: Option<Duration>,
    counts_as_failure: bool,
) {
    event!(
        debug,
        breaker,
        key,
        site,
        "call_abandoned",
        waited_ms = waited.map(millis),
        counts_as_failure
    );
}

/// All breakers of a full set are open, so calls with new keys aren't guarded. Once per set.
pub(super) fn set_is_full(set: &'static str, site: Option<&Site>, max_keys: usize) {
    tracing::warn!(
        target: "resilience",
        service = site.map_or(set, Site::service),
        function = site.map(Site::function),
        dependency = set,
        request_id = request_id().as_deref(),
        max_keys,
        "circuit_breakers_full"
    );
}
