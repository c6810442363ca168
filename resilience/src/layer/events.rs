//! The `tracing` events of the layers, with target `resilience` and the event's name as the
//! message.
//!
//! An error is in two fields, `error` and `error.chain`, which [`LogText`] formats.
//!
//! [`LogText`]: crate::error::log_text::LogText

use std::cell::LazyCell;
#[cfg(feature = "dead-letter")]
use std::fmt::Display;
use std::time::Duration;

use tracing::{debug, info, warn};

#[cfg(feature = "dead-letter")]
use crate::error::log_text::LogText;
use crate::error::log_text::Loggable;
use crate::error::taxonomy::LastFailure;
use crate::layer::site::{Once, Site};
#[cfg(feature = "boundary")]
pub(crate) use crate::observe::request::request_id;
use crate::support::escape;
use crate::{Advice, Classification};

/// Why no further retry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    Permanent,
    /// The attribute's `when` is false.
    Condition,
    Unclassified,
    AttemptsExhausted,
    Deadline,
    Budget,
    CircuitOpen,
    RetryAfterTooLong,
    NotIdempotent,
    NeedsTransaction,
    AlreadyRetried,
}

impl Stopped {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Condition => "condition",
            Self::Unclassified => "unclassified",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::CircuitOpen => "circuit_open",
            Self::RetryAfterTooLong => "retry_after_too_long",
            Self::NotIdempotent => "not_idempotent",
            Self::NeedsTransaction => "needs_transaction",
            Self::AlreadyRetried => "already_retried",
        }
    }

    /// Whether the calls around must not start over: the operation has been repeated as often as it
    /// may be.
    pub(crate) const fn gives_up_after_retries(self, retried: bool) -> bool {
        match self {
            Self::AttemptsExhausted | Self::Deadline => retried,
            Self::Budget => true,
            _ => false,
        }
    }

    /// The reason why an error isn't retryable.
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

/// Emits an event of an annotated function. `dependency` is evaluated only if the event is enabled.
macro_rules! event {
    ($level:ident, $site:ident, $dependency:expr, $name:literal $(, $($field:tt)+)?) => {
        $level!(
            target: "resilience",
            service = $site.service(),
            function = $site.function(),
            dependency = $dependency.map(escape::name).as_deref(),
            request_id = request_id().as_deref(),
            $($($field)+,)?
            $name
        )
    };
}

/// The dependency of a function, if its label names one.
fn labelled(site: &Site) -> Option<&'static str> {
    Some(site.service()).filter(|service| *service != site.function())
}

#[cfg(not(feature = "boundary"))]
pub(crate) fn request_id() -> Option<String> {
    None
}

