//! Limits on how long a call may take.

use std::future::Future;
use std::time::Duration;

use tokio::time::Sleep;

use super::attempt::{Attempt, By, Unguarded};
pub use super::deadline::Deadline;
use crate::layer::site::Site;
use crate::taxonomy::FromRejected;

/// A limit on how long a call may take. Applies `#[timeout]` to an existing future.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::{Rejected, Timeout, secs};
///
/// let slow = async {
///     tokio::time::sleep(secs(60)).await;
///     Ok::<_, Rejected>(())
/// };
/// let outcome = Timeout::new("inventory", secs(5)).run(slow).await;
/// assert_eq!(outcome, Err(Rejected::timed_out("inventory", secs(5))));
/// # }
/// ```
#[derive(Debug)]
pub struct Timeout {
    site: Site,
    deadline: Deadline<'static>,
}

impl Timeout {
    /// Creates a timeout with a label.
    pub const fn new(service: &'static str, after: Duration) -> Self {
        Self { site: Site::new(service, "timeout", "", "", 0), deadline: Deadline::new(after) }
    }

    /// Runs `call`, and drops it when the time is up.
    ///
    /// The time starts when the call first has to wait. A call that is ready immediately reads no
    /// clock and arms no timer.
    ///
    /// # Errors
    /// The call's own error, or [`Rejected::TimedOut`](crate::Rejected::TimedOut) converted to `E`.
    pub async fn run<T, E: FromRejected>(
        self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Self { site, deadline } = self;
        let guard = Unguarded { deadline, site: &site };
        Attempt::new(call, None::<Sleep>, (), guard, By(E::from_rejected, ())).await
    }
}
