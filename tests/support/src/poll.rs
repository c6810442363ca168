use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Polls a future once, without a waker.
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
