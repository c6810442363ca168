use std::fmt::Display;
use std::time::Duration;

use sqlx::Error;
use tokio::time::Instant;

use super::{Checkout, Transaction, Transactional};
use crate::error::log_text::Loggable;
use crate::layer::classified::Classified;
use crate::layer::deadline::Deadline;
use crate::layer::events::{self, Stopped};
use crate::layer::retry::Wait;
use crate::layer::site::Site;
use crate::{Advice, Classification, Retry};

/// The state of a call that runs in a transaction: counts the attempts and decides whether to make
/// another.
///
/// The whole transaction is retried once after a deadlock ([`Advice::RetryTransactionOnce`]), and
/// up to the policy's attempts after serialization failures ([`Advice::RetryTransaction`]) and lock
/// timeouts ([`Advice::RetryCallOrTransaction`]). No other error is retried here: use `#[retry]`
/// for those.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::sql::TransactionAttempts;
/// use resilience::{Advice, Classification, registry::Site};
///
/// static SITE: Site = Site::new("orders", "place", module_path!(), file!(), line!());
/// let deadlock = |_: &&str| Classification::transient_with("DATABASE_DEADLOCK", Advice::RetryTransactionOnce);
///
/// let mut attempts = TransactionAttempts::new(&TransactionAttempts::POLICY, &SITE);
/// let wait = attempts.judge("deadlock", deadlock).expect("the first deadlock is retried");
/// wait.pause().await;
/// assert_eq!(attempts.judge("deadlock", deadlock), Err("deadlock"), "the second isn't");
/// # }
/// ```
#[derive(Debug)]
pub struct TransactionAttempts<'a> {
    policy: &'a Retry,
    site: &'a Site,
    deadline: Option<&'a Deadline<'a>>,
    limits_statements: bool,
    /// The number of the current attempt, from 1.
    number: u32,
    deadlocked: bool,
}

impl TransactionAttempts<'static> {
    /// The default policy: five attempts, with a delay of 10 ms that doubles up to 1 s, plus
    /// jitter.
    ///
    /// The delays are short because the competing transaction is about to end, and because no locks
    /// are held during a delay.
    pub const POLICY: Retry =
        Retry::new().attempts(5).base(Duration::from_millis(10)).max_delay(Duration::from_secs(1));
}

impl<'a> TransactionAttempts<'a> {
    /// Starts at the first attempt. Only the attempts and the delays of the policy are used.
    #[inline]
    pub const fn new(policy: &'a Retry, site: &'a Site) -> Self {
        Self {
            policy,
            site,
            deadline: None,
            limits_statements: false,
            number: 1,
            deadlocked: false,
        }
    }

    /// Sets a deadline for the whole call. A delay that would exceed it isn't started.
    #[inline]
    #[must_use]
    pub const fn deadline(mut self, deadline: &'a Deadline<'a>) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Has the database stop the statements of a call that has exceeded its deadline; see
    /// [`Checkout::begin_within`]. Without a deadline, nothing is stopped.
    #[inline]
    #[must_use]
    pub const fn statement_timeout(mut self) -> Self {
        self.limits_statements = true;
        self
    }

    /// The number of the current attempt, from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Begins the transaction of the current attempt.
    ///
    /// On SQLite, a repeated transaction begins with `BEGIN IMMEDIATE` unless `statement` says
    /// otherwise. It takes the write lock at once and waits for it, so it can't lose it again to
    /// another one between its first read and its first write.
    ///
    /// # Errors
    /// # Cancellation
    /// As for [`Checkout::begin`].
    pub async fn begin<'c, DB: Transactional>(
        &self,
        checkout: &'c mut Checkout<DB>,
        statement: Option<&'static str>,
    ) -> Result<Transaction<'c, DB>, Error> {
        let again = if self.number > 1 { DB::BEGIN_AGAIN } else { None };
        let statement = statement.or(again);
        match self.deadline {
            Some(deadline) if self.limits_statements => {
                let left = deadline.time_left(Instant::now());
                checkout.begin_within(statement, left.saturating_add(MARGIN)).await
            }
            _ => checkout.begin(statement).await,
        }
    }

    /// Logs the success of a transaction that had to be repeated.
    #[inline]
    pub(crate) fn log_success(&self) {
        if self.number > 1 {
            events::transaction_succeeded(self.site, self.number);
        }
    }

    /// Decides after a failed attempt. Returns the delay before the next attempt. `classify`
    /// returns a [`Classification`].
    ///
    /// # Errors
    /// Returns `error` if there is no further attempt.
    pub fn judge<E: Display, C: Into<Classified<E>>>(
        &mut self,
        error: E,
        classify: impl FnOnce(&E) -> C,
    ) -> Result<Wait, E> {
        let classified = self.site.classify(&error, classify);
        match self.decide(&classified.class, &classified.redacted(&error)) {
            Some(delay) => Ok(Wait(delay)),
            None => Err(error),
        }
    }

    /// Independent of the error type, so that it is compiled only once.
    #[cold]
    fn decide(&mut self, class: &Classification, error: &dyn Loggable) -> Option<Duration> {
        let is_deadlock = match class.advice() {
            Advice::RetryTransactionOnce => true,
            Advice::RetryTransaction | Advice::RetryCallOrTransaction => false,
            _ => return None,
        };
        match self.next_delay(is_deadlock) {
            Ok(delay) => {
                events::transaction_retry(
                    self.site,
                    error,
                    class,
                    self.number,
                    self.policy.attempts,
                    delay,
                );
                self.deadlocked |= is_deadlock;
                self.number += 1;
                Some(delay)
            }
            Err(reason) => {
                events::transaction_stopped(self.site, error, class, reason, self.number);
                None
            }
        }
    }

    fn next_delay(&self, is_deadlock: bool) -> Result<Duration, Stopped> {
        if self.number >= self.policy.attempts || is_deadlock && self.deadlocked {
            return Err(Stopped::AttemptsExhausted);
        }
        let retries = usize::try_from(self.number - 1).unwrap_or(usize::MAX);
        let delay = self.policy.delays().nth(retries).ok_or(Stopped::AttemptsExhausted)?;
        match self.deadline {
            Some(deadline) if delay >= deadline.time_left(Instant::now()) => Err(Stopped::Deadline),
            _ => Ok(delay),
        }
    }
}

