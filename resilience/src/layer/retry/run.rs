use std::future::Future;

use super::Retry;
use crate::{Classify, RetryBudget};

impl Retry {
    /// Runs a closure that returns a future under this policy, with the same loop that `#[retry]`
    /// generates.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use resilience::{Retry, RetryBudget, errors::ServiceUnavailable, secs};
    ///
    /// static BUDGET: RetryBudget = RetryBudget::standard();
    ///
    /// async fn stock(attempt: u32) -> Result<u32, ServiceUnavailable> {
    ///     if attempt < 3 { Err(ServiceUnavailable::new("inventory")) } else { Ok(7) }
    /// }
    ///
    /// let policy = Retry::new().attempts(5).max_delay(secs(2)).idempotent();
    /// let answer = policy.run("inventory", &BUDGET, || stock(resilience::context().attempt()));
    /// assert_eq!(answer.await.unwrap(), 7);
    /// # }
    /// ```
    ///
    /// The future is `Send` if the closure and its future are, even if the closure borrows. The
    /// closure's future can't hold a mutable borrow of a captured variable: rustc says that a
    /// captured variable can't escape the `FnMut` closure body. Use a `Mutex` or an atomic, or
    /// write your own loop around [`Attempts`](super::Attempts).
    ///
    /// Dropping the future drops the current attempt or wait. Each call that fails with an
    /// unclassified error logs `unclassified_error`; annotated functions log it only once.
    ///
    /// # Errors
    /// Returns the last error of the operation if no further attempt is made.
    pub fn run<T, E: Classify, F: Future<Output = Result<T, E>>>(
        self,
        service: &'static str,
        budget: &RetryBudget,
        operation: impl FnMut() -> F,
    ) -> impl Future<Output = Result<T, E>> {
        self.unconditional().run(service, budget, operation)
    }
}
