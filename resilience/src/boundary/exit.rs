//! The end of a command-line program: a log record, a message for its user, an exit code.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{ExitCode, Termination};
use std::sync::{Mutex, PoisonError};

use crate::boundary::report::knows;
use crate::{Category, Classification, Classify, RequestContext, report::Report};

/// Ends a command line program: logs the error, tells the person in front of it, and returns the
/// exit code.
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
/// The record is a [`Report`] with the program's name as its operation, which needs a subscriber.
/// What the `#[boundary]` of the work has logged isn't logged again; its request id is told to the
/// person, too. The person reads, on the standard error, what a client would read and nothing else
/// of the error: the [public message](Classify::public_message), the code, the request id if there
/// is one, and what is wrong with each field.
///
/// ```text
/// import: Validation failed (VALIDATION_ERROR)
///   email: must contain an @
/// ```
///
/// The exit code is the one of [`exit_status`]. A fatal error asks for a
/// [shutdown](crate::shutdown::requested) too.
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
        // Nobody reads a closed standard error; that is no reason to panic.
        let _ = std::io::stderr().lock().write_all(for_people(&program, &error).as_bytes());
    };
    match reported_in(&error) {
        Some(context) => context.sync_scope(end),
        None => end(),
    }
    ExitCode::from(exit_status(&error.classify()))
}

/// The context of the outermost boundary that has failed last, which is over when its error gets to
/// `main`.
static FAILED: Mutex<Option<RequestContext>> = Mutex::new(None);

/// Keeps what has been reported in a context that a boundary has made, beyond its end.
pub(crate) fn failed_in(context: RequestContext) {
    *FAILED.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
}

/// Where the error was reported, if it comes from there.
fn reported_in(error: &impl Classify) -> Option<RequestContext> {
    if RequestContext::current().is_some() {
        return None;
    }
    let context = FAILED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    context.filter(|context| knows(context, error))
}

/// The exit code of a program that ends with such an error, after BSD's `sysexits.h`.
///
/// The first row that applies:
///
/// | error | exit code | name |
/// |---|---|---|
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

fn for_people(program: &str, error: &dyn Classify) -> String {
    let mut text =
        format!("{program}: {} ({}", one_line(&error.public_message()), error.classify().code());
    if let Some(context) = RequestContext::current() {
        let _ = write!(text, ", request {}", context.request_id());
    }
    text.push_str(")\n");
    if error.classify().status() < 500 {
        for field in error.field_errors().iter() {
            let _ = writeln!(text, "  {}: {}", one_line(field.field()), one_line(field.detail()));
        }
    }
    text
}

/// What came from outside doesn't steer the terminal.
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
