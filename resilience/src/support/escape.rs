//! Makes a text of any origin fit for a line of a log.

use std::borrow::Cow;

use super::prefix;

/// Marks a text that was cut.
pub(crate) const ELLIPSIS: &str = "…";

/// At most `limit` bytes of a text, and an ellipsis if that isn't all of it. A character that could
/// begin a line, control a terminal, or change the order of what is shown becomes an escape:
/// `\n`, `\u{1b}`.
pub(crate) fn line(text: String, limit: usize) -> String {
    escape(text, limit, is_unsafe)
}

/// Like [`line`], for a text of several lines.
#[cfg(any(test, feature = "boundary"))]
pub(crate) fn lines(text: String, limit: usize) -> String {
    escape(text, limit, |character| character != '\n' && is_unsafe(character))
}

/// The longest name in a log, in bytes.
const MAX_NAME: usize = 256;

/// The name of something that may come from outside, such as a user or an operation.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME && !name.contains(is_unsafe) {
        return Cow::Borrowed(name);
    }
    // An escape is no shorter than the character. One character more, so that it counts as cut.
    let beginning = prefix::of(name, MAX_NAME + 4);
    Cow::Owned(escape(beginning.to_owned(), MAX_NAME, is_unsafe))
}

fn escape(text: String, limit: usize, is_unsafe: impl Fn(char) -> bool + Copy) -> String {
    if text.len() <= limit && !text.contains(is_unsafe) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len().min(limit) + ELLIPSIS.len());
    for character in text.chars() {
        let escape = is_unsafe(character).then(|| character.escape_default());
        let length = escape.as_ref().map_or(character.len_utf8(), ExactSizeIterator::len);
        if escaped.len() + length > limit {
            escaped.push_str(ELLIPSIS);
            break;
        }
        match escape {
            Some(escape) => escaped.extend(escape),
            None => escaped.push(character),
        }
    }
    escaped
}

fn is_unsafe(character: char) -> bool {
    match character {
        ' '..='~' => false,
        // Separators of lines and paragraphs, and what changes the direction of the text.
        '\u{2028}'..='\u{202e}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_unchanged() {
        for text in ["", "plain \"quoted\" \\ text", "Größe 🦀 日本語 👩‍💻"] {
            assert_eq!(line(text.to_owned(), text.len()), text);
        }
    }

    #[test]
    fn whatever_acts_on_the_reader_is_escaped() {
        let table = [
            ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\0\u{7f}\u{9b}31m\u{85}", r"\u{0}\u{7f}\u{9b}31m\u{85}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("user\u{202e}nimda\u{2066}\u{200f}", r"user\u{202e}nimda\u{2066}\u{200f}"),
        ];
        for (text, escaped) in table {
            assert_eq!(line(text.to_owned(), 100), escaped);
        }
        assert_eq!(lines("a\nb\u{1b}".to_owned(), 100), "a\nb\\u{1b}");
    }

    #[test]
    fn long_name_is_cut() {
        assert!(matches!(name("GET /users/{id}"), Cow::Borrowed("GET /users/{id}")));
        assert_eq!(name("a\nb"), "a\\nb");
        assert_eq!(name(&"x".repeat(10_000)), format!("{}…", "x".repeat(256)));
        assert_eq!(name(&"€".repeat(100)), format!("{}…", "€".repeat(85)));
    }

    #[test]
    fn neither_a_character_nor_an_escape_is_cut_in_half() {
        let fits = |limit| line("é\n\u{1b}é".to_owned(), limit);
        assert_eq!(
            [0, 1, 2, 3, 4, 9, 10].map(fits),
            ["…", "…", "é…", "é…", r"é\n…", r"é\n…", r"é\n\u{1b}…"]
        );
        assert_eq!(fits(12), r"é\n\u{1b}é");
    }
}
