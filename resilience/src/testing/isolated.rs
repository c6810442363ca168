use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::support::isolation::{Entered, Scope, Within};

/// Runs a future with fresh state: what it does to breakers, budgets and alerts stays inside, and
/// nothing from outside gets in.
///
/// ```
/// use resilience::{CircuitBreaker, circuit_breaker::CircuitState, testing};
///
/// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// testing::isolated(async {
///     INVENTORY.force_open();
///     assert!(INVENTORY.acquire().is_err());
/// })
/// .await;
/// assert_eq!(INVENTORY.state(), CircuitState::Closed);
/// # }
/// ```
///
/// Inside are the future itself, and tasks that it starts with [`resilience::spawn`](crate::spawn).
/// A task of `tokio::spawn` is outside; to test code that uses it, take [`isolate`]. The fresh state
/// has the settings of the original, without its listeners.
///
/// Dropping the future drops the inner one, inside. The state of a test is kept until the process
/// ends, since what the test returns may refer to it: about 2 KiB for one function and its breaker,
/// and 1.5 KiB for each further one. Without calls, it is nothing.
pub fn isolated<F: Future>(future: F) -> Isolated<F> {
    Isolated { within: Within::new(Some(Scope::new()), future) }
}

pin_project! {
    /// The future returned by [`isolated`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Isolated<F> {
        #[pin]
        within: Within<F>,
    }
}

impl<F> Isolated<F> {
    /// Skips the waits between attempts, as [`Isolation::no_wait`] does.
    ///
    /// ```
    /// use resilience::{errors::ServiceUnavailable, retry, secs, testing, testing::Script};
    ///
    /// #[retry(idempotent, external_timeout, base = "10m", max_delay = "1h")]
    /// async fn stock(inventory: &Script<u32, ServiceUnavailable>) -> Result<u32, ServiceUnavailable> {
    ///     inventory.call().await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let inventory = Script::new().fails(2).answers(7);
    /// assert_eq!(testing::isolated(stock(&inventory)).no_wait().await.unwrap(), 7);
    /// # }
    /// ```
    pub fn no_wait(self) -> Self {
        self.set(Scope::skip_waits)
    }

    /// Makes the jitter the same in every run, as [`Isolation::seed`] does.
    pub fn seed(self, seed: u64) -> Self {
        self.set(|scope| scope.seed(seed))
    }

    fn set(self, set: impl FnOnce(&Scope)) -> Self {
        self.within.scope().map(set);
        self
    }
}

impl<F: Future> Future for Isolated<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().within.poll(cx)
    }
}

impl<F> fmt::Debug for Isolated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").field("scope", &self.within.scope()).finish_non_exhaustive()
    }
}

/// Isolates all that this thread runs until the returned guard is dropped: for the body of a test.
///
/// ```
/// use resilience::{RetryBudget, retry::FailureKind, testing};
///
/// static PAYMENTS: RetryBudget = RetryBudget::new().capacity(5);
///
/// // #[test]
/// fn a_retry_is_paid() {
///     let _guard = testing::isolate();
///     assert!(PAYMENTS.try_withdraw(FailureKind::Other).is_some());
///     assert_eq!(PAYMENTS.tokens(), 0.0);
/// }
/// # a_retry_is_paid();
/// assert_eq!(PAYMENTS.tokens(), 5.0);
/// ```
///
/// [`#[isolated]`](macro@super::isolated) writes this line for you.
///
/// In a test on tokio's current-thread runtime, which `#[tokio::test]` creates by default, this also
/// covers tasks that the code under test starts with `tokio::spawn`, such as a server: they run on
/// the thread of the test. On a multi-thread runtime, and in threads that a test starts,
/// [`resilience::spawn`](crate::spawn) takes a task into the isolation, and other tasks are outside.
///
/// Bind the guard to a name: `let _ = isolate();` drops it at once. It is `!Send`, so that a future
/// that holds it can't be spawned; use [`isolated`](fn@isolated) there.
#[must_use = "the isolation ends when the guard is dropped"]
pub fn isolate() -> Isolation {
    let scope = Scope::new();
    Isolation { _entered: Arc::clone(&scope).enter(), scope }
}

/// The guard returned by [`isolate`]. Dropping it ends the isolation.
#[must_use = "the isolation ends when the guard is dropped"]
#[derive(Debug)]
pub struct Isolation {
    scope: Arc<Scope>,
    _entered: Entered,
}

impl Isolation {
    /// Skips the waits between attempts. Timeouts, and all else, keep their real time.
    ///
    /// Use it in tests with real sockets. There, a paused clock would jump ahead whenever the
    /// runtime waits for the network, and a timeout of 5 s would expire before an answer that takes
    /// 50 ms.
    ///
    /// Whether there is another attempt is decided as without it: a wait that would end after a
    /// deadline isn't begun. Events have the delay that would have been.
    pub fn no_wait(self) -> Self {
        self.scope.skip_waits();
        self
    }

    /// Makes the jitter of delays and recovery timeouts the same in every run.
    ///
    /// ```
    /// use resilience::{Retry, testing};
    ///
    /// let delays = || {
    ///     let _guard = testing::isolate().seed(7);
    ///     Retry::new().delays().take(3).collect::<Vec<_>>()
    /// };
    /// assert_eq!(delays(), delays());
    /// ```
    ///
    /// Concurrent calls draw in the order in which they run, which only a current-thread runtime
    /// keeps the same. Idempotency keys stay different.
    pub fn seed(self, seed: u64) -> Self {
        self.scope.seed(seed);
        self
    }
}
