//! The context that the attributes provide to a body: the attempt number and the time limit.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

thread_local! {
    static ATTEMPT: Cell<u64> = const { Cell::new(1) };
    /// In nanoseconds. `u64::MAX` without a limit.
    static LIMIT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Returns the attempt number and limit of the current body.
pub(super) fn current() -> (u64, u64) {
    (ATTEMPT.get(), LIMIT.get())
}

/// Restores the previous context, even if the body panics.
struct Restore(u64, u64);

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        ATTEMPT.set(self.0);
        LIMIT.set(self.1);
    }
}

pin_project! {
    /// Wraps a body so that it can read its context.
    pub(super) struct Shown<F> {
        attempt: u64,
        limit: u64,
        #[pin]
        body: F,
    }
}

impl<F> Shown<F> {
    pub(super) const fn new(attempt: u64, limit: u64, body: F) -> Self {
        Self { attempt, limit, body }
    }
}

impl<F: Future> Future for Shown<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _restore = Restore(ATTEMPT.replace(*this.attempt), LIMIT.replace(*this.limit));
        this.body.poll(cx)
    }
}
