#![allow(missing_docs, reason = "only the expansion calls these")]

use std::fmt::{self, Display};
use std::panic::Location;

use super::panics;
use super::report::Report;
use crate::layer::classified::Classified;
use crate::taxonomy::Evidence;
use crate::{Classification, Classify, alert};

/// The operation of a boundary, and its place in the source.
#[derive(Debug, Clone, Copy)]
pub struct BoundaryInfo {
    pub(super) operation: &'static str,
    pub(super) place: &'static Location<'static>,
}

impl BoundaryInfo {
    /// Reports a panic, which then continues.
    #[inline]
    pub(super) fn observe_panic<T>(self, work: impl FnOnce() -> T) -> T {
        panics::observe_panic(work, |panicked| panicked.report(Some(self.operation), self.place))
    }

    /// Records a success, or reports the error.
    pub(super) fn settle<T, E>(self, outcome: &Result<T, E>, report: impl FnOnce(&E, Self)) {
        match outcome {
            Ok(_) => alert::success(self.operation),
            Err(error) => report(error, self),
        }
    }
}

/// Reports an error that classifies itself.
pub fn report<E: Classify>(error: &E, info: BoundaryInfo) {
    Report::new(error).operation(info.operation).at(info.place.file(), info.place.line()).emit();
}

/// Reports an error that `classify = …` classifies.
pub fn report_by<E: Display>(error: &E, by: impl FnOnce(&E) -> Classified<E>, info: BoundaryInfo) {
    let classified = by(error);
    let error = Foreign { error, class: classified.class, evidence: (classified.evidence)(error) };
    Report::new(&error)
        .type_name(std::any::type_name::<E>())
        .operation(info.operation)
        .at(info.place.file(), info.place.line())
        .emit();
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
