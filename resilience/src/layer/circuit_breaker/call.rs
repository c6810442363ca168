use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Began, CircuitBreaker, Permit};
use crate::{Classify, taxonomy::FromRejected};

pin_project! {
    /// The future of [`CircuitBreaker::call`].
    ///
    /// Written by hand because an `async fn` moves its arguments once more, and moving a newly
    /// created future takes longer than checking the breaker.
    #[must_use = "futures do nothing unless they are awaited"]
    pub(super) struct Call<'a, F> {
        breaker: &'a CircuitBreaker,
        // Dropped before the permit, which is released when the call is over.
        #[pin]
        future: Option<F>,
        // Held here between polls.
        permit: Option<Permit<'a, Began>>,
    }
}

impl<'a, F> Call<'a, F> {
    #[inline]
    pub(super) const fn new(breaker: &'a CircuitBreaker, future: F) -> Self {
        Self { breaker, future: Some(future), permit: None }
    }
}

impl<T, E, F> Future for Call<'_, F>
where
    E: Classify + FromRejected,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Taken out, so that a panic drops it.
        let permit = match this.permit.take() {
            Some(permit) => permit,
            None => match this.breaker.acquire() {
                Ok(permit) => permit.began(),
                Err(rejected) => {
                    this.future.set(None);
                    return Poll::Ready(Err(E::from_rejected(rejected)));
                }
            },
        };
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a call through a circuit breaker was polled after it had ended");
        };
        match future.poll(cx) {
            Poll::Pending => {
                *this.permit = Some(permit);
                Poll::Pending
            }
            // Moves only the value on success, not the whole result.
            Poll::Ready(Ok(value)) if permit.is_current() => {
                this.future.set(None);
                permit.done();
                Poll::Ready(Ok(value))
            }
            Poll::Ready(result) => {
                this.future.set(None);
                permit.settle(&result, E::classify);
                Poll::Ready(result)
            }
        }
    }
}
