//! The texts of an error for logs, the same for every event and record: redacted, escaped, bounded,
//! and without letting a panic in `Display` escape.

use std::error::Error;
use std::fmt::{self, Display, Write as _};

use super::redact::{self, PANICKED};
use crate::support::catch_panic::catch_panic;
use crate::support::escape::{self, ELLIPSIS};
use crate::support::prefix;
use crate::taxonomy::Evidence;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 4096;
/// The longest text of one cause, in bytes.
const MAX_CAUSE: usize = 1024;
/// The maximum number of causes listed.
const MAX_CAUSES: usize = 8;
/// The maximum number of errors visited in a chain, which may be cyclic.
const MAX_LINKS: usize = 32;
/// How much of any text is formatted, in bytes. Far more than is logged, so that a secret isn't
/// truncated before it can be recognized.
const MAX_FORMATTED: usize = 64 * 1024;

/// An error that an event may tell. Does no work until an event is enabled.
pub(crate) trait Tell {
    fn text(&self) -> LogText;
}

/// The message of an error, and its causes.
pub(crate) struct LogText {
    pub(crate) message: String,
    /// A JSON array, or `None` if there are no causes.
    pub(crate) causes: Option<String>,
}

impl LogText {
    pub(crate) fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        let message = message(error, evidence);
        Self { causes: causes(&message, error, evidence), message }
    }
}

/// The error's own text.
pub(crate) fn message(error: &dyn Display, evidence: &Evidence<'_>) -> String {
    catch_panic(|| escape::line(redacted(error, error, evidence), MAX_MESSAGE))
        .unwrap_or_else(|| PANICKED.to_owned())
}

/// The spans around an error. Redacted, because their fields can hold anything.
#[cfg(feature = "tracing-error")]
pub(crate) fn spans(
    trace: &dyn Display,
    error: &dyn Display,
    evidence: &Evidence<'_>,
    limit: usize,
) -> String {
    catch_panic(|| escape::lines(redacted(trace, error, evidence), limit))
        .unwrap_or_else(|| PANICKED.to_owned())
}

/// The causes of an error as a JSON array, or `None` if there are none.
///
/// Skips texts that are already listed or equal to the message, such as those of transparent
/// wrappers.
fn causes(message: &str, error: &dyn Display, evidence: &Evidence<'_>) -> Option<String> {
    let message = cut(message.to_owned());
    let mut listed: Vec<String> = Vec::new();
    for link in evidence.chain().take(MAX_LINKS) {
        let text = cause(link, error, evidence);
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

/// Redacts a cause by the evidence of the whole error, because causes repeat each other's secrets.
fn cause(link: &(dyn Error + 'static), error: &dyn Display, evidence: &Evidence<'_>) -> String {
    catch_panic(|| cut(redacted(&link, error, evidence))).unwrap_or_else(|| PANICKED.to_owned())
}

fn cut(text: String) -> String {
    escape::line(text, MAX_CAUSE)
}

/// The text without secrets.
fn redacted(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    redact::text(
        &Bounded { text, limit: MAX_FORMATTED },
        &Bounded { text: error, limit: MAX_FORMATTED },
        evidence,
    )
}

/// Formats at most `limit` bytes of a text.
struct Bounded<'a> {
    text: &'a dyn Display,
    limit: usize,
}

impl Display for Bounded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Writer<'a, 'f> {
            to: &'a mut fmt::Formatter<'f>,
            left: usize,
        }

        impl fmt::Write for Writer<'_, '_> {
            fn write_str(&mut self, part: &str) -> fmt::Result {
                let fits = prefix::of(part, self.left);
                self.left -= fits.len();
                self.to.write_str(fits)?;
                if fits.len() < part.len() { Err(fmt::Error) } else { Ok(()) }
            }
        }

        write!(Writer { to: f, left: self.limit }, "{}", self.text)
    }
}

/// Control characters are escaped already.
fn json_array(texts: &[String]) -> String {
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("[{}]", quoted.join(","))
}
