use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tracing::instrument::Instrumented;

use super::exit::keep_failed_context;
use super::info::{BoundaryInfo, Edge};
use crate::layer::site::Place;
use crate::observe::request::Current;

type InNewContext<F> = TaskLocalFuture<Current, F>;

pin_project! {
    /// Work within a boundary.
    #[project = Projected]
    #[allow(missing_debug_implementations)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub enum BoundaryFuture<F, P, R> {
        /// In the current context.
        Inherited { #[pin] work: Reporting<F, P, R> },
        /// In a new context.
        Created { #[pin] work: InNewContext<Reporting<F, P, R>> },
        /// In a new context with a span. Boxed, so that the usual case stays as small as the work;
        /// a span allocates anyway.
        InSpan { work: Pin<Box<InNewContext<Instrumented<Reporting<F, P, R>>>>> },
    }
}

pin_project! {
    /// Reports the outcome of the work, in the work's own context and span.
    #[allow(missing_debug_implementations)]
    pub struct Reporting<F, P, R> {
        pub(super) info: BoundaryInfo,
        pub(super) place: P,
        pub(super) report: R,
        #[pin]
        pub(super) work: F,
    }
}

impl<T, E, F, P, R> Future for BoundaryFuture<F, P, R>
where
    F: Future<Output = Result<T, E>>,
    P: Place,
    R: Fn(&E, Edge),
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Inherited { work } => work.poll(cx),
            Projected::Created { mut work } => {
                let outcome = work.as_mut().poll(cx);
                if let Poll::Ready(Err(_)) = &outcome {
                    remember_failure(work);
                }
                outcome
            }
            Projected::InSpan { work } => {
                let outcome = work.as_mut().poll(cx);
                if let Poll::Ready(Err(_)) = &outcome {
                    remember_failure(work.as_mut());
                }
                outcome
            }
        }
    }
}

/// Keeps the new context of failed work for `exit_code`, if it was created.
#[cold]
fn remember_failure<F>(work: Pin<&mut InNewContext<F>>) {
    if let Some(context) = work.take_value().and_then(Current::into_created) {
        keep_failed_context(context);
    }
}

impl<T, E, F, P, R> Future for Reporting<F, P, R>
where
    F: Future<Output = Result<T, E>>,
    P: Place,
    R: Fn(&E, Edge),
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = this.info.observe_panic(this.place, || this.work.poll(cx));
        if let Poll::Ready(outcome) = &outcome {
            this.info.settle(outcome, this.place, &*this.report);
        }
        outcome
    }
}
