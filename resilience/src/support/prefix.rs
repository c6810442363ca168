//! The beginning of a text that may be no longer than a limit.

/// As much of the text as fits into so many bytes, without half a character.
pub(crate) fn of(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    // `str::floor_char_boundary`, which needs Rust 1.91.
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_fits_whole_or_not_at_all() {
        let text = "aß€🦀";
        let fits = |limit| of(text, limit);
        assert_eq!(["", "a", "a", "aß", "aß", "aß"], [0, 1, 2, 3, 4, 5].map(fits));
        assert_eq!(["aß€", "aß€", "aß€", "aß€"], [6, 7, 8, 9].map(fits));
        assert_eq!([text, text, text], [10, 11, usize::MAX].map(fits));
    }
}
