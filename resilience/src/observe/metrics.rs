//! Metrics of the layers, recorded through the facade of the crate
//! [`metrics`](https://docs.rs/metrics).
//!
//! Nothing has to be set up but a recorder, such as that of
//! [`metrics-exporter-prometheus`](https://docs.rs/metrics-exporter-prometheus).
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `resilience.retry.calls` | counter | `service`, `function`, `outcome` | calls of functions with `#[retry]`, by their result: `success`, `success_after_retry` or `failed` |
//! | `resilience.retry.attempts` | counter | `service`, `function`, `outcome` | their attempts, by result |
//! | `resilience.retry.scheduled` | counter | `service`, `function`, `code` | retries, by the error that caused them |
//! | `resilience.retry.stopped` | counter | `service`, `function`, `reason` | failed calls, by the reason why they weren't retried again |
//! | `resilience.retry.budget` | gauge, 0 to 1 | `service`, `function` | how full the budget is; set by each retry, and by each call that fails |
//! | `resilience.transaction.scheduled` | counter | `service`, `function`, `code` | repetitions of transactions |
//! | `resilience.transaction.stopped` | counter | `service`, `function`, `reason` | transactions that failed for good |
//! | `resilience.timeouts` | counter | `service`, `function` | calls and attempts that `#[timeout]` cut off |
//! | `resilience.degraded` | counter | `service`, `function`, `code`, `source` | answers in place of the callee's, by the error, and by their source: `cache` for a stale value, `default` for a fallback |
//! | `resilience.degradation.failed` | counter | `service`, `function` | fallbacks that failed too |
//! | `resilience.circuit_breaker.call.duration` | histogram, seconds | `circuit_breaker`, `outcome` | calls that the breaker admitted, from admission to result |
//! | `resilience.circuit_breaker.rejected` | counter | `circuit_breaker` | calls that it rejected |
//! | `resilience.circuit_breaker.failures` | counter | `circuit_breaker`, `code` | failures that it counted |
//! | `resilience.circuit_breaker.state` | gauge | `circuit_breaker` | 0 if calls get through, 1 half-open, 2 open; set when it changes. Of a set of breakers, that of the key that changed last |
//! | `resilience.circuit_breaker.open` | gauge | `circuit_breaker` | how many breakers of this name are open, such as those of a set; one that is dropped while it is open still counts |
//! | `resilience.circuit_breaker.transitions` | counter | `circuit_breaker`, `state`, `reason` | state changes, by the new state |
//!
//! The outcome of an attempt, and of a call through a breaker, is `success`, the error's category
//! (`transient`, `permanent`, `partial`, `fatal`, `unclassified`), or `rejected` for what a layer
//! itself refused or cut off. That of a call through a breaker can also be `abandoned`, if it was
//! dropped without a result, or `ignored`. A call whose result is a value that `retry_ok` wanted to
//! retry counts as `failed`.
//!
//! # Labels
//!
//! All values are constants of the program, so a metric has a bounded number of time series.
//! Prometheus' exporters write `_` for each `.`.
//!
//! | label | values | how many |
//! |---|---|---|
//! | `service` | the attribute's `service`, else the name of the breaker, else the function's name | one for each annotated function, or two if its breakers have several names |
//! | `function` | the name of the annotated function | one for each annotated function |
//! | `circuit_breaker` | the breaker's name; a set of keyed breakers has one for all its keys | one for each breaker or set |
//! | `code` | the error's code | one for each variant of the error types, and those of the library |
//! | `source` | `cache`, `default` | 2 |
//! | `outcome` of calls | `success`, `success_after_retry`, `failed` | 3 |
//! | `outcome` of attempts and breakers | the outcomes above | 7 of attempts, 9 of breakers |
//! | `reason` of `stopped` | those of the event [`retry_stopped`](crate#events) | 11 |
//! | `reason` of `transitions` | [`ChangeReason`](crate::circuit_breaker::ChangeReason) | 8 |
//! | `state` | [`CircuitState`](crate::circuit_breaker::CircuitState) | 6 |
//!
//! A key of `key = …` is never a label, since it may be personal and there may be many.
//!
//! # Cost
//!
//! Neither a success nor a failure allocates here, apart from the first use of each combination of
//! labels; a recorder may. Without a recorder, each metric costs a check whether there is one. To
//! measure durations, each call through a breaker reads the clock twice, and its
//! [`Permit`](crate::circuit_breaker::Permit), and so the future of the annotated function, is 8
//! bytes larger than without the feature.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! # use resilience::{Rejected, retry};
//! #[retry(idempotent, external_timeout)]
//! async fn stock() -> Result<u32, Rejected> {
//!     Ok(3)
//! }
//!
//! // With metrics-exporter-prometheus:
//! // let handle = PrometheusBuilder::new().install_recorder()?;
//! resilience::metrics::describe();
//! // … handle.render() on each scrape …
//! # }
//! ```

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Key, Level, Metadata, Unit, with_recorder};

