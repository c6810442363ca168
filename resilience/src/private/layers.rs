//! The operations of the layers that only the expansion needs.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::Sleep;

use crate::circuit_breaker::{KeyedCircuitBreaker, Permit};
use crate::layer::attempt::{Attempt, By, ByItself, Conversions, Repeated, Unguarded, Waiting};
use crate::layer::circuit_breaker::{Guard, GuardedBy, Held, KeyHash, KeyedPlace};
use crate::layer::classified::Classified;
use crate::layer::context::{self, AttemptState, Key, Scoped, Visible, WithKey};
use crate::layer::deadline::{Deadline, OuterTimeout};
use crate::layer::site::Label;
use crate::registry::Site;
use crate::retry::{Attempts, RetryRules, Wait};
#[cfg(feature = "_sqlx")]
use crate::sql::TransactionAttempts;
use crate::taxonomy::FromRejected;
use crate::{CircuitBreaker, CircuitBreakers, Classify, Degrade, Rejected, Retry, RetryBudget};

/// The site of a function that takes its label from a static breaker.
pub const fn site_of_breaker(
    breaker: &'static dyn Label,
    function: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
) -> Site {
    Site::new(function, function, module, file, line).labelled_by(breaker)
}

/// Records which breaker a call uses, for the site's label.
#[inline]
pub fn uses_breaker(site: &Site, breaker: &CircuitBreaker) {
    site.uses_breaker(breaker.name());
}

/// Like [`uses_breaker`], for a breaker that isn't a static, which is listed then. Returns the one
/// that has the state.
#[inline]
pub fn listed<'a>(breaker: &'a CircuitBreaker, site: &Site) -> &'a CircuitBreaker {
    uses_breaker(site, breaker);
    breaker.listed_place()
}

/// A breaker that isn't a static, for the function that it guards.
#[inline]
pub const fn held<'a>(breaker: &'a CircuitBreaker, site: &'static Site) -> Held<'a> {
    Held { breaker, site }
}

/// Records which set of breakers a call uses, for the site's label.
#[inline]
pub fn uses_set<K: ?Sized>(site: &Site, set: &CircuitBreakers<K>) {
    site.uses_breaker(set.name());
}

/// The breaker of a key, for the function that it guards.
#[inline]
pub fn keyed<'a, K: ?Sized>(
    set: &'a CircuitBreakers<K>,
    key: KeyHash,
    site: &'static Site,
) -> KeyedPlace<'a> {
    set.place(key, site)
}

/// The breaker of a key, for [`rules_of_key`].
pub fn breaker_of_key<K: ?Sized>(
    set: &CircuitBreakers<K>,
    key: KeyHash,
) -> KeyedCircuitBreaker<'_, ()> {
    set.breaker(key)
}

/// Adds the breaker of a key inside the loop.
pub const fn rules_of_key<'a>(
    mut rules: RetryRules<'a>,
    breaker: &'a KeyedCircuitBreaker<'_, ()>,
) -> RetryRules<'a> {
    rules.breaker = Some(breaker);
    rules
}

/// The attempt of a retried call, for its body. It waits before it begins.
#[inline]
pub const fn waiting(attempts: &Attempts) -> Waiting<'_, ()> {
    Waiting::new(attempts)
}

/// Like [`waiting`], with the call's idempotency key.
#[inline]
pub const fn waiting_with_key<'a>(
    attempts: &'a Attempts,
    key: &'a Key<'a>,
) -> Waiting<'a, &'a Key<'a>> {
    Waiting::new(attempts).with_key(key)
}

/// Makes an attempt visible to its body.
#[inline]
pub fn scoped<T>(
    visible: impl Visible,
    above: impl OuterTimeout,
    call: impl Future<Output = T>,
) -> impl Future<Output = T> {
    Scoped::new(visible, above, call)
}

/// Makes an attempt visible to its body, which isn't async.
#[inline]
pub fn run_scoped<T>(visible: &impl Visible, body: impl FnOnce() -> T) -> T {
    visible.during(None, body)
}

/// An attempt with a timeout. Takes the deadline itself if nothing else reads it.
#[inline]
#[expect(clippy::type_complexity, reason = "the parts of the attempt, each of which it names")]
pub const fn timed<F, R, D: OuterTimeout, S: Fn() -> &'static Site, C>(
    repeated: R,
    deadline: D,
    site: S,
    call: F,
    reject: C,
) -> Attempt<F, R, Unguarded<D, S>, Option<Sleep>, By<C, ()>> {
    Attempt::new(call, None, repeated, Unguarded { deadline, site }, By(reject, ()))
}

/// An attempt through a circuit breaker.
#[inline]
pub fn guarded<'a, F, R, A: OuterTimeout, G: GuardedBy, C>(
    visible: R,
    above: A,
    breaker: G,
    call: F,
    convert: C,
) -> Attempt<F, R, Permit<'a, A, G>, (), C> {
    Attempt::new(call, (), visible, Permit::vacant(above, breaker).granted_at_once(), convert)
}

