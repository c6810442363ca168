//! A timeout that polls the call first, and only needs a timer if the call isn't ready.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use resilience::Rejected;
use tokio::time::Sleep;

use crate::body::CallError;

pin_project! {
    pub(super) struct Lazy<F> {
        #[pin]
        sleep: Option<Sleep>,
        limit: Duration,
        #[pin]
        call: F,
    }
}

impl<F> Lazy<F> {
    pub(super) const fn new(limit: Duration, call: F) -> Self {
        Self { sleep: None, limit, call }
    }
}

impl<T, F: Future<Output = Result<T, CallError>>> Future for Lazy<F> {
    type Output = Result<T, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(outcome) = this.call.poll(cx) {
            return Poll::Ready(outcome);
        }
        if this.sleep.is_none() {
            this.sleep.set(Some(tokio::time::sleep(*this.limit)));
        }
        match this.sleep.as_pin_mut().map(|sleep| sleep.poll(cx)) {
            Some(Poll::Ready(())) => {
                Poll::Ready(Err(Rejected::timed_out("service", *this.limit).into()))
            }
            _ => Poll::Pending,
        }
    }
}

pub(super) async fn eager<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(limit, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Rejected::timed_out("service", limit).into()),
    }
}
