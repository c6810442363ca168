#![allow(missing_docs, reason = "only the expansion calls these")]

use std::fmt::{self, Display};
use std::panic::Location;

use super::panics;
use super::report::Report;
#[cfg(feature = "dead-letter")]
use crate::RequestContext;
use crate::layer::classified::Classified;
use crate::layer::site::{Place, Site};
use crate::taxonomy::Evidence;
use crate::{Classification, Classify, alert};

/// The operation of a boundary, and its place in the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundaryInfo {
    pub(super) operation: &'static str,
    pub(super) place: &'static Location<'static>,
}

impl BoundaryInfo {
    /// Reports a panic, which then continues.
    #[inline]
    pub(super) fn observe_panic<T>(self, place: &impl Place, work: impl FnOnce() -> T) -> T {
        panics::observe_panic(work, |panicked| {
            panicked.report_at(Some(self.operation), self.place, place.site());
        })
    }

    /// Records a success, or reports the error.
    pub(super) fn settle<T, E>(
        self,
        outcome: &Result<T, E>,
        place: &impl Place,
        report: impl FnOnce(&E, Edge),
    ) {
        match outcome {
            Ok(_) => alert::success(self.operation),
            Err(error) => report(error, Edge { info: self, site: place.site() }),
        }
    }
}

/// A boundary, and the annotated function that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    info: BoundaryInfo,
    site: Option<&'static Site>,
}

impl Edge {
    fn emit<E: Classify>(self, report: Report<'_, E>) {
        let Self { info: BoundaryInfo { operation, place }, site } = self;
        report.operation(operation).at(place.file(), place.line()).site(site).emit();
    }
}

/// Reports an error that classifies itself.
pub fn report<E: Classify>(error: &E, edge: Edge) {
    edge.emit(Report::new(error));
}

/// Reports an error that `classify = …` classifies.
pub fn report_by<E: Display>(error: &E, by: impl FnOnce(&E) -> Classified<E>, edge: Edge) {
    let classified = by(error);
    let error = Foreign { error, class: classified.class, evidence: (classified.evidence)(error) };
    edge.emit(Report::new(&error).type_name(std::any::type_name::<E>()));
}

/// Reports a failure that an annotated function handles itself.
#[cfg(feature = "dead-letter")]
pub fn report_handled<E: Classify>(error: &E, site: &'static Site) {
    of_function(Report::new(error), site);
}

/// The same for an error that `classify = …` classifies.
#[cfg(feature = "dead-letter")]
pub fn report_handled_by<E: Display>(
    error: &E,
    by: impl FnOnce(&E) -> Classified<E>,
    site: &'static Site,
) {
    let classified = by(error);
    let error = Foreign { error, class: classified.class, evidence: (classified.evidence)(error) };
    of_function(Report::new(&error).type_name(std::any::type_name::<E>()), site);
}

/// Reports at the place of the function's attribute. The operation is that of the request, or else
/// the function's name.
#[cfg(feature = "dead-letter")]
fn of_function<E: Classify>(report: Report<'_, E>, site: &'static Site) {
    let (file, line) = site.location();
    let report = report.at(file, line).site(Some(site));
    let named = RequestContext::current().is_some_and(|context| context.operation().is_some());
    if named {
        report.emit()
    } else {
        report.operation(site.function()).emit()
    };
}

/// An error of another crate, with its classification.
struct Foreign<'a, E> {
    error: &'a E,
    class: Classification,
    evidence: Evidence<'a>,
}

impl<E: Display> Display for Foreign<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: Display> Classify for Foreign<'_, E> {
    fn classify(&self) -> Classification {
        self.class
    }

    fn evidence(&self) -> Evidence<'_> {
        self.evidence
    }
}
