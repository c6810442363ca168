//! The texts of a record: safe, of bounded length, and never the reason why a request fails.

use std::error::Error;
use std::fmt::{self, Display, Write as _};

use crate::Evidence;
use crate::caught::caught;

/// The longest message, in bytes.
const MESSAGE: usize = 4096;
/// The longest text of one cause, in bytes.
const CAUSE: usize = 1024;
/// How many causes are listed.
const CAUSES: usize = 8;
/// The longest trace, in bytes.
const TRACE: usize = 32 * 1024;
/// What stands where a text was cut, and at the end of a list of causes that goes on.
const CUT: &str = "…";
/// What stands for a text whose `Display` panicked.
const PANICKED: &str = "(the text can't be told: its `Display` panicked)";

/// The error's own text.
pub(super) fn message(error: &dyn Display, evidence: &Evidence<'_>) -> String {
    words(error, evidence, MESSAGE)
}

/// A backtrace, or a span trace.
pub(super) fn trace(trace: &dyn Display) -> String {
    caught(|| bounded(trace, TRACE)).unwrap_or_else(|| PANICKED.to_owned())
}

/// The causes of an error with this message, as a JSON array. None if there are none.
///
/// A text that has been told already isn't told again, as where a wrapper has the text of what it wraps.
pub(super) fn causes(message: &str, evidence: &Evidence<'_>) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    for link in evidence.chain().take(super::LINKS) {
        let text = cause(link);
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

fn cause(link: &(dyn Error + 'static)) -> String {
    words(&link, &Evidence::of(link), CAUSE)
}

fn words(text: &dyn Display, evidence: &Evidence<'_>, limit: usize) -> String {
    caught(|| cut(redacted(text, evidence), limit)).unwrap_or_else(|| PANICKED.to_owned())
}

/// The text without what doesn't belong into a log.
fn redacted(text: &dyn Display, _: &Evidence<'_>) -> String {
    bounded(text, MESSAGE)
}

/// A text that was cut is as long as the limit allows and then has a mark.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push_str(CUT);
    }
    text
}

/// Formats no more than can be kept. A `Display` that reports a failure of its own has said what it could.
fn bounded(text: &dyn Display, limit: usize) -> String {
    struct Bounded {
        text: String,
        limit: usize,
    }

    impl fmt::Write for Bounded {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = self.limit - self.text.len().min(self.limit);
            if part.len() <= room {
                self.text.push_str(part);
                return Ok(());
            }
            self.text.push_str(&part[..part.floor_char_boundary(room)]);
            self.text.push_str(CUT);
            self.limit = 0;
            Err(fmt::Error)
        }
    }

    let mut bounded = Bounded { text: String::new(), limit };
    // An error says that the text was cut, or that the `Display` failed; either way there is no more to tell.
    let _ = write!(bounded, "{text}");
    bounded.text
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