/// How much later than the deadline the database stops a statement, so that the caller's error is
/// that of the deadline.
const MARGIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Jitter;
    use crate::support::duration::{millis, secs};

    static SITE: Site = Site::new("orders", "place", "", "", 0);
    const POLICY: Retry = TransactionAttempts::POLICY.jitter(Jitter::None);

    const DEADLOCK: Classification =
        Classification::transient_with("DEADLOCK", Advice::RetryTransactionOnce);
    const SERIALIZATION: Classification =
        Classification::transient_with("SERIALIZATION", Advice::RetryTransaction);

    /// The delay after each failure, or `None` if there is no further attempt.
    fn delays(
        attempts: &mut TransactionAttempts<'_>,
        failures: &[Classification],
    ) -> Vec<Option<Duration>> {
        let decide =
            |class: &Classification| attempts.judge("lost", |_| *class).ok().map(Wait::duration);
        failures.iter().map(decide).collect()
    }

    fn waits<const N: usize>(expected: [Option<u64>; N]) -> Vec<Option<Duration>> {
        expected.into_iter().map(|delay| delay.map(millis)).collect()
    }

    #[test]
    fn deadlock_is_retried_once() {
        let mut attempts = TransactionAttempts::new(&POLICY, &SITE);
        assert_eq!(
            delays(&mut attempts, &[DEADLOCK, DEADLOCK, DEADLOCK]),
            waits([Some(10), None, None])
        );
        assert_eq!(attempts.number(), 2);
    }

    #[test]
    fn serialization_failure_is_retried_up_to_the_maximum_attempts() {
        let mut attempts = TransactionAttempts::new(&POLICY, &SITE);
        assert_eq!(
            delays(&mut attempts, &[SERIALIZATION; 6]),
            waits([Some(10), Some(20), Some(40), Some(80), None, None])
        );
        assert_eq!(attempts.number(), 5);
    }

    #[test]
    fn lock_timeout_is_retried_up_to_the_maximum_attempts() {
        let mut attempts = TransactionAttempts::new(&POLICY, &SITE);
        let locked = Classification::transient_with("LOCK_TIMEOUT", Advice::RetryCallOrTransaction);
        assert_eq!(
            delays(&mut attempts, &[locked; 5]),
            waits([Some(10), Some(20), Some(40), Some(80), None])
        );
    }

    #[test]
    fn both_failures_count_as_attempts_and_deadlocks_have_their_own_limit() {
        let mut attempts = TransactionAttempts::new(&POLICY, &SITE);
        let failures = [SERIALIZATION, DEADLOCK, SERIALIZATION, DEADLOCK];
        assert_eq!(delays(&mut attempts, &failures), waits([Some(10), Some(20), Some(40), None]));

        let three = POLICY.attempts(3);
        let mut attempts = TransactionAttempts::new(&three, &SITE);
        assert_eq!(
            delays(&mut attempts, &[SERIALIZATION, SERIALIZATION, DEADLOCK]),
            waits([Some(10), Some(20), None])
        );
    }

    #[test]
    fn nothing_is_retried_with_one_attempt() {
        let one = POLICY.attempts(1);
        assert_eq!(delays(&mut TransactionAttempts::new(&one, &SITE), &[DEADLOCK]), [None]);
    }

    #[test]
    fn only_deadlocks_and_serialization_failures_are_retried() {
        let others = [
            Classification::transient("X"),
            Classification::transient_with("X", Advice::RetryAfter(secs(1))),
            Classification::transient_with("X", Advice::DoNotRetry),
            Classification::permanent("X"),
            Classification::partial("X"),
            Classification::fatal("X"),
            Classification::unclassified(),
        ];
        for other in others {
            assert_eq!(
                delays(&mut TransactionAttempts::new(&POLICY, &SITE), &[other]),
                [None],
                "{other:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn transaction_retry_delay_must_fit_within_the_deadline() {
        let deadline = Deadline::starting_now(millis(45));
        let mut attempts = TransactionAttempts::new(&POLICY, &SITE).deadline(&deadline);
        for expected in [10, 20] {
            let wait = attempts
                .judge("lost", |_| SERIALIZATION)
                .expect("the delay fits within the deadline");
            assert_eq!(wait.duration(), millis(expected));
            wait.pause().await;
        }
        assert_eq!(
            attempts.judge("lost", |_| SERIALIZATION),
            Err("lost"),
            "15 ms are left, but the delay is 40 ms"
        );
    }

    #[test]
    fn default_transaction_policy_is_valid_and_its_delays_are_bounded() {
        assert_eq!(TransactionAttempts::POLICY, TransactionAttempts::POLICY.checked());
        for (delay, least) in TransactionAttempts::POLICY.delays().zip([10, 20, 40, 80]) {
            assert!(delay >= millis(least) && delay <= millis(least + 10), "{delay:?}");
        }
    }
}