use super::metric_keys::{Labels, key, with_key};
use crate::{Category, Classification};

/// Declares the metrics: a constant for each name, and the list of all.
macro_rules! metrics {
    ($($constant:ident = $name:literal, $describe:ident, $unit:expr, $text:literal;)+) => {
        $(const $constant: &str = $name;)+

        /// The names of all metrics.
        ///
        /// ```
        /// assert!(resilience::metrics::NAMES.contains(&"resilience.timeouts"));
        /// ```
        pub const NAMES: &[&str] = &[$($name),+];

        /// Gives each metric its unit and description, if the recorder that is installed keeps
        /// them.
        ///
        /// ```
        /// resilience::metrics::describe();
        /// ```
        pub fn describe() {
            $(metrics::$describe!($constant, $unit, $text);)+
        }
    };
}

metrics! {
    RETRY_CALLS = "resilience.retry.calls", describe_counter, Unit::Count,
        "Calls of functions with #[retry], by their result";
    RETRY_ATTEMPTS = "resilience.retry.attempts", describe_counter, Unit::Count,
        "Attempts of functions with #[retry], by their result";
    RETRY_SCHEDULED = "resilience.retry.scheduled", describe_counter, Unit::Count,
        "Retries, by the error that caused them";
    RETRY_STOPPED = "resilience.retry.stopped", describe_counter, Unit::Count,
        "Failed calls, by the reason why they were not retried again";
    RETRY_BUDGET = "resilience.retry.budget", describe_gauge, Unit::Percent,
        "How full the retry budget of a function is, from 0 to 1";
    TRANSACTION_SCHEDULED = "resilience.transaction.scheduled", describe_counter, Unit::Count,
        "Repetitions of transactions";
    TRANSACTION_STOPPED = "resilience.transaction.stopped", describe_counter, Unit::Count,
        "Transactions that failed for good";
    TIMEOUTS = "resilience.timeouts", describe_counter, Unit::Count,
        "Calls and attempts that #[timeout] cut off";
    DEGRADED = "resilience.degraded", describe_counter, Unit::Count,
        "Answers in place of the callee's, by the error and their source";
    DEGRADATION_FAILED = "resilience.degradation.failed", describe_counter, Unit::Count,
        "Fallbacks that failed too";
    BREAKER_DURATION = "resilience.circuit_breaker.call.duration", describe_histogram, Unit::Seconds,
        "Duration of the calls that a circuit breaker admitted";
    BREAKER_REJECTED = "resilience.circuit_breaker.rejected", describe_counter, Unit::Count,
        "Calls that a circuit breaker rejected";
    BREAKER_FAILURES = "resilience.circuit_breaker.failures", describe_counter, Unit::Count,
        "Failures that a circuit breaker counted";
    BREAKER_STATE = "resilience.circuit_breaker.state", describe_gauge, Unit::Count,
        "0 if calls get through, 1 half-open, 2 open";
    BREAKER_OPEN = "resilience.circuit_breaker.open", describe_gauge, Unit::Count,
        "How many circuit breakers of this name are open";
    BREAKER_TRANSITIONS = "resilience.circuit_breaker.transitions", describe_counter, Unit::Count,
        "State changes of circuit breakers, by the new state";
}

static METADATA: Metadata<'static> = Metadata::new("resilience", Level::INFO, Some(module_path!()));

const SUCCESS: &str = "success";

/// The level of an open circuit.
const OPEN: u8 = 2;

/// What the metrics of an annotated function are labelled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FunctionLabels {
    pub(crate) service: &'static str,
    pub(crate) function: &'static str,
}

impl FunctionLabels {
    const fn alone(self) -> Labels<2> {
        [("service", self.service), ("function", self.function)]
    }

    const fn with(self, name: &'static str, value: &'static str) -> Labels<3> {
        [("service", self.service), ("function", self.function), (name, value)]
    }
}

fn count<const N: usize>(name: &'static str, labels: Labels<N>) {
    with_key(name, labels, |key| {
        with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(1));
    });
}

fn set<const N: usize>(name: &'static str, labels: Labels<N>, value: f64) {
    with_key(name, labels, |key| {
        with_recorder(|recorder| recorder.register_gauge(key, &METADATA).set(value));
    });
}

fn record<const N: usize>(name: &'static str, labels: Labels<N>, duration: Duration) {
    with_key(name, labels, |key| {
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(duration));
    });
}

/// The keys for the successes of an annotated function. They are built once, because a success must
/// not allocate.
#[derive(Debug)]
pub(crate) struct RetryMetrics(OnceLock<RetryKeys>);

