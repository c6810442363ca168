//! Text without NUL, which PostgreSQL doesn't take.

use std::borrow::Cow;

/// The last code point of Unicode, which no text has in practice.
const ESCAPE: char = '\u{10FFFF}';

/// Writes NUL as two characters, the first of which is [`ESCAPE`]. Text without NUL stays as it is.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The text that [`escape`] was given.
pub(crate) fn unescape(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != ESCAPE {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('0') => plain.push('\0'),
            Some(other) => plain.push(other),
            None => plain.push(ESCAPE),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in
            ["", "orders", "\0", "a\0b", "0", "\u{10FFFF}", "\u{10FFFF}0\0", "\0\0\u{10FFFF}"]
        {
            let escaped = escape(text).into_owned();
            assert!(!escaped.contains('\0'), "{text:?}");
            assert_eq!(unescape(escaped), text);
        }
    }
}
