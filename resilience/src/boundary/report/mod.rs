//! Logs each failure once, at its boundary.

mod frames;
mod record;
mod text;

use std::panic::Location;

use record::Failure;

use crate::error::dependency::dependency;
use crate::error::taxonomy::field_names;
use crate::layer::site::Site;
use crate::observe::alert;
use crate::observe::request::dedup::{Fingerprint, Place};
use crate::support::escape;

use crate::{Alert, Category, Classify, RequestContext, shutdown::Shutdown};

/// Logs an error at a boundary, such as a handler, a consumer or the end of `main`.
///
/// Emits one event per failure, described at [`Report`], with the location of this call and the
/// operation of the current [`RequestContext`]. Report only final failures, not errors that are
/// retried or handled.
///
/// ```
/// use resilience::{errors::NotFound, report};
///
/// report(&NotFound::new("user", "42")); // WARN expected_error: NOT_FOUND, error.type = "NOT_FOUND", …
/// ```
#[track_caller]
pub fn report<E: Classify + ?Sized>(error: &E) -> ReportOutcome {
    Report::new(error).emit()
}

/// Builds the log record of an error, with the boundary's location and operation.
///
/// ```
/// use resilience::{errors::NotFound, report::Report};
///
/// let outcome = Report::new(&NotFound::new("user", "42")).operation("get_user").emit();
/// assert!(outcome.is_fresh());
/// ```
///
/// # The record
///
/// A `tracing` event with target `resilience::report`. The severity determines its level and the
/// beginning of its message: `expected_error` (WARN), `unexpected_error` (ERROR) or
/// `critical_error` (ERROR). The code and the operation follow, which take few values, so that
/// messages can be counted: `expected_error: NOT_FOUND in get_user`. It has these fields, except
/// those whose value is unknown:
///
/// | | field | value |
/// |---|---|---|
/// | what | `error.type` | the code, such as `NOT_FOUND` |
/// | | `exception.type` | the error's Rust type |
/// | | `exception.message` | the error's text, at most 4096 bytes; a field of the type `dyn Error`, so that a tracker of errors such as Sentry groups records by the error's type and text |
/// | | `error.fields` | the names of the [invalid fields](Classify::field_errors) of a request, at most 16, without their values |
/// | | `error.chain` | the causes, outermost first: a JSON array of texts of at most 1024 bytes each, without repeats; ends with `"…"` after eight |
/// | | `exception.stacktrace` | the backtrace captured by the error, or else the boundary's, at most 8 KiB, without the frames of tokio, hyper, other parts of the runtime and this crate; only for unexpected and critical errors, and only if enabled by `RUST_BACKTRACE` |
/// | | `span_trace` | the spans around the boundary (feature `tracing-error`, with an `ErrorLayer`); only for unexpected and critical errors |
/// | | `db.system.name`, `db.response.status_code`, `db.constraint` | from a database error: system, code, constraint |
/// | where | `operation` | the operation of the report, or else of the request |
/// | | `function`, `service` | the annotated function, and the label of its layers' events: for `#[boundary]` |
/// | | `dependency` | the label of the dependency that failed: of the layer that rejected the call, or of the first error in the chain that names its callee |
/// | | `code.file.path`, `code.line.number` | the location of the boundary: of the attribute, of the call of `report`, or of the handler; not of the `?` that returned the error |
/// | | `error.location` | where the error was created, if it captured that in a field with `#[service(location)]` |
/// | when | the subscriber's timestamp | |
/// | who | `request_id`, `user_id`, `tenant_id` | from the current [`RequestContext`]; names and operations are cut after 256 bytes |
/// | how bad | `severity` | `expected`, `unexpected`, `critical` |
/// | | `category` | `transient`, `permanent`, `partial`, `fatal`; missing if unclassified |
/// | | `http.response.status_code` | the status for the client |
/// | | `retryable` | whether the same request may succeed later; the same value as in the response |
/// | | `alert` | the kind of [alert](crate::on_alert): `when_repeated`, `when_frequent`, `low_priority`, `at_once`, `never` |
///
/// All texts are redacted: they contain no path, query or credentials from the URL of a
/// `reqwest::Error`, no row values from an `sqlx::Error`, and no credentials in one of the [known
/// forms](#known-forms). At most 64 KiB of a text are formatted. A truncated text ends with `…`.
/// Control characters and line breaks are escaped: `\n`, `\u{1b}`. An error whose `Display` panics
/// or fails is still reported, with the text that could be formatted. Nothing is formatted unless a
/// subscriber or an alert needs it.
///
/// # One failure, one record
///
/// An error that passes several boundaries of one request is logged at the first. The others only
/// log `already_reported` at DEBUG. A failure is identified by its text and those of its causes, so
/// a boundary that converts the error should keep it as the cause (`#[source]`).
///
/// - A request remembers up to 16 failures.
/// - The same text at the location (file and line) that logged it is a new occurrence, as in a
///   loop, and is logged again.
/// - Every other location may see each occurrence once without logging it.
/// - Two unrelated failures with the same text at two locations can't be distinguished: the second
///   is treated as the first.
/// - Without a [`RequestContext`], every report is logged.
///
/// # Other effects
///
/// A fresh report counts toward [alerts](crate::on_alert). Reporting a fatal error requests a
/// [shutdown](crate::shutdown::requested).
///
#[doc = include_str!("../../docs/known_forms.md")]
#[must_use = "a report does nothing until `emit` is called"]
#[derive(Debug)]
pub struct Report<'a, E: ?Sized> {
    error: &'a E,
    type_name: &'static str,
    operation: Option<&'a str>,
    place: Place,
    /// The boundary's location, if the record has another one.
    boundary: Option<Place>,
    /// The annotated function.
    site: Option<&'static Site>,
}

