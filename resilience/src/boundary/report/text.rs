//! The texts of a record: safe, of bounded length, and never the reason why a request fails.

use std::error::Error;
use std::fmt::{self, Display, Write as _};

use crate::boundary::request::seen::LINKS;
use crate::error::redact::{self, PANICKED};
use crate::support::catch_panic::catch_panic;
use crate::support::prefix;
use crate::taxonomy::Evidence;

/// The longest message, in bytes.
const MESSAGE: usize = 4096;
/// The longest text of one cause, in bytes.
const CAUSE: usize = 1024;
/// How many causes are listed.
const CAUSES: usize = 8;
/// The longest trace, in bytes.
const TRACE: usize = 32 * 1024;
/// How much of any text is formatted, in bytes: more than is shown, so that what doesn't belong in
/// a log isn't cut in two and then not recognized.
const FORMATTED: usize = 64 * 1024;
/// What stands where a text was cut, and at the end of a list of causes that goes on.
const CUT: &str = "…";

/// The error's own text.
pub(super) fn message(error: &dyn Display, evidence: &Evidence<'_>) -> String {
    words(error, error, evidence, MESSAGE)
}

/// The spans around, with their fields, which hold what anybody has put there.
#[cfg(feature = "tracing-error")]
pub(super) fn spans(trace: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    words(trace, error, evidence, TRACE)
}

/// A backtrace.
pub(super) fn trace(trace: &dyn Display) -> String {
    catch_panic(|| cut(formatted(trace), TRACE)).unwrap_or_else(|| PANICKED.to_owned())
}

/// The causes of an error with this message, as a JSON array. None if there are none.
///
/// A text that has been told already isn't told again, as where a wrapper has the text of what it
/// wraps.
pub(super) fn causes(
    message: &str,
    error: &dyn Display,
    evidence: &Evidence<'_>,
) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    for link in evidence.chain().take(LINKS) {
        let text = cause(link, error, evidence);
        if text == cut(message.to_owned(), CAUSE) || told.contains(&text) {
            continue;
        }
        if told.len() == CAUSES {
            told.push(CUT.to_owned());
            break;
        }
        told.push(text);
    }
    (!told.is_empty()).then(|| json(&told))
}

/// By the evidence of the whole error: what one link says must not be shown, the next one repeats.
fn cause(link: &(dyn Error + 'static), error: &dyn Display, evidence: &Evidence<'_>) -> String {
    words(&link, error, evidence, CAUSE)
}

fn words(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>, limit: usize) -> String {
    catch_panic(|| cut(redacted(text, error, evidence), limit))
        .unwrap_or_else(|| PANICKED.to_owned())
}

fn formatted(text: &dyn Display) -> String {
    let mut told = String::new();
    // What breaks off is told as far as it goes.
    let _ = write!(told, "{}", Bounded { text, limit: FORMATTED });
    told
}

/// The text without what doesn't belong in a log.
fn redacted(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    redact::text(
        &Bounded { text, limit: FORMATTED },
        &Bounded { text: error, limit: FORMATTED },
        evidence,
    )
}

/// A text that was cut is as long as the limit allows and then has a mark.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(prefix::of(&text, limit).len());
        text.push_str(CUT);
    }
    text
}

/// A text of which no more is formatted than the limit allows.
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

fn json(texts: &[String]) -> String {
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
