use super::{Attempts, Retry, RetryRules};
use crate::layer::classified::Classified;
use crate::{Classify, RetryBudget, registry::Site};

impl Retry {
    /// Runs an async closure under this policy, with the same loop that `#[retry]` generates.
    ///
    /// The future is `Send` only if the compiler can prove that the closure's future is. It can't
    /// for closures that borrow their arguments. The attribute doesn't have this limitation, nor
    /// does your own loop around [`Attempts`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use resilience::{Retry, RetryBudget, errors::ServiceUnavailable, secs};
    ///
    /// static BUDGET: RetryBudget = RetryBudget::standard();
    ///
    /// let mut calls = 0;
    /// let answer = Retry::new().attempts(5).max_delay(secs(2)).idempotent().run("inventory", &BUDGET, async || {
    ///     calls += 1;
    ///     if calls < 3 { Err(ServiceUnavailable::new("inventory")) } else { Ok(calls) }
    /// });
    /// assert_eq!(answer.await.unwrap(), 3);
    /// # }
    /// ```
    ///
    /// Dropping the future drops the current attempt or wait. Every call that meets an
    /// unclassified error reports it as such, because there is no annotated function to remember
    /// that it was already reported.
    ///
    /// # Errors
    /// Returns the operation's last error when there is no further attempt.
    pub async fn run<T, E: Classify>(
        self,
        service: &'static str,
        budget: &RetryBudget,
        mut operation: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let site = Site::new(service, "run", module_path!(), file!(), line!());
        let mut attempts = Attempts::new();
        loop {
            let wait = match operation().await {
                Ok(value) => {
                    attempts.succeeded(budget);
                    return Ok(value);
                }
                Err(error) => attempts.judge(
                    error,
                    Classified::by_itself,
                    RetryRules::new(&self, budget, &site),
                )?,
            };
            wait.pause().await;
        }
    }
}