impl<'a, E: Classify + ?Sized> Report<'a, E> {
    /// Creates a report with the location of this call.
    #[track_caller]
    pub fn new(error: &'a E) -> Self {
        let caller = Location::caller();
        let place = Place { file: caller.file(), line: caller.line() };
        Self {
            error,
            type_name: std::any::type_name::<E>(),
            operation: None,
            place,
            boundary: None,
            site: None,
        }
    }

    /// Sets the operation. Default: that of the current [`RequestContext`].
    pub fn operation(mut self, operation: &'a str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Sets the file and line of the boundary.
    pub fn at(mut self, file: &'static str, line: u32) -> Self {
        self.place = Place { file, line };
        self
    }

    /// Sets the boundary's location if it differs from that of the record.
    pub(crate) fn boundary(mut self, boundary: &'static Location<'static>) -> Self {
        self.boundary = Some(Place { file: boundary.file(), line: boundary.line() });
        self
    }

    /// Sets the annotated function.
    pub(crate) fn site(mut self, site: Option<&'static Site>) -> Self {
        self.site = site;
        self
    }

    /// Sets the error's type name, for an error in an internal wrapper.
    pub(crate) fn type_name(mut self, name: &'static str) -> Self {
        self.type_name = name;
        self
    }

    /// Logs the error, unless another boundary of the same request already has.
    ///
    /// Formats and captures nothing unless a subscriber or an alert needs it.
    pub fn emit(self) -> ReportOutcome {
        let class = self.error.classify();
        let context = RequestContext::current();
        let context_operation = context.as_ref().and_then(RequestContext::operation);
        let operation = self.operation.or(context_operation.as_deref()).map(escape::name);
        let failure = Failure {
            error: &self.error,
            type_name: self.type_name,
            class,
            evidence: self.error.evidence(),
            operation: operation.as_deref(),
            place: self.place,
            site: self.site,
            context: context.as_ref(),
            fields: &|| field_names(&self.error.field_errors()),
        };
        let counts_for_alerts = alert::is_wanted();
        let wanted = counts_for_alerts || record::is_wanted(class.severity());
        let fresh = context.as_ref().filter(|_| wanted).is_none_or(|context| {
            let fingerprint = Fingerprint::of(failure.error, &failure.evidence);
            let place = self.boundary.unwrap_or(self.place);
            context.reported_failures(|failures| failures.is_first_occurrence(&fingerprint, place))
        });
        if fresh {
            let message = failure.log();
            if counts_for_alerts && class.alert() != Alert::Never {
                alert::failed(&alert::Failure {
                    operation: failure.operation,
                    dependency: dependency(&class, &failure.evidence),
                    class,
                    message: &message.unwrap_or_else(|| failure.message()),
                    request_id: context.as_ref().map(|context| context.request_id().as_str()),
                });
            }
        } else {
            failure.log_duplicate();
        }
        if class.category() == Some(Category::Fatal) {
            Shutdown::current().request(class.code(), failure.operation);
        }
        ReportOutcome { fresh }
    }
}

/// Whether the error or one of its causes was reported in this context.
pub(crate) fn was_reported(context: &RequestContext, error: &impl Classify) -> bool {
    let fingerprint = Fingerprint::of(error, &error.evidence());
    context.reported_failures(|failures| failures.contains(&fingerprint))
}

/// The outcome of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportOutcome {
    fresh: bool,
}

impl ReportOutcome {
    /// Whether the failure is new. False if another boundary of the same request has already
    /// reported it.
    pub const fn is_fresh(self) -> bool {
        self.fresh
    }
}
