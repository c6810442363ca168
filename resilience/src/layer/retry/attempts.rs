use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::policy::Repeat;
use super::{Retry, Wait, backoff};
use crate::error::log_text::{LogText, Loggable};
use crate::error::taxonomy::last_failure;
use crate::layer::circuit_breaker::Guard;
use crate::layer::classified::Classified;
use crate::layer::context::{self, AttemptState, Scoped};
use crate::layer::deadline::Deadline;
use crate::layer::events::{self, Stopped};
use crate::layer::retry_budget::FailureKind;
use crate::layer::site::Site;
use crate::support::clock;
use crate::{Category, CircuitBreaker, Classification, Rejected, RetryBudget, Sent};

/// The state of one retried call: the number of the current attempt and the budget spent.
///
/// You write the loop (or the attribute does). After each failure, `Attempts` decides whether to
/// try again:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::{
///     Classify, Retry, RetryBudget, errors::ServiceUnavailable, registry::Site,
///     retry::{Attempts, RetryRules},
/// };
///
/// static SITE: Site = Site::new("inventory", "stock", module_path!(), file!(), line!());
/// static BUDGET: RetryBudget = RetryBudget::standard();
/// const POLICY: Retry = Retry::new().attempts(3).idempotent();
///
/// let mut calls = 0;
/// let mut attempts = Attempts::new();
/// let answer = loop {
///     calls += 1;
///     let outcome: Result<u32, _> = if calls < 3 { Err(ServiceUnavailable::new("inventory")) } else { Ok(7) };
///     let wait = match outcome {
///         Ok(value) => {
///             attempts.succeeded(&BUDGET);
///             break Ok(value);
///         }
///         Err(error) => match attempts.judge(error, Classify::classify, RetryRules::new(&POLICY, &BUDGET, &SITE)) {
///             Ok(wait) => wait,
///             Err(error) => break Err(error),
///         },
///     };
///     wait.pause().await;
/// };
/// assert_eq!((answer.unwrap(), calls), (7, 3));
/// # }
/// ```
// What is 0 at first is adjacent, and so written at once.
#[repr(C)]
#[derive(Debug)]
pub struct Attempts {
    /// The delay before the current attempt, in nanoseconds.
    previous: u64,
    /// When the first attempt began, or if that is unknown, when it failed, in the unit of
    /// [`clock::to_nanos`]. 0 until an attempt has failed.
    first_failure: u64,
    current: AttemptState,
}

/// The inputs to [`Attempts::judge`]: the policy and the layers around the attempt.
#[derive(Debug, Clone, Copy)]
pub struct RetryRules<'a> {
    pub(crate) policy: &'a Retry,
    pub(crate) budget: &'a RetryBudget,
    pub(crate) site: &'a Site,
    /// The circuit breaker inside the loop.
    pub(crate) breaker: Option<&'a dyn Guard>,
    /// The deadline around the loop.
    pub(crate) total: Option<&'a Deadline<'a>>,
    /// The deadline of the failed attempt, which records when the attempt began.
    pub(crate) attempt: Option<&'a Deadline<'a>>,
    pub(crate) has_key: bool,
}

impl<'a> RetryRules<'a> {
    /// Creates rules with no breaker inside the loop and no deadline.
    pub const fn new(policy: &'a Retry, budget: &'a RetryBudget, site: &'a Site) -> Self {
        Self { policy, budget, site, breaker: None, total: None, attempt: None, has_key: false }
    }

    /// Sets the circuit breaker inside the loop. While it is open, no wait is started.
    #[must_use]
    pub const fn breaker(mut self, breaker: &'a CircuitBreaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Sets the deadline outside the loop. A wait that would end after it isn't started.
    #[must_use]
    pub const fn deadline(mut self, total: &'a Deadline<'a>) -> Self {
        self.total = Some(total);
        self
    }

    /// Declares that the call carries an idempotency key, so it is safe to repeat.
    #[must_use]
    pub const fn has_key(mut self) -> Self {
        self.has_key = true;
        self
    }
}

impl RetryRules<'_> {
    /// Whether the breaker inside the loop rejected the attempt, so that it was never made. A
    /// rejection by a breaker that the operation itself calls doesn't count.
    fn refused(&self, class: &Classification) -> bool {
        let open = class.rejected().filter(Rejected::is_circuit_open);
        open.zip(self.breaker).is_some_and(|(open, breaker)| breaker.has_rejected(&open))
    }
}

/// A value that means "not yet", for the events.
struct NotYet;

impl Loggable for NotYet {
    fn text(&self) -> LogText {
        LogText { message: "the value isn't ready yet".to_owned(), causes: None }
    }

    fn dependency(&self) -> Option<&str> {
        None
    }

