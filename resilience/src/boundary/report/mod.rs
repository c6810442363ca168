//! Log records of errors: one for each failure, at its boundary.

mod record;
mod text;

use std::panic::Location;

use record::Failure;

use super::request::seen::{Fingerprint, Place};
use crate::observe::alert;

use crate::{Category, Classify, RequestContext, shutdown::Shutdown};

/// Logs an error at a boundary: a handler, a consumer, the end of a program.
///
/// One event per failure, as [`Report`] describes it. The place is that of the call, the operation
/// is the current [`RequestContext`]'s. What is retried or handled isn't an error yet, and isn't
/// reported.
///
/// ```
/// use resilience::{errors::NotFound, report};
///
/// report(&NotFound::new("user", "42")); // WARN expected_error, error.type = "NOT_FOUND", …
/// ```
#[track_caller]
pub fn report<E: Classify + ?Sized>(error: &E) -> ReportOutcome {
    Report::new(error).emit()
}

/// The log record of an error, before it is made: says where the boundary is and what was being
/// done there.
///
/// ```
/// use resilience::{errors::NotFound, report::Report};
///
/// let reported = Report::new(&NotFound::new("user", "42")).operation("get_user").emit();
/// assert!(reported.is_fresh());
/// ```
///
/// # The record
///
/// A `tracing` event with target `resilience::report`. The severity gives its level and its
/// message: `expected_error` (WARN), `unexpected_error` (ERROR), `critical_error` (ERROR).
/// Everything else is in its fields, of which those that aren't known aren't there:
///
/// | | field | what |
/// |---|---|---|
/// | what | `error.type` | the code, such as `NOT_FOUND` |
/// | | `exception.type` | the error's Rust type |
/// | | `exception.message` | its text, of up to 4096 bytes |
/// | | `error.chain` | the causes, outermost first: a JSON array with the text of each, of up to 1024 bytes, without repeats; after eight it ends with `"…"` |
/// | | `exception.stacktrace` | the backtrace that the error has captured, or else the boundary's; only of what is unexpected or critical, and only if `RUST_BACKTRACE` asks for it |
/// | | `span_trace` | the spans around the boundary (feature `tracing-error`, with an `ErrorLayer`); only of what is unexpected or critical |
/// | | `db.system.name`, `db.response.status_code`, `db.constraint` | what a database's driver says of its error: system, code, constraint |
/// | where | `operation` | what was being done: what the report names, or else the request's |
/// | | `code.file.path`, `code.line.number` | the boundary |
/// | | `error.location` | where the error was made, if it has captured that |
/// | when | the subscriber's timestamp | |
/// | who | `request_id`, `user_id`, `tenant_id` | of the current [`RequestContext`] |
/// | how bad | `severity` | `expected`, `unexpected`, `critical` |
/// | | `category` | `transient`, `permanent`, `partial`, `fatal`; missing where nobody said |
/// | | `http.response.status_code` | the status for the client |
/// | | `retryable` | whether the request may succeed if it is made again, as the answer to the client says |
/// | | `alert` | when [somebody is told](crate::on_alert): `when_repeated`, `when_frequent`, `low_priority`, `at_once` |
///
/// The texts are shown without the credentials of URLs and connection strings, without the path and
/// query of a `reqwest::Error`'s, and without the row values of a database's message; a text that
/// was cut ends with `…`. An error whose `Display` panics or fails is reported with as much as it
/// can tell. Nothing is formatted unless the record, or an alert, is wanted.
///
/// # One failure, one record
///
/// An error that passes several boundaries of one request is logged at the first; the others only
/// say `already_reported`, for debugging. It is known again by its text and by those of its causes,
/// whatever wraps it, so a boundary that makes another error of it should keep the cause
/// (`#[source]`). Each of up to 16 failures of a request is logged once, and lets each other place
/// (file and line) see it once; at the place where it was logged, the same text is the next
/// occurrence, as in a loop. Two failures of one request with the same text at two places, neither
/// of which caused the other, can't be told apart: the second is taken for the first. Without a
/// [`RequestContext`], everything is logged.
///
/// # What else a report does
///
/// A fresh one counts for [alerts](crate::on_alert); that of a fatal error asks for a
/// [shutdown](crate::shutdown::requested).
#[must_use = "a report is made by `emit`"]
#[derive(Debug)]
pub struct Report<'a, E: ?Sized> {
    error: &'a E,
    type_name: &'static str,
    operation: Option<&'a str>,
    place: Place,
    /// The boundary that the error passes, where that isn't the place that the record names.
    passes: Option<Place>,
}

impl<'a, E: Classify + ?Sized> Report<'a, E> {
    /// A report of this error, at the place of the call.
    #[track_caller]
    pub fn new(error: &'a E) -> Self {
        let caller = Location::caller();
        let place = Place { file: caller.file(), line: caller.line() };
        Self { error, type_name: std::any::type_name::<E>(), operation: None, place, passes: None }
    }

    /// Names what was being done. By default it is what the current [`RequestContext`] says.
    pub fn operation(mut self, operation: &'a str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Sets the file and line of the boundary.
    pub fn at(mut self, file: &'static str, line: u32) -> Self {
        self.place = Place { file, line };
        self
    }

    /// Names the boundary, where the record has a place of its own.
    pub(crate) fn passes(mut self, boundary: &'static Location<'static>) -> Self {
        self.passes = Some(Place { file: boundary.file(), line: boundary.line() });
        self
    }

    /// For an error in a wrapper of ours.
    pub(crate) fn type_name(mut self, name: &'static str) -> Self {
        self.type_name = name;
        self
    }

    /// Logs it, unless another boundary of the same request has.
    ///
    /// Formats nothing and captures nothing unless somebody wants the record.
    pub fn emit(self) -> ReportOutcome {
        let class = self.error.classify();
        let context = RequestContext::current();
        let of_context = context.as_ref().and_then(RequestContext::operation);
        let failure = Failure {
            error: &self.error,
            type_name: self.type_name,
            class,
            evidence: self.error.evidence(),
            operation: self.operation.or(of_context.as_deref()),
            place: self.place,
            context: context.as_ref(),
        };
        let alerting = alert::is_wanted();
        let wanted = alerting || record::is_wanted(class.severity());
        let fresh = context.as_ref().filter(|_| wanted).is_none_or(|context| {
            let print = Fingerprint::of(failure.error, &failure.evidence);
            context.seen(|seen| seen.is_first_occurrence(&print, self.passes.unwrap_or(self.place)))
        });
        if fresh {
            failure.log();
        } else {
            failure.passed();
        }
        if fresh && alerting {
            alert::failed(failure.operation, &class);
        }
        if class.category() == Some(Category::Fatal) {
            Shutdown::current().request(class.code(), failure.operation);
        }
        ReportOutcome { fresh }
    }
}

/// Whether the error, or what caused it, was reported in this context.
pub(crate) fn knows(context: &RequestContext, error: &impl Classify) -> bool {
    let print = Fingerprint::of(error, &error.evidence());
    context.seen(|seen| seen.knows(&print))
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportOutcome {
    fresh: bool,
}

impl ReportOutcome {
    /// Whether this is the failure's first report; false if another boundary of the same request
    /// has logged it.
    pub const fn is_fresh(self) -> bool {
        self.fresh
    }
}
