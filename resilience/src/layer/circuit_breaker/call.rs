use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{CircuitBreaker, Permit};
use crate::{Classify, taxonomy::FromRejected};

pin_project! {
    /// The future of [`CircuitBreaker::call`].
    ///
    /// Written by hand because an `async fn` moves its arguments once more, and moving a newly
    /// created future takes longer than checking the breaker.
    #[must_use = "futures do nothing unless they are awaited"]
    pub(super) struct Call<'a, F> {
        // Dropped before the permit, which is released when the call is over.
        #[pin]
        future: Option<F>,
        // Granted at the first poll.
        permit: Permit<'a>,
    }
}

impl<'a, F> Call<'a, F> {
    #[inline]
    pub(super) const fn new(breaker: &'a CircuitBreaker, future: F) -> Self {
        Self { future: Some(future), permit: Permit::vacant((), breaker) }
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
        if !this.permit.is_granted() {
            if let Err(rejected) = this.permit.request() {
                this.future.set(None);
                return Poll::Ready(Err(E::from_rejected(rejected)));
            }
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a call through a circuit breaker was polled after it had ended");
        };
        match this.permit.release_on_panic(|| future.poll(cx)) {
            Poll::Pending => Poll::Pending,
            // Moves only the value on success, not the whole result.
            Poll::Ready(Ok(value)) => {
                this.future.set(None);
                this.permit.record_success();
                Poll::Ready(Ok(value))
            }
            Poll::Ready(Err(error)) => {
                this.future.set(None);
                this.permit.record_failure(&error.classify());
                Poll::Ready(Err(error))
            }
        }
    }
}