    fn has_code(&self, _: &str) -> bool {
        false
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

impl Attempts {
    /// Creates the state before the first attempt.
    #[inline]
    pub const fn new() -> Self {
        Self { current: AttemptState::first(), previous: 0, first_failure: 0 }
    }

    /// The number of the current attempt, starting at 1.
    #[inline]
    pub fn number(&self) -> u32 {
        self.current.number()
    }

    /// Makes this attempt visible to [`context`](crate::context()) in `body`, and lets the body's
    /// steps be recorded: see [`CallContext::mark_sent`](crate::CallContext::mark_sent).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use resilience::retry::Attempts;
    ///
    /// let attempts = Attempts::new();
    /// let number = attempts.scope(async { resilience::context().attempt() }).await;
    /// assert_eq!(number, 1);
    /// # }
    /// ```
    #[inline]
    pub const fn scope<F: Future>(&self, body: F) -> impl Future<Output = F::Output> {
        Scoped::new(&self.current, (), body)
    }

    /// How long ago the first attempt failed, or if that is known, when it began. `None` if no
    /// attempt has failed.
    #[cfg(feature = "dead-letter")]
    pub(crate) fn age_of_first_failure(&self) -> Option<Duration> {
        let now = clock::to_nanos(Instant::now());
        (self.first_failure != 0)
            .then(|| Duration::from_nanos(now.saturating_sub(self.first_failure)))
    }

    /// The state that the body of the current attempt sees.
    #[inline]
    pub(crate) const fn current(&self) -> &AttemptState {
        &self.current
    }

    /// How long to wait before the current attempt. `None` for the first.
    #[inline]
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.has_failed().then_some(Duration::from_nanos(self.previous))
    }

    /// Whether an attempt has failed. Cheaper than the number of the current one, which is atomic.
    #[inline]
    const fn has_failed(&self) -> bool {
        self.first_failure != 0
    }

    /// Reports a success, which may credit the budget.
    #[inline]
    pub fn succeeded(&self, budget: &RetryBudget) {
        // Nearly always, the budget is full and the state of the call needn't be read.
        if !budget.is_full() {
            self.pay_in(budget);
        }
    }

    /// The same for a call of an annotated function. Logs it if it had to be repeated.
    #[inline]
    pub(crate) fn succeeded_at(&self, budget: &RetryBudget, site: &Site) {
        #[cfg(feature = "metrics")]
        site.metrics().succeeded(|| site.labels(), self.number());
        if self.has_failed() || !budget.is_settled() {
            self.succeeded_slowly(budget, site);
        }
    }

    #[cold]
    fn succeeded_slowly(&self, budget: &RetryBudget, site: &Site) {
        budget.list(|| (site.service(), site.function()));
        self.succeeded(budget);
        if !self.current.is_first() {
            events::retry_succeeded(site, self.number());
        }
    }

    #[cold]
    fn pay_in(&self, budget: &RetryBudget) {
        budget.on_success(self.current.withdrawn, self.current.is_first());
    }

    /// Decides what to do after a failure. Returns how long to wait before the next attempt, or
    /// the error if there is none. `classify` returns a [`Classification`].
    ///
    /// # Errors
    /// Returns the same error if no further attempt is made. The event `retry_stopped` contains
    /// the reason.
    pub fn judge<E: Display, C: Into<Classified<E>>>(
        &mut self,
        error: E,
        classify: impl FnOnce(&E) -> C,
        rules: RetryRules<'_>,
    ) -> Result<Wait, E> {
        let classified = rules.site.classify(&error, classify);
        match self.decide(&classified.class, &classified.redacted(&error), true, rules) {
            Some(wait) => Ok(wait),
            None => Err(error),
        }
    }

    /// Like [`judge`](Self::judge), but retries the error only if `when` is true for it. `when`
    /// isn't called for an error that isn't retryable.
    ///
    /// # Errors
    /// Returns the same error if no further attempt is made.
    pub fn judge_when<E: Display, C: Into<Classified<E>>>(
        &mut self,
        error: E,
        classify: impl FnOnce(&E) -> C,
        when: impl FnOnce(&E) -> bool,
        rules: RetryRules<'_>,
    ) -> Result<Wait, E> {
        let classified = rules.site.classify(&error, classify);
        let wanted = !classified.class.is_retryable() || when(&error);
        match self.decide(&classified.class, &classified.redacted(&error), wanted, rules) {
            Some(wait) => Ok(wait),
            None => Err(error),
        }
    }

    /// Decides what to do after a value that means "not yet". Returns how long to wait before the
    /// next attempt, or `None` if there is none and the value is the result of the call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use resilience::{Retry, RetryBudget, registry::Site, retry::{Attempts, RetryRules}};
    ///
    /// static SITE: Site = Site::new("reports", "export", module_path!(), file!(), line!());
    /// static BUDGET: RetryBudget = RetryBudget::standard();
    /// const POLICY: Retry = Retry::new().attempts(3).idempotent();
    ///
    /// let mut attempts = Attempts::new();
    /// while let Some(wait) = attempts.judge_value(RetryRules::new(&POLICY, &BUDGET, &SITE)) {
    ///     wait.pause().await; // and ask again
    /// }
    /// assert_eq!(attempts.number(), 3);
    /// # }
    /// ```
    pub fn judge_value(&mut self, rules: RetryRules<'_>) -> Option<Wait> {
        if rules.has_key || rules.policy.repeat == Repeat::NonIdempotent {
            // What was sent must not be sent again by the calls around it.
            context::mark_sent();
        }
        self.decide(&Classification::transient("NOT_YET"), &NotYet, true, rules)
    }

    /// The part of `judge` that doesn't depend on the error type, so it is compiled only once.
    #[cold]
    fn decide(
        &mut self,
        class: &Classification,
        error: &dyn Loggable,
        wanted: bool,
        rules: RetryRules<'_>,
    ) -> Option<Wait> {
        let now = Instant::now();
        let now_nanos = clock::to_nanos(now);
        if self.first_failure == 0 {
            let began = rules.total.or(rules.attempt).and_then(|deadline| deadline.elapsed(now));
            self.first_failure = now_nanos.saturating_sub(began.map_or(0, backoff::nanos));
        }
        if let Some(total) = rules.total {
            total.note(last_failure::number_of(rules.site.failing(class), class.code()));
        }
        rules.budget.list(|| (rules.site.service(), rules.site.function()));
        metric!(attempt_failed(rules.site.labels(), class));
        let next = self.next(class, error, wanted, rules, now);
        metric!(retry_budget(rules.site.labels(), rules.budget.level()));
        match next {
            Ok(delay) => {
                events::retry_scheduled(
                    rules.site,
                    error,
                    class,
                    self.number(),
                    rules.policy.attempts,
                    delay,
                );
                self.current.next();
                self.previous = backoff::nanos(delay);
                Some(Wait(delay))
            }
            Err(reason) => {
                let retried = self.number() > 1;
                if reason.gives_up_after_retries(retried) {
                    // The frame of this call is gone by now.
                    context::note_given_up(rules.site.failing(class), class.code());
                }
                // A call inside the body may use the same breaker.
                let not_made = rules.refused(class) && !self.current.has_rejected_inside();
                let made = self.number() - u32::from(not_made);
                events::retry_stopped(
                    rules.site,
                    error,
                    class,
                    reason,
                    made,
                    Duration::from_nanos(now_nanos.saturating_sub(self.first_failure)),
                );
                None
            }
        }
    }

    fn next(
        &mut self,
        class: &Classification,
        error: &dyn Loggable,
        wanted: bool,
        rules: RetryRules<'_>,
        now: Instant,
    ) -> Result<Duration, Stopped> {
        if class.rejected().is_some_and(|rejected| rejected.is_circuit_open()) {
            return Err(Stopped::CircuitOpen);
        }
        let kind = FailureKind::of(class);
        // Even if the callee forbids a retry, because that is a sign of overload too.
        if class.category() == Some(Category::Transient) {
            rules.budget.on_failure(kind);
        }
        if !class.is_retryable() {
            return Err(Stopped::not_retryable(class));
        }
        if !wanted {
            return Err(Stopped::Condition);
        }
        let policy = rules.policy;
        if policy.repeat == Repeat::NonIdempotent
            && !rules.has_key
            && (class.sent() == Sent::Maybe || self.current.has_sent())
        {
            return Err(Stopped::NotIdempotent);
        }
        if !policy.repeat_inner && self.current.given_up().is_some_and(|code| error.has_code(code))
        {
            return Err(Stopped::AlreadyRetried);
        }
        if self.number() >= policy.attempts {
            return Err(Stopped::AttemptsExhausted);
        }
        let classified = class.retry_after().unwrap_or_default();
        if classified > policy.longest_retry_after() {
            return Err(Stopped::RetryAfterTooLong);
        }
        let delay =
            Duration::from_nanos(policy.delay(self.number() - 1, self.previous)).max(classified);
        let is_late = |left| delay >= left;
        if rules.total.is_some_and(|deadline| is_late(deadline.time_left(now)))
            || context::time_left(now).is_some_and(is_late)
        {
            // Distinguish a server that asks for more time than is left from a backoff that is
            // simply too long.
            return Err(if classified > Duration::ZERO && delay == classified {
                Stopped::RetryAfterTooLong
            } else {
                Stopped::Deadline
            });
        }
        if rules.breaker.is_some_and(Guard::would_reject) {
            return Err(Stopped::CircuitOpen);
        }
        match rules.budget.try_withdraw(kind) {
            Some(withdrawn) => self.current.withdrawn = Some(withdrawn),
            None => return Err(Stopped::Budget),
        }
        Ok(delay)
    }
}
