//! What the attributes show a body: the number of its attempt, and how long it may take.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

thread_local! {
    static ATTEMPT: Cell<u64> = const { Cell::new(1) };
    /// In nanoseconds; the largest number without a limit.
    static LIMIT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// The attempt of the body that asks, and its limit.
pub(super) fn current() -> (u64, u64) {
    (ATTEMPT.get(), LIMIT.get())
}

/// Puts back what was there, also when the body panics.
struct Restore(u64, u64);

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        ATTEMPT.set(self.0);
        LIMIT.set(self.1);
    }
}

pin_project! {
    /// A body that can ask.
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
