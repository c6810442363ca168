//! Ends a command-line program after an error: log record, message for the user, exit code.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{ExitCode, Termination};
use std::sync::{Mutex, PoisonError};

use crate::boundary::report::was_reported;
use crate::error::log_text;
use crate::{Category, Classification, Classify, RequestContext, report::Report};

/// Converts the result of a command-line program to an exit code. Logs an error and prints it for
/// the user.
///
/// ```no_run
/// use resilience::errors::MissingConfig;
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     resilience::exit_code(run())
/// }
///
/// fn run() -> Result<(), MissingConfig> {
///     let _url = std::env::var("DATABASE_URL").map_err(|_| MissingConfig::new("DATABASE_URL"))?;
///     Ok(())
/// }
/// ```
///
/// The log record is a [`Report`] with the program's name as its operation, and needs a subscriber.
/// An error already logged by a `#[boundary]` isn't logged again. The message on standard error has
/// the code, the request id if there is one, the error of each invalid field, and a text:
///
/// - for a fatal error, its own text, [redacted](crate::report::Report#the-record), because the
///   operator has to know what is missing,
/// - for any other error, the [public message](Classify::public_message), which contains only what
///   a client may know.
///
/// ```text
/// import: required config missing: DATABASE_URL (MISSING_CONFIG)
///
/// import: Validation failed (VALIDATION_ERROR)
///   email: must contain an @
/// ```
///
/// The exit code is that of [`exit_status`], unless the error sets its own with
/// `#[service(exit_code = 75)]` or [`Classification::with_exit_code`]. A fatal error also requests
/// a [shutdown](crate::shutdown::requested).
#[track_caller]
pub fn exit_code<T: Termination, E: Classify>(result: Result<T, E>) -> ExitCode {
    let error = match result {
        Ok(value) => return value.report(),
        Err(error) => error,
    };
    let program = program();
    let report = Report::new(&error).operation(&program);
    let end = || {
        report.emit();
        // Standard error may be closed. Don't panic, as `eprintln!` would.
        let _ = std::io::stderr().lock().write_all(user_message(&program, &error).as_bytes());
    };
    match reporting_context(&error) {
        Some(context) => context.sync_scope(end),
        None => end(),
    }
    ExitCode::from(exit_status(&error.classify()))
}

/// The context of the outermost boundary that failed last. It has already ended when its error
/// reaches `main`.
static FAILED: Mutex<Option<RequestContext>> = Mutex::new(None);

/// Keeps the context of a failed boundary, which holds its reports, after it has ended.
pub(crate) fn keep_failed_context(context: RequestContext) {
    *FAILED.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
}

/// The kept context, if this error was reported there.
fn reporting_context(error: &impl Classify) -> Option<RequestContext> {
    if RequestContext::current().is_some() {
        return None;
    }
    let context = FAILED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    context.filter(|context| was_reported(context, error))
}

/// The exit code for an error: its [own](Classification::exit_code), or one of BSD's `sysexits.h`.
///
/// The first matching row applies:
///
/// | error | exit code | name |
/// |---|---|---|
/// | has its own | that one | |
/// | fatal `MISSING_CONFIG` | 78 | `EX_CONFIG` |
/// | `IO_ERROR`, `STORAGE_FULL`, `QUOTA_EXCEEDED` | 74 | `EX_IOERR` |
/// | any other fatal error | 70 | `EX_SOFTWARE` |
/// | status 401, 403 | 77 | `EX_NOPERM` |
/// | status 404, 410 | 66 | `EX_NOINPUT` |
/// | transient, with status 502 or 503; partial, with status 503 | 69 | `EX_UNAVAILABLE` |
/// | transient | 75 | `EX_TEMPFAIL` |
/// | any other status below 500 | 65 | `EX_DATAERR` |
/// | all else | 70 | `EX_SOFTWARE` |
///
/// ```
/// use resilience::{Classify, errors::NotFound, exit::exit_status};
///
/// assert_eq!(exit_status(&NotFound::new("file", "users.csv").classify()), 66);
/// ```
pub fn exit_status(error: &Classification) -> u8 {
    if let Some(own) = error.exit_code() {
        return own;
    }
    match (error.category(), error.code(), error.status()) {
        (Some(Category::Fatal), "MISSING_CONFIG", _) => 78,
        (_, "IO_ERROR" | "STORAGE_FULL" | "QUOTA_EXCEEDED", _) => 74,
        (Some(Category::Fatal), ..) => 70,
        (_, _, 401 | 403) => 77,
        (_, _, 404 | 410) => 66,
        (Some(Category::Transient), _, 502 | 503) | (Some(Category::Partial), _, 503) => 69,
        (Some(Category::Transient), ..) => 75,
        (_, _, ..=499) => 65,
        _ => 70,
    }
}

fn user_message(program: &str, error: &dyn Classify) -> String {
    let class = error.classify();
    let message = match class.category() {
        Some(Category::Fatal) => log_text::message(&error, &error.evidence()).into(),
        _ => error.public_message(),
    };
    let mut text = format!("{program}: {} ({}", one_line(&message), class.code());
    if let Some(context) = RequestContext::current() {
        let _ = write!(text, ", request {}", context.request_id());
    }
    text.push_str(")\n");
    if class.status() < 500 {
        for field in error.field_errors().iter() {
            let _ = writeln!(text, "  {}: {}", one_line(field.field()), one_line(field.detail()));
        }
    }
    text
}

/// Replaces control characters, so that untrusted text can't control the terminal.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, " ").into()
    } else {
        text.into()
    }
}

fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path)
        .file_stem()
        .map_or_else(|| "program".to_owned(), |name| name.to_string_lossy().into_owned())
}
