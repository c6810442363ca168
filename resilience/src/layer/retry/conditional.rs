use std::future::Future;

use super::{Attempts, Retry, RetryRules};
use crate::layer::classified::Classified;
use crate::{Classify, RetryBudget, registry::Site};

/// A policy that also decides which errors are retried, or which values. Created by
/// [`Retry::when`] and [`Retry::retry_ok`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::{Retry, RetryBudget, errors::ServiceUnavailable, secs};
///
/// #[derive(Debug, PartialEq)]
/// enum Export { Pending, Done }
///
/// static BUDGET: RetryBudget = RetryBudget::standard();
///
/// async fn export(attempt: u32) -> Result<Export, ServiceUnavailable> {
///     Ok(if attempt < 3 { Export::Pending } else { Export::Done })
/// }
///
/// let export = Retry::new()
///     .attempts(10)
///     .max_delay(secs(2))
///     .idempotent()
///     .retry_ok(|export: &Export| *export == Export::Pending)
///     .run("reports", &BUDGET, || export(resilience::context().attempt()));
/// assert_eq!(export.await.unwrap(), Export::Done);
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ConditionalRetry<W = (), V = ()> {
    policy: Retry,
    when: W,
    retry_ok: V,
}

/// A condition of a [`ConditionalRetry`]: a function or closure `&T -> bool`, or `()` for none.
pub trait Condition<T> {
    /// Whether the condition is true. `default` is the answer if there is none.
    fn holds(&self, subject: &T, default: bool) -> bool;
}

impl<T> Condition<T> for () {
    fn holds(&self, _: &T, default: bool) -> bool {
        default
    }
}

impl<T, F: Fn(&T) -> bool> Condition<T> for F {
    fn holds(&self, subject: &T, _: bool) -> bool {
        self(subject)
    }
}

impl Retry {
    /// Retries an error only if `when` is true for it. This narrows what is retried: `when` isn't
    /// called for an error that isn't retryable, such as a permanent one.
    ///
    /// ```
    /// use resilience::{Retry, errors::ServiceUnavailable};
    ///
    /// let policy = Retry::new().idempotent().when(|error: &ServiceUnavailable| error.service != "mail");
    /// # let _ = policy;
    /// ```
    ///
    /// If `when` is false, `retry_stopped` has the reason `condition`.
    #[must_use]
    pub const fn when<E, W: Fn(&E) -> bool>(self, when: W) -> ConditionalRetry<W> {
        ConditionalRetry { policy: self, when, retry_ok: () }
    }

    /// Repeats a call that returns a value for which `retry_ok` is true: one that means "not yet".
    /// See [`ConditionalRetry`] for an example.
    ///
    /// Such a value is handled like a transient error: it waits for the same delays, and is limited
    /// by the same attempts, deadline and budget. When no further attempt is made, the value is
    /// returned. The events `retry_scheduled` and `retry_stopped` have the code `NOT_YET`.
    ///
    /// A call that returns a value has been sent, so a [`non_idempotent`](Self::non_idempotent) one
    /// isn't repeated.
    #[must_use]
    pub const fn retry_ok<T, V: Fn(&T) -> bool>(self, retry_ok: V) -> ConditionalRetry<(), V> {
        ConditionalRetry { policy: self, when: (), retry_ok }
    }

    pub(super) const fn unconditional(self) -> ConditionalRetry {
        ConditionalRetry { policy: self, when: (), retry_ok: () }
    }
}

impl<W, V> ConditionalRetry<W, V> {
    /// Like [`Retry::when`]. Replaces a condition that is already set.
    #[must_use]
    pub fn when<E, N: Fn(&E) -> bool>(self, when: N) -> ConditionalRetry<N, V> {
        ConditionalRetry { policy: self.policy, when, retry_ok: self.retry_ok }
    }

    /// Like [`Retry::retry_ok`]. Replaces a condition that is already set.
    #[must_use]
    pub fn retry_ok<T, N: Fn(&T) -> bool>(self, retry_ok: N) -> ConditionalRetry<W, N> {
        ConditionalRetry { policy: self.policy, when: self.when, retry_ok }
    }

    /// Like [`Retry::run`], under these conditions.
    ///
    /// # Errors
    /// Returns the last error of the operation if no further attempt is made.
    pub async fn run<T, E: Classify, F: Future<Output = Result<T, E>>>(
        self,
        service: &'static str,
        budget: &RetryBudget,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        W: Condition<E>,
        V: Condition<T>,
    {
        let site = Site::new(service, "run", module_path!(), file!(), line!());
        let mut attempts = Attempts::new();
        loop {
            // Call the closure inside the attempt too, so that it can use `context()`.
            let outcome = attempts.scope(async { operation().await }).await;
            let rules = RetryRules::new(&self.policy, budget, &site);
            let wait = match outcome {
                Ok(value) if self.retry_ok.holds(&value, false) => {
                    match attempts.judge_value(rules) {
                        Some(wait) => wait,
                        None => return Ok(value),
                    }
                }
                Ok(value) => {
                    self.policy.note_success();
                    attempts.succeeded_at(budget, &site);
                    return Ok(value);
                }
                Err(error) => {
                    let when = |error: &E| self.when.holds(error, true);
                    attempts.judge_when(error, Classified::of, when, rules)?
                }
            };
            wait.pause().await;
        }
    }
}
