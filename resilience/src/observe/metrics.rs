//! Metrics of the layers, recorded through the facade of the crate
//! [`metrics`](https://docs.rs/metrics).
//!
//! Nothing has to be set up but a recorder, such as that of
//! [`metrics-exporter-prometheus`](https://docs.rs/metrics-exporter-prometheus). Without one, each
//! metric costs a check whether there is one.
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
//! | `resilience.circuit_breaker.state` | gauge | `circuit_breaker` | 0 if calls get through, 1 half-open, 2 open; set when it changes |
//! | `resilience.circuit_breaker.transitions` | counter | `circuit_breaker`, `state`, `reason` | state changes, by the new state |
//!
//! The outcome of an attempt, and of a call through a breaker, is `success`, the error's category
//! (`transient`, `permanent`, `partial`, `fatal`, `unclassified`), or `rejected` for what a layer
//! itself refused or cut off. That of a call through a breaker can also be `abandoned`, if it was
//! dropped without a result, or `ignored`. A call whose result is a value that `retry_ok` wanted to
//! retry counts as `failed`.
//!
//! Labels have bounded cardinality: names of functions, labels and breakers, and codes, are
//! constants of the program. Prometheus' exporters write `_` for each `.`.
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

use metrics::{Key, Label, Level, Metadata, Unit, counter, gauge, with_recorder};

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
    BREAKER_TRANSITIONS = "resilience.circuit_breaker.transitions", describe_counter, Unit::Count,
        "State changes of circuit breakers, by the new state";
}

static METADATA: Metadata<'static> = Metadata::new("resilience", Level::INFO, Some(module_path!()));

const SUCCESS: &str = "success";

/// What the metrics of an annotated function are labelled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FunctionLabels {
    pub(crate) service: &'static str,
    pub(crate) function: &'static str,
}

impl FunctionLabels {
    fn with(self, name: &'static str, value: &'static str) -> Vec<Label> {
        labels([("service", self.service), ("function", self.function), (name, value)])
    }
}

/// A name and a value each.
fn labels<const N: usize>(labels: [(&'static str, &'static str); N]) -> Vec<Label> {
    labels.into_iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
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
            let call = |outcome| Key::from_parts(RETRY_CALLS, function.with("outcome", outcome));
            RetryKeys {
                first_try: call(SUCCESS),
                after_retry: call("success_after_retry"),
                attempt: Key::from_parts(RETRY_ATTEMPTS, function.with("outcome", SUCCESS)),
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
        let key = self.0.get_or_init(|| breaker_key(breaker, SUCCESS));
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(duration));
    }
}

fn breaker_key(breaker: &'static str, outcome: &'static str) -> Key {
    Key::from_parts(BREAKER_DURATION, labels([("circuit_breaker", breaker), ("outcome", outcome)]))
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
    counter!(RETRY_ATTEMPTS, function.with("outcome", outcome(class))).increment(1);
}

pub(crate) fn retry_scheduled(function: FunctionLabels, code: &'static str) {
    counter!(RETRY_SCHEDULED, function.with("code", code)).increment(1);
}

pub(crate) fn retry_stopped(function: FunctionLabels, reason: &'static str) {
    counter!(RETRY_CALLS, function.with("outcome", "failed")).increment(1);
    counter!(RETRY_STOPPED, function.with("reason", reason)).increment(1);
}

/// `level` is from 0 to 1.
pub(crate) fn retry_budget(function: FunctionLabels, level: f64) {
    let FunctionLabels { service, function } = function;
    gauge!(RETRY_BUDGET, "service" => service, "function" => function).set(level);
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_scheduled(function: FunctionLabels, code: &'static str) {
    counter!(TRANSACTION_SCHEDULED, function.with("code", code)).increment(1);
}

#[cfg(feature = "_sqlx")]
pub(crate) fn transaction_stopped(function: FunctionLabels, reason: &'static str) {
    counter!(TRANSACTION_STOPPED, function.with("reason", reason)).increment(1);
}

pub(crate) fn timed_out(function: FunctionLabels) {
    let FunctionLabels { service, function } = function;
    counter!(TIMEOUTS, "service" => service, "function" => function).increment(1);
}

/// `source` is that of the event.
pub(crate) fn degraded(function: FunctionLabels, code: &'static str, source: &'static str) {
    let mut labels = function.with("code", code);
    labels.push(Label::from_static_parts("source", source));
    counter!(DEGRADED, labels).increment(1);
}

pub(crate) fn degradation_failed(function: FunctionLabels) {
    let FunctionLabels { service, function } = function;
    counter!(DEGRADATION_FAILED, "service" => service, "function" => function).increment(1);
}

pub(crate) fn breaker_call_failed(
    breaker: &'static str,
    outcome: &'static str,
    duration: Duration,
) {
    let key = breaker_key(breaker, outcome);
    with_recorder(|recorder| recorder.register_histogram(&key, &METADATA).record(duration));
}

pub(crate) fn breaker_rejected(breaker: &'static str) {
    counter!(BREAKER_REJECTED, "circuit_breaker" => breaker).increment(1);
}

pub(crate) fn breaker_failure(breaker: &'static str, code: &'static str) {
    counter!(BREAKER_FAILURES, "circuit_breaker" => breaker, "code" => code).increment(1);
}

/// `level` is that of the gauge, and `state` its name.
pub(crate) fn breaker_state(
    breaker: &'static str,
    level: u8,
    state: &'static str,
    reason: &'static str,
) {
    gauge!(BREAKER_STATE, "circuit_breaker" => breaker).set(f64::from(level));
    let labels = labels([("circuit_breaker", breaker), ("state", state), ("reason", reason)]);
    counter!(BREAKER_TRANSITIONS, labels).increment(1);
}
