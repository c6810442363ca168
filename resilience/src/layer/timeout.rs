//! Limits on how long a call may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
// The path before tokio 1.44. Both paths are public.
use tokio::task::{Unconstrained, unconstrained};
use tokio::time::Sleep;

use super::context::{self, Frame, enter};
pub use super::deadline::Deadline;
use crate::layer::events;
use crate::layer::site::Site;
use crate::{Rejected, taxonomy::FromRejected};

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
    /// The call's own error, or [`Rejected::TimedOut`] converted to `E`.
    pub async fn run<T, E: FromRejected>(
        self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        Timed::new(&self.deadline, &self.site, E::from_rejected, call).await
    }
}

pin_project! {
    /// A call with a [`Deadline`].
    #[allow(missing_debug_implementations)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timed<'a, F, R, A = ()> {
        // Unconstrained. Otherwise the timer would never make progress if the call uses up the
        // task's budget at every poll.
        #[pin]
        sleep: Option<Unconstrained<Sleep>>,
        deadline: &'a Deadline<'a>,
        site: &'a Site,
        reject: R,
        attempt: A,
        #[pin]
        call: F,
    }
}

impl<'a, F, R> Timed<'a, F, R> {
    /// `reject` converts the layer's own failure into the call's error type.
    #[inline]
    pub const fn new(deadline: &'a Deadline<'a>, site: &'a Site, reject: R, call: F) -> Self {
        Self { sleep: None, deadline, site, reject, attempt: (), call }
    }
}

impl<'a> Frame<'a> {
    /// Like [`scope`](Self::scope), with a timeout around it.
    #[inline]
    pub const fn timed<F, R>(
        self,
        deadline: &'a Deadline<'a>,
        site: &'a Site,
        reject: R,
        body: F,
    ) -> Timed<'a, F, R, Self> {
        Timed { sleep: None, deadline, site, reject, attempt: self, call: body }
    }
}

/// What is visible to a call while it is polled: the [`Frame`] of an attempt, or nothing.
pub trait Visible {
    /// Polls the call.
    fn during<T>(&self, deadline: &Deadline<'_>, poll: impl FnOnce() -> T) -> T;
}

impl Visible for () {
    #[inline]
    fn during<T>(&self, deadline: &Deadline<'_>, poll: impl FnOnce() -> T) -> T {
        context::within(deadline, poll)
    }
}

impl Visible for Frame<'_> {
    #[inline]
    fn during<T>(&self, _: &Deadline<'_>, poll: impl FnOnce() -> T) -> T {
        enter(self, poll)
    }
}

impl<T, E, F, R, A> Future for Timed<'_, F, R, A>
where
    F: Future<Output = Result<T, E>>,
    R: Fn(Rejected) -> E,
    A: Visible,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call;
        if let Poll::Ready(outcome) = this.attempt.during(this.deadline, || call.poll(cx)) {
            return Poll::Ready(outcome);
        }
        match wait(this.sleep, this.deadline, this.site, cx) {
            Poll::Ready(rejected) => Poll::Ready(Err((this.reject)(rejected))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn wait(
    mut sleep: Pin<&mut Option<Unconstrained<Sleep>>>,
    deadline: &Deadline<'_>,
    site: &Site,
    cx: &mut Context<'_>,
) -> Poll<Rejected> {
    if sleep.is_none() {
        sleep.set(Some(unconstrained(tokio::time::sleep_until(deadline.start()))));
    }
    match sleep.as_pin_mut().map(|sleep| sleep.poll(cx)) {
        Some(Poll::Ready(())) => {
            // Fires before the call is dropped, so that a permit inside it settles as timed out.
            deadline.fire();
            let failure = deadline.last_failure();
            events::call_timed_out(site, deadline.after(), failure);
            // The frames that are visible here are those of enclosing calls.
            context::note_failure(site.service(), "NETWORK_TIMEOUT");
            Poll::Ready(Rejected::timed_out_after(site.service(), deadline.after(), failure))
        }
        _ => Poll::Pending,
    }
}