/// Emits an event about an error. It is formatted once, and only if the event is enabled.
macro_rules! error_event {
    ($level:ident, $site:ident, $error:ident, $name:literal $(, $($field:tt)+)?) => {
        let text = LazyCell::new(|| $error.text());
        event!($level, $site, $error.dependency().or(labelled($site)), $name $(, $($field)+)?,
            error = text.message.as_str(),
            error.chain = text.causes.as_deref()
        );
    };
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn retry_scheduled(
    site: &Site,
    error: &dyn Loggable,
    class: &Classification,
    attempt: u32,
    attempts: u32,
    delay: Duration,
) {
    metric!(retry_scheduled(site.labels(), class.code()));
    error_event!(
        info,
        site,
        error,
        "retry_scheduled",
        attempt,
        max_attempts = attempts,
        delay_ms = millis(delay),
        code = class.code()
    );
}

/// A retry is about to block a thread of a runtime.
pub(crate) fn retry_blocks_runtime(site: &Site, delay: Duration) {
    if site.first(Once::Blocks) {
        event!(
            warn,
            site,
            labelled(site),
            "retry_blocks_runtime",
            delay_ms = millis(delay),
            help = "the delay blocks the thread and all tasks on it; write an `async fn`, or \
                    `blocking` in the attribute if the call is in `spawn_blocking`"
        );
    }
}

/// A call has succeeded after so many attempts.
#[cold]
pub(crate) fn retry_succeeded(site: &Site, attempts: u32) {
    event!(debug, site, labelled(site), "retry_succeeded", attempts);
}

const BUDGET_HELP: &str = "the retry budget is spent; calls of this function and other users of the \
                           budget share it, also parallel tests unless they are isolated, see \
                           resilience::testing";

pub(crate) fn retry_stopped(
    site: &Site,
    error: &dyn Loggable,
    class: &Classification,
    reason: Stopped,
    attempts: u32,
    elapsed: Duration,
) {
    metric!(retry_stopped(site.labels(), reason.as_str()));
    // The breaker has refused the call, and logs that itself.
    if attempts == 0 {
        return;
    }
    let help = (reason == Stopped::Budget).then_some(BUDGET_HELP);
    macro_rules! stopped {
        ($level:ident) => {
            error_event!(
                $level,
                site,
                error,
                "retry_stopped",
                reason = reason.as_str(),
                attempts,
                elapsed_ms = millis(elapsed),
                code = class.code(),
                help
            )
        };
    }
    // An error that isn't to be retried is normal on the first attempt. Anything else means that a
    // retry was lost, which operators should know.
    if attempts <= 1 && matches!(reason, Stopped::Permanent | Stopped::Condition) {
        stopped!(debug);
    } else {
        stopped!(warn);
    }
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_retry(
    site: &Site,
    error: &dyn Loggable,
    class: &Classification,
    attempt: u32,
    attempts: u32,
    delay: Duration,
) {
    metric!(transaction_scheduled(site.labels(), class.code()));
    error_event!(
        info,
        site,
        error,
        "transaction_retry",
        attempt,
        max_attempts = attempts,
        delay_ms = millis(delay),
        code = class.code()
    );
}

#[cfg(feature = "_sqlx")]
#[cold]
pub(crate) fn transaction_succeeded(site: &Site, attempts: u32) {
    event!(debug, site, labelled(site), "transaction_succeeded", attempts);
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_stopped(
    site: &Site,
    error: &dyn Loggable,
    class: &Classification,
    reason: Stopped,
    attempts: u32,
) {
    metric!(transaction_stopped(site.labels(), reason.as_str()));
    error_event!(
        warn,
        site,
        error,
        "transaction_stopped",
        reason = reason.as_str(),
        attempts,
        code = class.code()
    );
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_rollback_failed(site: &Site, error: &dyn Loggable) {
    error_event!(warn, site, error, "transaction_rollback_failed");
}

/// DEBUG, because an outer layer or the error record logs the resulting error.
pub(crate) fn call_timed_out(site: &Site, after: Duration, failure: Option<&LastFailure>) {
    metric!(timed_out(site.labels()));
    event!(
        debug,
        site,
        labelled(site),
        "call_timed_out",
        timeout_ms = millis(after),
        last_failure = failure.map(tracing::field::display)
    );
}

pub(crate) fn degraded(
    site: &Site,
    error: &dyn Loggable,
    error_type: &'static str,
    class: &Classification,
    fallback: Option<&'static str>,
    source: &'static str,
    age: Option<Duration>,
) {
    metric!(degraded(site.labels(), class.code(), source));
    error_event!(
        warn,
        site,
        error,
        "graceful_degradation_activated",
        error_type,
        code = class.code(),
        source,
        age_ms = age.map(millis),
        fallback
    );
}

/// A task couldn't refresh a stale value. `keeps` says whether the value can still be the answer.
#[cfg(feature = "stale")]
pub(crate) fn refresh_failed(
    site: &Site,
    error: &dyn Loggable,
    error_type: &'static str,
    class: &Classification,
    keeps: bool,
) {
    macro_rules! failed {
        ($level:ident) => {
            error_event!(
                $level,
                site,
                error,
                "stale_refresh_failed",
                error_type,
                code = class.code()
            )
        };
    }
    // A definite answer, such as "no such item", is normal. The next caller gets it.
    if keeps {
        failed!(warn);
    } else {
        failed!(debug);
    }
}

/// Once for each change, and not for each call.
#[cfg_attr(
    not(feature = "boundary"),
    allow(clippy::needless_option_as_deref, reason = "there are no ids")
)]
pub(crate) fn flag_changed(flag: &str, on: bool, by: &'static str) {
    warn!(
        target: "resilience",
        request_id = request_id().as_deref(),
        flag = &*escape::name(flag),
        on,
        by,
        "flag_changed"
    );
}

/// A flag can't be asked for, and stays as it is. Once until it can.
#[cfg(feature = "open-feature")]
pub(crate) fn flag_not_refreshed(flag: &str, code: &'static str) {
    warn!(target: "resilience", flag = &*escape::name(flag), code, "flag_not_refreshed");
}

pub(crate) fn degradation_failed(
    site: &Site,
    fallback_error: &dyn Loggable,
    fallback: &'static str,
) {
    metric!(degradation_failed(site.labels()));
    let text = LazyCell::new(|| fallback_error.text());
    event!(
        warn,
        site,
        labelled(site),
        "degradation_failed",
        fallback_error = text.message.as_str(),
        fallback_error.chain = text.causes.as_deref(),
        fallback
    );
}

/// A message goes back to its source, and no letter is made of it.
#[cfg(feature = "dead-letter")]
pub(crate) fn message_retry(
    site: &Site,
    error: &dyn Loggable,
    class: &Classification,
    queue: &str,
    reason: &'static str,
) {
    error_event!(
        info,
        site,
        error,
        "message_retry",
        queue = &*escape::name(queue),
        reason,
        code = class.code()
    );
}

/// What events say of a letter.
#[cfg(feature = "dead-letter")]
pub(crate) struct LetterInfo<'a> {
    pub(crate) queue: &'a str,
    pub(crate) reason: &'static str,
    pub(crate) attempts: u32,
    pub(crate) code: &'a str,
    pub(crate) error_type: &'a str,
    pub(crate) error: &'a str,
    pub(crate) causes: Option<&'a str>,
}

#[cfg(feature = "dead-letter")]
pub(crate) fn message_sent_to_dlq(site: &Site, letter: &LetterInfo<'_>, id: &dyn Display) {
    event!(
        warn,
        site,
        labelled(site),
        "message_sent_to_dlq",
        queue = &*escape::name(letter.queue),
        letter_id = %id,
        reason = letter.reason,
        code = letter.code,
        error_type = letter.error_type,
        attempts = letter.attempts,
        error = letter.error,
        error.chain = letter.causes
    );
}

/// A letter isn't stored, so its message must not be acknowledged.
#[cfg(feature = "dead-letter")]
pub(crate) fn dead_letter_failed(
    site: &Site,
    letter: &LetterInfo<'_>,
    store_error: &LogText,
    store: &'static str,
    help: Option<&'static str>,
) {
    event!(
        warn,
        site,
        labelled(site),
        "dead_letter_failed",
        queue = &*escape::name(letter.queue),
        code = letter.code,
        store,
        store_error = store_error.message.as_str(),
        store_error.chain = store_error.causes.as_deref(),
        help
    );
}

pub(crate) fn unclassified(site: &Site, error: &dyn Loggable, error_type: &'static str) {
    if site.first(Once::Unclassified) {
        error_event!(
            warn,
            site,
            error,
            "unclassified_error",
            error_type,
            help = "classify it with #[derive(ServiceError)] or `classify = …`"
        );
    }
}

/// A request is about to be sent without the idempotency key that it should have.
#[cfg(any(feature = "reqwest", feature = "tonic"))]
pub(crate) fn idempotency_key_missing() {
    warn!(
        target: "resilience",
        request_id = request_id().as_deref(),
        help = "write `#[retry(idempotency_key)]` on the call, start tasks with \
                `resilience::spawn`, or use `with_idempotency_key_if_any`",
        "idempotency_key_missing"
    );
}

pub(crate) fn clamped(site: &Site, option: &'static str, help: &'static str) {
    if site.first(Once::Clamped) {
        event!(warn, site, labelled(site), "option_out_of_range", option, help);
    }
}
