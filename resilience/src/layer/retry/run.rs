use super::{Attempts, Retry, RetryRules};
use crate::layer::classified::Classified;
use crate::{Classify, RetryBudget, registry::Site};

impl Retry {
    /// Runs an operation under this policy: the loop that `#[retry]` writes, for an async closure.
    ///
    /// The future is `Send` only as far as the compiler can tell that the closure's is: for
    /// closures that borrow their arguments it can't. The attribute, and a loop of your own
    /// around [`Attempts`], have no such limit.
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
    /// Dropping the future drops the attempt, or the wait, that is under way. That an error is
    /// unclassified is said with every call that meets one, since there is no annotated
    /// function to remember it.
    ///
    /// # Errors
    /// The operation's last error, when there is no further attempt.
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