/// An attempt through a circuit breaker, with a timeout.
#[inline]
pub fn guarded_and_timed<'a, F, R: Repeated, G: GuardedBy, C>(
    repeated: R,
    deadline: &'a Deadline<'a>,
    breaker: G,
    call: F,
    convert: C,
) -> Attempt<F, R, Permit<'a, &'a Deadline<'a>, G>, Option<Sleep>, C> {
    let permit = granted_unless_waiting(&repeated, Permit::vacant(deadline, breaker));
    Attempt::new(call, None, repeated, permit, convert)
}

/// Conversions of an error that does them by itself, from a closure that returns [`conversions`].
#[inline]
pub const fn by_itself<E, F: Fn() -> Conversions<E>>(conversions: F) -> ByItself<F> {
    ByItself(conversions)
}

/// See [`by_itself`].
#[inline]
pub const fn conversions<E: Classify + FromRejected>() -> Conversions<E> {
    Conversions::new()
}

/// `rejected = …` and `classify = …`.
#[inline]
pub const fn by<E, R: Fn(Rejected) -> E, C: Fn(&E) -> Classified<E>>(
    reject: R,
    classify: C,
) -> By<R, C> {
    By(reject, classify)
}

/// Requests permission now, where the success path has no other branches.
#[inline]
fn granted_unless_waiting<'a, A: OuterTimeout, P: GuardedBy>(
    repeated: &impl Repeated,
    permit: Permit<'a, A, P>,
) -> Permit<'a, A, P> {
    if repeated.wait().is_none() { permit.granted_at_once() } else { permit }
}

/// Requests permission of a breaker to make a call that takes at most so long. If a timeout above
/// expires and drops the call, that counts as a failure.
#[inline]
pub fn acquire<'a, A: OuterTimeout, P: GuardedBy>(
    breaker: P,
    above: A,
    longest: Option<Duration>,
) -> Result<Permit<'a, A, P>, Rejected> {
    let mut permit = Permit::vacant(above, breaker);
    permit.request_for(longest)?;
    Ok(permit)
}

/// Records that the call succeeded.
#[inline]
pub fn succeeded<A: OuterTimeout, P: GuardedBy>(permit: Permit<'_, A, P>) {
    permit.succeeded();
}

/// Records the failure of a call. Logs once per site if the error is unclassified.
#[inline]
pub fn failed<E: Classify>(
    permit: Permit<'_, impl OuterTimeout, impl GuardedBy>,
    site: &Site,
    error: &E,
) {
    failed_by(permit, site, error, Classified::of);
}

/// Like [`failed`], with `classify = …`.
#[inline]
pub fn failed_by<E: Display>(
    permit: Permit<'_, impl OuterTimeout, impl GuardedBy>,
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

/// Like [`judge`], with `when = …`.
#[inline]
pub fn judge_when<E: Classify>(
    attempts: &mut Attempts,
    error: E,
    rules: RetryRules<'_>,
    when: impl FnOnce(&E) -> bool,
) -> Result<Wait, E> {
    attempts.judge_when(error, Classified::of, when, rules)
}

/// Like [`judge_when`], with `classify = …`.
#[inline]
pub fn judge_when_by<E: Display>(
    attempts: &mut Attempts,
    error: E,
    rules: RetryRules<'_>,
    when: impl FnOnce(&E) -> bool,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Result<Wait, E> {
    attempts.judge_when(error, classify, when, rules)
}

/// Like [`Wait::block`], with a warning inside a runtime.
pub fn block(wait: Wait, site: &Site) {
    wait.block_and_warn(site);
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

/// The state of the current attempt, for its body.
#[inline]
pub const fn current(attempts: &Attempts) -> &AttemptState {
    attempts.current()
}

/// Adds the call's idempotency key.
#[inline]
pub const fn with_key<'a>(attempt: &'a AttemptState, key: &'a Key<'a>) -> WithKey<'a> {
    WithKey { attempt, key }
}

/// Marks an attempt whose later steps may fail in a way that says nothing about the earlier ones.
#[inline]
pub fn has_several_steps(attempts: &Attempts) {
    attempts.current().mark_sent();
}

/// Records the success of a retried call.
#[inline]
pub fn retry_succeeded(attempts: &Attempts, budget: &RetryBudget, site: &Site) {
    attempts.succeeded_at(budget, site);
}

/// The same for a call that must not be made twice: calls around it must not repeat it.
#[inline]
pub fn retry_succeeded_once(attempts: &Attempts, budget: &RetryBudget, site: &Site) {
    context::mark_sent();
    attempts.succeeded_at(budget, site);
}

/// The same for a call whose policy says whether it may be made twice.
#[inline]
pub fn retry_succeeded_under(
    attempts: &Attempts,
    budget: &RetryBudget,
    site: &Site,
    policy: &Retry,
) {
    policy.note_success();
    attempts.succeeded_at(budget, site);
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
    let breaker = match breaker {
        Some(breaker) => Some(breaker as &dyn Guard),
        None => None,
    };
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
