//! Replaces parts of a text.

use std::ops::Range;

/// A text of which parts are replaced, from its beginning to its end.
pub(super) struct Replaced<'t> {
    text: &'t str,
    /// Up to where the text is in `redacted`.
    copied: usize,
    redacted: String,
}

impl<'t> Replaced<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, copied: 0, redacted: String::new() }
    }

    /// Replaces a part, unless it begins in one that has been replaced.
    pub(super) fn replace(&mut self, part: Range<usize>, with: &str) {
        if part.start < self.copied {
            return;
        }
        self.redacted.push_str(&self.text[self.copied..part.start]);
        self.redacted.push_str(with);
        self.copied = part.end;
    }

    /// The text, or `None` if nothing has been replaced.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.redacted.push_str(&self.text[self.copied..]);
        Some(self.redacted)
    }
}
