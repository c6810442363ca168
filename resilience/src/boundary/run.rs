#![allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]

use tracing::Span;
use tracing::instrument::Instrument as _;

use super::builder::Boundary;
use super::exit::keep_failed_context;
use super::future::{BoundaryFuture, Reporting};
use super::info::{self, Edge};
use crate::Classify;
use crate::layer::site::Place;

impl Boundary {
    /// Runs a future within the boundary.
    ///
    /// Dropping the returned future drops the work, and reports nothing.
    ///
    /// # Errors
    /// The future's own, unchanged.
    pub async fn run<T, E: Classify>(
        self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        run(self.or_new_context(), (), info::report::<E>, future).await
    }

    /// Runs a function within the boundary.
    ///
    /// # Errors
    /// The function's own, unchanged.
    pub fn call<T, E: Classify>(self, function: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        call(self.or_new_context(), (), info::report::<E>, function)
    }
}

#[inline]
pub fn run<T, E, F, P, R>(
    boundary: Boundary,
    place: P,
    report: R,
    work: F,
) -> BoundaryFuture<F, P, R>
where
    F: Future<Output = Result<T, E>>,
    P: Place,
    R: Fn(&E, Edge),
{
    let work = Reporting { info: boundary.info, place, report, work };
    match boundary.new_context() {
        None => BoundaryFuture::Inherited { work },
        Some((current, None)) => BoundaryFuture::Created { work: current.hold(work) },
        Some((current, Some(span))) => {
            BoundaryFuture::InSpan { work: Box::pin(current.hold(work.instrument(span))) }
        }
    }
}

#[inline]
pub fn call<T, E>(
    boundary: Boundary,
    place: impl Place + Copy,
    report: impl Fn(&E, Edge),
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let info = boundary.info;
    let work = || {
        let outcome = info.observe_panic(&place, work);
        info.settle(&outcome, &place, report);
        outcome
    };
    match boundary.new_context() {
        None => work(),
        Some((current, span)) => {
            let span = span.unwrap_or_else(Span::none);
            let (outcome, created) = current.sync_hold(|| span.in_scope(work));
            if let (Err(_), Some(context)) = (&outcome, created) {
                keep_failed_context(context);
            }
            outcome
        }
    }
}
