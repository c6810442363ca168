//! The log record of a failure: collects its fields and emits the event.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::error::Error;
use std::fmt::{self, Display};
use std::sync::Arc;

use tracing::{Level, debug, error, event_enabled, warn};

use super::text;
use crate::error::log_text::{self, LogText};
use crate::error::{database, dependency::dependency};
use crate::layer::site::Site;
use crate::observe::request::dedup::{MAX_LINKS, Place};
use crate::support::catch_panic::catch_panic;
use crate::support::escape;
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
    pub(super) site: Option<&'static Site>,
    pub(super) context: Option<&'a RequestContext>,
    /// The names of the invalid fields of a request.
    pub(super) fields: &'a dyn Fn() -> Option<String>,
}

/// The message of a record. It takes few values, so that records can be grouped and counted by it.
struct Title<'a> {
    name: &'static str,
    failure: &'a Failure<'a>,
}

impl Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, failure: Failure { class, operation, .. } } = self;
        write!(f, "{name}: {}", class.code())?;
        match operation {
            Some(operation) => write!(f, " in {operation}"),
            None => Ok(()),
        }
    }
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
    error: Told,
    causes: Option<String>,
    location: Option<String>,
    backtrace: Option<String>,
    spans: Option<String>,
    user: Option<String>,
    tenant: Option<String>,
    fields: Option<String>,
    database: Database,
}

/// The error as trackers of errors take it: a field that is an error. They group by its type, which
/// they find in its `Debug`, and by its text.
struct Told {
    type_name: &'static str,
    message: String,
}

impl Error for Told {}

impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Told {
    /// `shop::OrderError<shop::Sku>` is an `OrderError`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.type_name.split('<').next().unwrap_or_default();
        f.write_str(path.rsplit([':', ' ']).next().unwrap_or_default())
    }
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
        let Self { type_name, class, operation, place, site, context, .. } = self;
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
                        "exception.message" = &texts().error as &(dyn Error + 'static),
                        "error.chain" = texts().causes.as_deref(),
                        category = class.category().map(|category| category.as_str()),
                        severity = severity.as_str(),
                        "http.response.status_code" = class.status(),
                        "error.fields" = texts().fields.as_deref(),
                        retryable = class.may_succeed_later(),
                        alert = class.alert().as_str(),
                        operation = *operation,
                        service = site.map(Site::service),
                        function = site.map(Site::function),
                        dependency = self.dependency().as_deref(),
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
                    "{}",
                    Title { name: $name, failure: self }
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

    fn dependency(&self) -> Option<Cow<'_, str>> {
        catch_panic(|| dependency(&self.class, &self.evidence)).flatten().map(escape::name)
    }

    /// Logs at DEBUG that another boundary has seen a failure that is already logged.
    pub(super) fn log_duplicate(&self) {
        debug!(
            target: TARGET,
            {
                "error.type" = self.class.code(),
                operation = self.operation,
                service = self.site.map(Site::service),
                function = self.site.map(Site::function),
                dependency = self.dependency().as_deref(),
                "code.file.path" = self.place.file,
                "code.line.number" = self.place.line,
                request_id = self.context.map(|context| context.request_id().as_str())
            },
            "already_reported"
        );
    }

    fn texts(&self) -> Texts {
        let Self { error, class, evidence, context, .. } = self;
        let name = |name: Arc<str>| escape::name(&name).into_owned();
        let LogText { message, causes } = LogText::of(error, evidence);
        let with_traces = class.severity() > Severity::Expected;
        Texts {
            error: Told { type_name: self.type_name, message },
            causes,
            location: evidence.location.map(ToString::to_string),
            backtrace: with_traces.then(|| backtrace(evidence)).flatten(),
            spans: with_traces.then(|| span_trace(error, evidence)).flatten(),
            user: context.and_then(RequestContext::user).map(name),
            tenant: context.and_then(RequestContext::tenant).map(name),
            fields: catch_panic(self.fields).flatten(),
            database: database(evidence),
        }
    }
}

fn database(evidence: &Evidence<'_>) -> Database {
    let details = evidence.chain().take(MAX_LINKS).find_map(database::details);
    details.map_or_else(Database::default, |details| Database {
        system: details.system(),
        code: details.code().map(|code| escape::name(&code).into_owned()),
        constraint: details.constraint().map(|name| escape::name(name).into_owned()),
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
