use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;

use crate::layer::classified::Classified;
use crate::layer::deadline::Deadline;
use crate::layer::events::{self, Stopped};
use crate::layer::retry::Wait;
use crate::layer::site::Site;
use crate::{Advice, Classification, Retry};

/// The state of one call that runs in a transaction: how often its body has run, and whether it may
/// run again.
///
/// A whole transaction is repeated after a deadlock, once ([`Advice::RetryTransactionOnce`]), and
/// after a serialization failure, up to the policy's attempts ([`Advice::RetryTransaction`]).
/// Nothing else is: whether a failed call may be made again is for `#[retry]` to say.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::sql::TransactionAttempts;
/// use resilience::{Advice, Classification, registry::Site};
///
/// static SITE: Site = Site::new("orders", "place", module_path!(), file!(), line!());
/// let deadlock = |_: &&str| Classification::transient_with("DATABASE_DEADLOCK", Advice::RetryTransactionOnce);
///
/// let mut repeats = TransactionAttempts::new(&TransactionAttempts::POLICY, &SITE);
/// let wait = repeats.judge("deadlock", deadlock).expect("the first one");
/// wait.pause().await;
/// assert_eq!(repeats.judge("deadlock", deadlock), Err("deadlock"), "not twice");
/// # }
/// ```
#[derive(Debug)]
pub struct TransactionAttempts<'a> {
    policy: &'a Retry,
    site: &'a Site,
    deadline: Option<&'a Deadline<'a>>,
    /// The number of the execution under way, from 1.
    number: u32,
    deadlocked: bool,
}

impl TransactionAttempts<'static> {
    /// Five executions, 10 ms before the second, doubling, with jitter, and at most a second.
    ///
    /// The waits are short because the transaction that won is about to end, and a victim holds no
    /// lock meanwhile.
    pub const POLICY: Retry =
        Retry::new().attempts(5).base(Duration::from_millis(10)).max_delay(Duration::from_secs(1));
}

impl<'a> TransactionAttempts<'a> {
    /// Before the first execution. Of the policy the attempts and the delays count.
    #[inline]
    pub const fn new(policy: &'a Retry, site: &'a Site) -> Self {
        Self { policy, site, deadline: None, number: 1, deadlocked: false }
    }

    /// A deadline outside the loop: a wait that would end past it isn't begun.
    #[inline]
    #[must_use]
    pub const fn deadline(mut self, deadline: &'a Deadline<'a>) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The number of the execution under way, from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Decides after a failure: how long to wait before the next execution, or the error back, if
    /// there is none. `classify` answers with a [`Classification`].
    ///
    /// # Errors
    /// The same error, when the call is given up.
    pub fn judge<E: Display, C: Into<Classified<E>>>(
        &mut self,
        error: E,
        classify: impl FnOnce(&E) -> C,
    ) -> Result<Wait, E> {
        let told = self.site.classify(&error, classify);
        match self.decide(&told.class, &told.shown(&error)) {
            Some(delay) => Ok(Wait(delay)),
            None => Err(error),
        }
    }

    /// The same for every error type, so that it is compiled once.
    #[cold]
    fn decide(&mut self, class: &Classification, error: &dyn Display) -> Option<Duration> {
        let is_deadlock = match class.advice() {
            Advice::RetryTransactionOnce => true,
            Advice::RetryTransaction => false,
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
        let executed = usize::try_from(self.number - 1).unwrap_or(usize::MAX);
        let delay = self.policy.delays().nth(executed).ok_or(Stopped::AttemptsExhausted)?;
        match self.deadline {
            Some(deadline) if delay >= deadline.time_left(Instant::now()) => Err(Stopped::Deadline),
            _ => Ok(delay),
        }
    }
}

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

    /// The delays, until the call is given up.
    fn delays(
        repeats: &mut TransactionAttempts<'_>,
        failures: &[Classification],
    ) -> Vec<Option<Duration>> {
        let decide =
            |class: &Classification| repeats.judge("lost", |_| *class).ok().map(Wait::duration);
        failures.iter().map(decide).collect()
    }

    fn waits<const N: usize>(expected: [Option<u64>; N]) -> Vec<Option<Duration>> {
        expected.into_iter().map(|delay| delay.map(millis)).collect()
    }

    #[test]
    fn a_deadlock_is_repeated_once() {
        let mut repeats = TransactionAttempts::new(&POLICY, &SITE);
        assert_eq!(
            delays(&mut repeats, &[DEADLOCK, DEADLOCK, DEADLOCK]),
            waits([Some(10), None, None])
        );
        assert_eq!(repeats.number(), 2);
    }

    #[test]
    fn a_serialization_failure_is_repeated_up_to_the_attempts() {
        let mut repeats = TransactionAttempts::new(&POLICY, &SITE);
        assert_eq!(
            delays(&mut repeats, &[SERIALIZATION; 6]),
            waits([Some(10), Some(20), Some(40), Some(80), None, None])
        );
        assert_eq!(repeats.number(), 5);
    }

    #[test]
    fn each_kind_counts_and_a_deadlock_keeps_its_own_limit() {
        let mut repeats = TransactionAttempts::new(&POLICY, &SITE);
        let failures = [SERIALIZATION, DEADLOCK, SERIALIZATION, DEADLOCK];
        assert_eq!(delays(&mut repeats, &failures), waits([Some(10), Some(20), Some(40), None]));

        let three = POLICY.attempts(3);
        let mut repeats = TransactionAttempts::new(&three, &SITE);
        assert_eq!(
            delays(&mut repeats, &[SERIALIZATION, SERIALIZATION, DEADLOCK]),
            waits([Some(10), Some(20), None])
        );
    }

    #[test]
    fn one_attempt_repeats_nothing() {
        let one = POLICY.attempts(1);
        assert_eq!(delays(&mut TransactionAttempts::new(&one, &SITE), &[DEADLOCK]), [None]);
    }

    #[test]
    fn nothing_else_is_repeated() {
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
    async fn a_wait_that_would_end_past_the_deadline_is_not_begun() {
        let deadline = Deadline::starting_now(millis(45));
        let mut repeats = TransactionAttempts::new(&POLICY, &SITE).deadline(&deadline);
        for expected in [10, 20] {
            let wait = repeats.judge("lost", |_| SERIALIZATION).expect("there is time");
            assert_eq!(wait.duration(), millis(expected));
            wait.pause().await;
        }
        assert_eq!(
            repeats.judge("lost", |_| SERIALIZATION),
            Err("lost"),
            "15 ms are left, and 40 are due"
        );
    }

    #[test]
    fn the_standard_policy_keeps_within_its_bounds() {
        assert_eq!(TransactionAttempts::POLICY, TransactionAttempts::POLICY.checked());
        for (delay, least) in TransactionAttempts::POLICY.delays().zip([10, 20, 40, 80]) {
            assert!(delay >= millis(least) && delay <= millis(least + 10), "{delay:?}");
        }
    }
}
