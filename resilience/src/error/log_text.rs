//! The texts of an error for logs, the same for every event and record: redacted, escaped, bounded,
//! and without letting a panic in `Display` escape.

use std::fmt::Display;

use super::redact::{PANICKED, Redactor};
use crate::support::catch_panic::catch_panic;
use crate::support::escape::{self, ELLIPSIS};
use crate::taxonomy::Evidence;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 4096;
/// The longest text of one cause, in bytes.
const MAX_CAUSE: usize = 1024;
/// The maximum number of causes listed.
const MAX_CAUSES: usize = 8;
/// The maximum number of errors visited in a chain, which may be cyclic.
const MAX_LINKS: usize = 32;

/// An error that an event may contain. Its text is produced only if the event is enabled.
pub(crate) trait Loggable {
    fn text(&self) -> LogText;

    /// The label of the dependency that the error is about, if it says so.
    fn dependency(&self) -> Option<&str>;

    /// Whether the error, or one of its causes, has this code.
    fn has_code(&self, code: &str) -> bool;
}

/// The message of an error, and its causes.
pub(crate) struct LogText {
    pub(crate) message: String,
    /// A JSON array, or `None` if there are no causes.
    pub(crate) causes: Option<String>,
}

impl LogText {
    pub(crate) fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        let redactor = redactor(error, evidence);
        let redactor = redactor.as_ref();
        let message = redacted_text(redactor, error, MAX_MESSAGE);
        Self { causes: causes(redactor, &message, evidence), message }
    }
}

/// The error's own text.
#[cfg(feature = "boundary")]
pub(crate) fn message(error: &dyn Display, evidence: &Evidence<'_>) -> String {
    redacted_text(redactor(error, evidence).as_ref(), error, MAX_MESSAGE)
}

/// The spans around an error. Redacted, because their fields can hold anything.
#[cfg(feature = "tracing-error")]
pub(crate) fn spans(
    trace: &dyn Display,
    error: &dyn Display,
    evidence: &Evidence<'_>,
    limit: usize,
) -> String {
    let redactor = redactor(error, evidence);
    catch_panic(|| Some(escape::lines(redactor?.text(trace), limit)))
        .flatten()
        .unwrap_or_else(|| PANICKED.to_owned())
}

/// Collects the secrets of the whole error, because its causes repeat each other's. `None` if that
/// panics.
fn redactor(error: &dyn Display, evidence: &Evidence<'_>) -> Option<Redactor> {
    catch_panic(|| Redactor::of(error, evidence))
}

fn redacted_text(redactor: Option<&Redactor>, text: &dyn Display, limit: usize) -> String {
    catch_panic(|| Some(escape::line(redactor?.text(text), limit)))
        .flatten()
        .unwrap_or_else(|| PANICKED.to_owned())
}

/// The causes of an error as a JSON array, or `None` if there are none.
///
/// Skips texts that are already listed or equal to the message, such as those of transparent
/// wrappers.
fn causes(redactor: Option<&Redactor>, message: &str, evidence: &Evidence<'_>) -> Option<String> {
    let message = escape::line(message.to_owned(), MAX_CAUSE);
    let mut listed: Vec<String> = Vec::new();
    for link in evidence.chain().take(MAX_LINKS) {
        let text = redacted_text(redactor, &link, MAX_CAUSE);
        if text == message || listed.contains(&text) {
            continue;
        }
        if listed.len() == MAX_CAUSES {
            listed.push(ELLIPSIS.to_owned());
            break;
        }
        listed.push(text);
    }
    (!listed.is_empty()).then(|| json_array(&listed))
}

/// Control characters are escaped already.
fn json_array(texts: &[String]) -> String {
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("[{}]", quoted.join(","))
}
