//! The log record of a failure: collects its fields and emits the event.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Display;
use std::sync::Arc;

use tracing::{Level, debug, error, event_enabled, warn};

use super::text;
use crate::boundary::request::seen::{MAX_LINKS, Place};
use crate::error::database;
use crate::error::log_text::{self, LogText};
use crate::support::catch_panic::catch_panic;
use crate::{Classification, RequestContext, Severity, taxonomy::Evidence};

const TARGET: &str = "resilience::report";

/// A failure to report, before anything is formatted.
pub(super) struct Failure<'a> {
    pub(super) error: &'a dyn Display,
    pub(super) type_name: &'static str,
    pub(super) class: Classification,
    pub(super) evidence: Evidence<'a>,
    pub(super) operation: Option<&'a str>,
    pub(super) place: Place,
    pub(super) context: Option<&'a RequestContext>,
    /// The names of the invalid fields of a request.
    pub(super) fields: &'a dyn Fn() -> Option<String>,
}

/// Whether a subscriber is interested in records of this severity.
pub(super) fn is_wanted(severity: Severity) -> bool {
    match severity {
        Severity::Expected => event_enabled!(target: TARGET, Level::WARN),
        Severity::Unexpected | Severity::Critical => event_enabled!(target: TARGET, Level::ERROR),
    }
}

/// The fields that have to be formatted.
struct Texts {
    error: LogText,
    location: Option<String>,
    backtrace: Option<String>,
    spans: Option<String>,
    user: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    fields: Option<String>,
    database: Database,
}

/// Details of the first database error in the chain.
#[derive(Default)]
struct Database {
    system: Option<&'static str>,
    code: Option<String>,
    constraint: Option<String>,
}

impl Failure<'_> {
    /// Returns the error's text if it was formatted.
    pub(super) fn log(&self) -> Option<String> {
        let Self { type_name, class, operation, place, context, .. } = self;
        let severity = class.severity();
        // Fields are evaluated only if the event is enabled, either by a subscriber or by the crate
        // `log`, which `is_wanted` can't query.
        let formatted = OnceCell::new();
        let texts = || formatted.get_or_init(|| self.texts());

        macro_rules! record {
            ($level:ident, $name:literal) => {
                $level!(
                    target: TARGET,
                    {
                        "error.type" = class.code(),
                        "exception.type" = *type_name,
                        "exception.message" = texts().error.message.as_str(),
                        "error.chain" = texts().error.causes.as_deref(),
                        category = class.category().map(|category| category.as_str()),
                        severity = severity.as_str(),
                        "http.response.status_code" = class.status(),
                        "error.fields" = texts().fields.as_deref(),
                        retryable = class.may_succeed_later(),
                        alert = class.alert().as_str(),
                        operation = *operation,
                        "code.file.path" = place.file,
                        "code.line.number" = place.line,
                        "error.location" = texts().location.as_deref(),
                        request_id = context.map(|context| context.request_id().as_str()),
                        user_id = texts().user.as_deref(),
                        tenant_id = texts().tenant.as_deref(),
                        "db.system.name" = texts().database.system,
                        "db.response.status_code" = texts().database.code.as_deref(),
                        "db.constraint" = texts().database.constraint.as_deref(),
                        "exception.stacktrace" = texts().backtrace.as_deref(),
                        span_trace = texts().spans.as_deref()
                    },
                    $name
                )
            };
        }
        match severity {
            Severity::Expected => record!(warn, "expected_error"),
            Severity::Unexpected => record!(error, "unexpected_error"),
            Severity::Critical => record!(error, "critical_error"),
        }
        formatted.into_inner().map(|texts| texts.error.message)
    }

    /// The error's text, redacted.
    pub(super) fn message(&self) -> String {
        log_text::message(&self.error, &self.evidence)
    }

    /// Logs at DEBUG that another boundary has seen a failure that is already logged.
    pub(super) fn log_duplicate(&self) {
        debug!(
            target: TARGET,
            {
                "error.type" = self.class.code(),
                operation = self.operation,
                "code.file.path" = self.place.file,
                "code.line.number" = self.place.line,
                request_id = self.context.map(|context| context.request_id().as_str())
            },
            "already_reported"
        );
    }

    fn texts(&self) -> Texts {
        let Self { error, class, evidence, context, .. } = self;
        let with_traces = class.severity() > Severity::Expected;
        Texts {
            error: LogText::of(error, evidence),
            location: evidence.location.map(ToString::to_string),
            backtrace: with_traces.then(|| backtrace(evidence)).flatten(),
            spans: with_traces.then(|| span_trace(error, evidence)).flatten(),
            user: context.and_then(RequestContext::user),
            tenant: context.and_then(RequestContext::tenant),
            fields: catch_panic(self.fields).flatten(),
            database: database(evidence),
        }
    }
}

fn database(evidence: &Evidence<'_>) -> Database {
    let details = evidence.chain().take(MAX_LINKS).find_map(database::details);
    details.map_or_else(Database::default, |details| Database {
        system: details.system(),
        code: details.code().map(Cow::into_owned),
        constraint: details.constraint().map(ToOwned::to_owned),
    })
}

/// The backtrace captured by the error, or else the boundary's. `None` unless enabled by
/// `RUST_BACKTRACE`.
fn backtrace(evidence: &Evidence<'_>) -> Option<String> {
    let captured = |trace: &Backtrace| {
        (trace.status() == BacktraceStatus::Captured).then(|| text::trace(trace))
    };
    evidence.backtrace.and_then(captured).or_else(|| captured(&Backtrace::capture()))
}

#[cfg(feature = "tracing-error")]
fn span_trace(error: &dyn Display, evidence: &Evidence<'_>) -> Option<String> {
    let trace = tracing_error::SpanTrace::capture();
    (trace.status() == tracing_error::SpanTraceStatus::CAPTURED)
        .then(|| text::spans(&trace, error, evidence))
}

#[cfg(not(feature = "tracing-error"))]
fn span_trace(_: &dyn Display, _: &Evidence<'_>) -> Option<String> {
    None
}