#[derive(Debug)]
struct RetryKeys {
    first_try: Key,
    after_retry: Key,
    attempt: Key,
}

impl RetryMetrics {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn succeeded(&self, function: impl FnOnce() -> FunctionLabels, attempts: u32) {
        let keys = self.0.get_or_init(|| {
            let function = function();
            let call = |outcome| key(RETRY_CALLS, function.with("outcome", outcome));
            RetryKeys {
                first_try: call(SUCCESS),
                after_retry: call("success_after_retry"),
                attempt: key(RETRY_ATTEMPTS, function.with("outcome", SUCCESS)),
            }
        });
        let call = if attempts > 1 { &keys.after_retry } else { &keys.first_try };
        with_recorder(|recorder| {
            recorder.register_counter(call, &METADATA).increment(1);
            recorder.register_counter(&keys.attempt, &METADATA).increment(1);
        });
    }
}

/// The key for the successes of a circuit breaker.
#[derive(Debug)]
pub(crate) struct BreakerMetrics(OnceLock<Key>);

impl BreakerMetrics {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn succeeded(&self, breaker: &'static str, duration: Duration) {
        let key = self.0.get_or_init(|| key(BREAKER_DURATION, breaker_outcome(breaker, SUCCESS)));
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(duration));
    }
}

const fn breaker_outcome(breaker: &'static str, outcome: &'static str) -> Labels<2> {
    [("circuit_breaker", breaker), ("outcome", outcome)]
}

/// The name of an error's outcome.
pub(crate) fn outcome(class: &Classification) -> &'static str {
    match class.category() {
        _ if class.rejected().is_some() => "rejected",
        None => "unclassified",
        Some(Category::Transient) => "transient",
        Some(Category::Permanent) => "permanent",
        Some(Category::Partial) => "partial",
        Some(Category::Fatal) => "fatal",
    }
}

pub(crate) fn attempt_failed(function: FunctionLabels, class: &Classification) {
    count(RETRY_ATTEMPTS, function.with("outcome", outcome(class)));
}

pub(crate) fn retry_scheduled(function: FunctionLabels, code: &'static str) {
    count(RETRY_SCHEDULED, function.with("code", code));
}

pub(crate) fn retry_stopped(function: FunctionLabels, reason: &'static str) {
    count(RETRY_CALLS, function.with("outcome", "failed"));
    count(RETRY_STOPPED, function.with("reason", reason));
}

/// `level` is from 0 to 1.
pub(crate) fn retry_budget(function: FunctionLabels, level: f64) {
    set(RETRY_BUDGET, function.alone(), level);
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_scheduled(function: FunctionLabels, code: &'static str) {
    count(TRANSACTION_SCHEDULED, function.with("code", code));
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_stopped(function: FunctionLabels, reason: &'static str) {
    count(TRANSACTION_STOPPED, function.with("reason", reason));
}

pub(crate) fn timed_out(function: FunctionLabels) {
    count(TIMEOUTS, function.alone());
}

/// `source` is that of the event.
pub(crate) fn degraded(function: FunctionLabels, code: &'static str, source: &'static str) {
    let FunctionLabels { service, function } = function;
    let labels = [("service", service), ("function", function), ("code", code), ("source", source)];
    count(DEGRADED, labels);
}

pub(crate) fn degradation_failed(function: FunctionLabels) {
    count(DEGRADATION_FAILED, function.alone());
}

pub(crate) fn breaker_call_failed(
    breaker: &'static str,
    outcome: &'static str,
    duration: Duration,
) {
    record(BREAKER_DURATION, breaker_outcome(breaker, outcome), duration);
}

pub(crate) fn breaker_rejected(breaker: &'static str) {
    count(BREAKER_REJECTED, [("circuit_breaker", breaker)]);
}

pub(crate) fn breaker_failure(breaker: &'static str, code: &'static str) {
    count(BREAKER_FAILURES, [("circuit_breaker", breaker), ("code", code)]);
}

/// The old and the new `levels` are those of the gauge, and `state` is the name of the new one.
pub(crate) fn breaker_state(
    breaker: &'static str,
    levels: [u8; 2],
    state: &'static str,
    reason: &'static str,
) {
    set(BREAKER_STATE, [("circuit_breaker", breaker)], f64::from(levels[1]));
    // A set has one gauge for all its keys.
    with_key(BREAKER_OPEN, [("circuit_breaker", breaker)], |key| {
        with_recorder(|recorder| {
            let gauge = recorder.register_gauge(key, &METADATA);
            match levels.map(|level| level == OPEN) {
                [false, true] => gauge.increment(1.0),
                [true, false] => gauge.decrement(1.0),
                _ => {}
            }
        });
    });
    let labels = [("circuit_breaker", breaker), ("state", state), ("reason", reason)];
    count(BREAKER_TRANSITIONS, labels);
}
