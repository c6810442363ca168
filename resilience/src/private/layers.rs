//! The operations of the layers that only the expansion needs.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]

use std::fmt::Display;
use std::time::Duration;

use crate::circuit_breaker::Permit;
use crate::layer::circuit_breaker::{Began, OuterTimeout};
use crate::layer::classified::Classified;
use crate::layer::context::AttemptState;
use crate::layer::deadline::Deadline;
use crate::layer::site::Place;
use crate::registry::Site;
use crate::retry::{Attempts, RetryRules, Wait};
#[cfg(feature = "_sqlx")]
use crate::sql::TransactionAttempts;
use crate::{CircuitBreaker, Classify, Degrade, Rejected, Retry, RetryBudget};

/// Like [`CircuitBreaker::acquire`], with the maximum duration of the call.
#[inline]
pub fn acquire<P: Place + Copy>(
    breaker: &CircuitBreaker,
    longest: Option<Duration>,
    place: P,
) -> Result<Permit<'_, (), P>, Rejected> {
    breaker.acquire_for(longest, place)
}

/// Like [`acquire`], for a static breaker. Its first call lists it in the registry.
#[inline]
pub fn acquire_static<P: Place + Copy>(
    breaker: &'static CircuitBreaker,
    longest: Option<Duration>,
    place: P,
) -> Result<Permit<'static, (), P>, Rejected> {
    breaker.acquire_static(longest, place)
}

/// Records when a call without a timeout began, if the breaker needs it.
#[inline]
pub fn began<P: Place + Copy>(permit: Permit<'_, (), P>) -> Permit<'_, Began, P> {
    permit.began()
}

/// Attaches a timeout to a permit. If it is an enclosing one, and expires and drops the call, that
/// counts as a failure.
#[inline]
pub fn under<'a, 'd, P: Place + Copy>(
    permit: Permit<'a, (), P>,
    above: &'d Deadline<'d>,
) -> Permit<'a, &'d Deadline<'d>, P> {
    permit.under(above)
}

/// Records that the call succeeded.
#[inline]
pub fn succeeded<A: OuterTimeout, P: Place>(permit: Permit<'_, A, P>) {
    permit.succeeded();
}

/// Records the failure of a call. Logs once per site if the error is unclassified.
#[inline]
pub fn failed<E: Classify>(
    permit: Permit<'_, impl OuterTimeout, impl Place>,
    site: &Site,
    error: &E,
) {
    failed_by(permit, site, error, Classified::of);
}

/// Like [`failed`], with `classify = …`.
#[inline]
pub fn failed_by<E: Display>(
    permit: Permit<'_, impl OuterTimeout, impl Place>,
    site: &Site,
    error: &E,
    classify: impl FnOnce(&E) -> Classified<E>,
) {
    permit.failed(&site.classify(error, classify).class);
}

/// [`Attempts::judge`], for an error that classifies itself.
#[inline]
pub fn judge<E: Classify>(
    attempts: &mut Attempts,
    error: E,
    rules: RetryRules<'_>,
) -> Result<Wait, E> {
    attempts.judge(error, Classified::of, rules)
}

/// Like [`judge`], with `classify = …`.
#[inline]
pub fn judge_by<E: Display>(
    attempts: &mut Attempts,
    error: E,
    rules: RetryRules<'_>,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Result<Wait, E> {
    attempts.judge(error, classify, rules)
}

/// [`Degrade::activate`], for an error that classifies itself.
#[inline]
pub fn activate<E: Classify>(
    mode: Degrade,
    error: &E,
    fallback: &'static str,
    site: &Site,
) -> bool {
    mode.activate(error, Classified::of, fallback, site)
}

/// Like [`activate`], with `classify = …`.
#[inline]
pub fn activate_by<E: Display>(
    mode: Degrade,
    error: &E,
    fallback: &'static str,
    site: &Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> bool {
    mode.activate(error, classify, fallback, site)
}

/// Logs that the fallback failed too, with an error that classifies itself.
pub fn fallback_failed<E: Classify>(error: &E, fallback: &'static str, site: &Site) {
    Degrade::fallback_failed(error, Classified::of, fallback, site);
}

/// Like [`fallback_failed`], with `classify = …`.
pub fn fallback_failed_by<E: Display>(
    error: &E,
    fallback: &'static str,
    site: &Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) {
    Degrade::fallback_failed(error, classify, fallback, site);
}

/// [`TransactionAttempts::judge`], for an error that classifies itself.
#[cfg(feature = "_sqlx")]
#[inline]
pub fn repeat<E: Classify>(attempts: &mut TransactionAttempts<'_>, error: E) -> Result<Wait, E> {
    attempts.judge(error, Classified::of)
}

/// Like [`repeat`], with `classify = …`.
#[cfg(feature = "_sqlx")]
#[inline]
pub fn repeat_by<E: Display>(
    attempts: &mut TransactionAttempts<'_>,
    error: E,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Result<Wait, E> {
    attempts.judge(error, classify)
}

/// The state of the current attempt, for its frame.
#[inline]
pub const fn current(attempts: &Attempts) -> &AttemptState {
    attempts.current()
}

/// Like [`current`], for a body whose later steps may fail in a way that says nothing about the
/// earlier ones.
#[inline]
pub fn current_of_several_steps(attempts: &Attempts) -> &AttemptState {
    attempts.current_of_several_steps()
}

/// [`Attempts::succeeded`], for a call that must not be made twice.
#[inline]
pub fn succeeded_once(attempts: &Attempts, budget: &RetryBudget) {
    attempts.succeeded_once(budget);
}

/// [`Attempts::succeeded`], for a call whose policy says whether it may be made twice.
#[inline]
pub fn succeeded_under(attempts: &Attempts, policy: &Retry, budget: &RetryBudget) {
    attempts.succeeded_under(policy, budget);
}

/// Logs the success of a call that had to be repeated.
#[inline]
pub fn log_success(attempts: &Attempts, site: &Site) {
    attempts.log_success(site);
}

/// Logs the success of a transaction that had to be repeated.
#[cfg(feature = "_sqlx")]
#[inline]
pub fn log_repeats(attempts: &TransactionAttempts<'_>) {
    attempts.log_success();
}

/// The rules of a retry loop, with the layers around it and inside it.
#[inline]
pub const fn rules<'a>(
    policy: &'a Retry,
    budget: &'a RetryBudget,
    site: &'a Site,
    breaker: Option<&'a CircuitBreaker>,
    total: Option<&'a Deadline<'a>>,
    attempt: Option<&'a Deadline<'a>>,
    has_key: bool,
) -> RetryRules<'a> {
    RetryRules { policy, budget, site, breaker, total, attempt, has_key }
}

/// Whether the policy says if the operation is safe to repeat.
pub const fn says_whether_to_repeat(policy: &Retry) -> bool {
    policy.says_whether_to_repeat()
}

/// The maximum duration of a call whose attempts take at most `attempt` each.
pub fn longest_call(policy: &Retry, attempt: Duration) -> Duration {
    policy.longest_call(attempt)
}
