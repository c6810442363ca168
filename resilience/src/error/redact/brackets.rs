//! Finds the end of what a bracket or a quote opens, as in the output of `{:?}`.

/// The text up to the bracket that closes the current one, or all of it.
pub(super) fn until_closing_bracket(text: &str) -> &str {
    let (mut depth, mut at) = (1_usize, 0);
    while let Some(found) = text[at..].find(['{', '(', '[', '}', ')', ']', '"']) {
        at += found;
        match text.as_bytes()[at] {
            b'"' => at += string_literal(&text[at..]).len() - 1,
            b'{' | b'(' | b'[' => depth += 1,
            _ => depth -= 1,
        }
        if depth == 0 {
            return &text[..at];
        }
        at += 1;
    }
    text
}

/// The string literal at the start of `text`, including its quotes.
pub(super) fn string_literal(text: &str) -> &str {
    let mut at = 1;
    while let Some(found) = text[at..].find(['"', '\\']) {
        at += found + 1;
        if text.as_bytes()[at - 1] == b'"' {
            return &text[..at];
        }
        // Skips the escaped character.
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    text
}
