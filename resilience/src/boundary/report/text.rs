//! Formats the texts of a record: redacted, bounded, and without letting a panic in `Display`
//! escape.

use std::error::Error;
use std::fmt::{self, Display, Write as _};

use crate::boundary::request::seen::MAX_LINKS;
use crate::error::redact::{self, PANICKED};
use crate::support::catch_panic::catch_panic;
use crate::support::prefix;
use crate::taxonomy::Evidence;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 4096;
/// The longest text of one cause, in bytes.
const MAX_CAUSE: usize = 1024;
/// The maximum number of causes listed.
const MAX_CAUSES: usize = 8;
/// The longest trace, in bytes.
const MAX_TRACE: usize = 32 * 1024;
/// How much of any text is formatted, in bytes. Far more than is logged, so that a secret isn't
/// truncated before it can be recognized.
const MAX_FORMATTED: usize = 64 * 1024;
/// Marks a truncated text, and the end of an incomplete list of causes.
const ELLIPSIS: &str = "…";

/// The error's own text, redacted.
pub(super) fn message(error: &dyn Display, evidence: &Evidence<'_>) -> String {
    safe_text(error, error, evidence, MAX_MESSAGE)
}

/// The spans around the boundary. Redacted, because their fields can hold anything.
#[cfg(feature = "tracing-error")]
pub(super) fn spans(trace: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    safe_text(trace, error, evidence, MAX_TRACE)
}

/// A backtrace.
pub(super) fn trace(trace: &dyn Display) -> String {
    catch_panic(|| truncate(formatted(trace), MAX_TRACE)).unwrap_or_else(|| PANICKED.to_owned())
}

/// The causes of an error as a JSON array, or `None` if there are none.
///
/// Skips texts that are already listed or equal to the message, such as those of transparent
/// wrappers.
pub(super) fn causes(
    message: &str,
    error: &dyn Display,
    evidence: &Evidence<'_>,
) -> Option<String> {
    let mut listed: Vec<String> = Vec::new();
    for link in evidence.chain().take(MAX_LINKS) {
        let text = cause(link, error, evidence);
        if text == truncate(message.to_owned(), MAX_CAUSE) || listed.contains(&text) {
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
    safe_text(&link, error, evidence, MAX_CAUSE)
}

fn safe_text(
    text: &dyn Display,
    error: &dyn Display,
    evidence: &Evidence<'_>,
    limit: usize,
) -> String {
    catch_panic(|| truncate(redacted(text, error, evidence), limit))
        .unwrap_or_else(|| PANICKED.to_owned())
}

fn formatted(text: &dyn Display) -> String {
    let mut formatted = String::new();
    // If `Display` fails, keep what it has written so far.
    let _ = write!(formatted, "{}", Bounded { text, limit: MAX_FORMATTED });
    formatted
}

/// The text without secrets.
fn redacted(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    redact::text(
        &Bounded { text, limit: MAX_FORMATTED },
        &Bounded { text: error, limit: MAX_FORMATTED },
        evidence,
    )
}

/// Truncates a text to at most `limit` bytes, and then appends an ellipsis.
fn truncate(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(prefix::of(&text, limit).len());
        text.push_str(ELLIPSIS);
    }
    text
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

fn json_array(texts: &[String]) -> String {
    let mut json = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push('"');
        for character in text.chars() {
            match character {
                '"' => json.push_str("\\\""),
                '\\' => json.push_str("\\\\"),
                '\n' => json.push_str("\\n"),
                control if control < ' ' => {
                    let _ = write!(json, "\\u{:04x}", u32::from(control));
                }
                other => json.push(other),
            }
        }
        json.push('"');
    }
    json.push(']');
    json
}
