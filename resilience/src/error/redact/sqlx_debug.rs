//! Redacts SQLx's errors in their `Debug` format. `unwrap` puts it into a panic message, where no
//! chain of causes is available.

use super::REDACTED;

/// How an error that may quote values starts, and which of its fields quote them.
const QUOTING: [(&str, Values); 6] = [
    (
        "PgDatabaseError {",
        Values::After(&["message: ", "detail: Some(", "hint: Some(", "where: Some("]),
    ),
    ("MySqlDatabaseError {", Values::After(&["message: "])),
    ("ColumnDecode {", Values::Anywhere),
    // In the message of `unwrap`, and inside another error.
    (": Decode(", Values::Anywhere),
    ("(Decode(", Values::Anywhere),
    // In the `{:#?}` format.
    (" Decode(\n", Values::Anywhere),
];

#[derive(Clone, Copy)]
enum Values {
    /// In the string literals after these keys.
    After(&'static [&'static str]),
    /// Anywhere between the brackets.
    Anywhere,
}

/// Redacts such errors, each up to its closing bracket. `None` if there are none. Takes linear
/// time.
pub(super) fn redact(text: &str) -> Option<String> {
    let mut redacted = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(bracket) = text[at..].find(['{', '(']) {
        at += bracket + 1;
        let line = at + usize::from(text[at..].starts_with('\n'));
        let follows = |start: &str| text[..at].ends_with(start) || text[..line].ends_with(start);
        let quoting = QUOTING.iter().find(|(start, _)| follows(start));
        let Some((_, values)) = quoting else { continue };
        redacted.push_str(&text[copied..at]);
        let body = until_closing_bracket(&text[at..]);
        match values {
            Values::Anywhere => redacted.push_str(REDACTED),
            Values::After(keys) => redact_literals(body, keys, &mut redacted),
        }
        at += body.len();
        copied = at;
    }
    (copied > 0).then(|| redacted + &text[copied..])
}

/// The text up to the bracket that closes the current one, or all of it.
fn until_closing_bracket(text: &str) -> &str {
    let (mut depth, mut at) = (1, 0);
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
fn string_literal(text: &str) -> &str {
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

/// Copies `text` to `redacted`, replacing the string literals that follow one of the keys.
fn redact_literals(text: &str, keys: &[&str], redacted: &mut String) {
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (before, after) = rest.split_at(quote);
        let literal = string_literal(after);
        redacted.push_str(before);
        // Trimmed, because `{:#?}` has a line break between key and literal.
        let follows = |key: &&str| before.trim_end().ends_with(key.trim_end());
        redacted.push_str(if keys.iter().any(follows) { REDACTED } else { literal });
        rest = &after[literal.len()..];
    }
    redacted.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_fields_of_debug_output_are_redacted() {
        let table = [
            (
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: "Duplicate entry 'ada\"}' for key 'email'" }) at"#,
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: (redacted) }) at"#,
            ),
            (
                r#"PgDatabaseError { code: "23505", message: "a", detail: Some("Key (email)=(ada)"), hint: None, constraint: Some("key") } ada"#,
                r#"PgDatabaseError { code: "23505", message: (redacted), detail: Some((redacted)), hint: None, constraint: Some("key") } ada"#,
            ),
            (
                r#"ColumnDecode { index: "role", source: Bad(["ada"]) }, {"#,
                "ColumnDecode {(redacted)}, {",
            ),
            (r#"value: Decode("ada\\")"#, "value: Decode((redacted))"),
            (
                "Database(\n    PgDatabaseError {\n        message: \"a\",\n        detail: Some(\n            \"ada\",\n        ),\n    },\n)",
                "Database(\n    PgDatabaseError {\n        message: (redacted),\n        detail: Some(\n            (redacted),\n        ),\n    },\n)",
            ),
            (
                "Load(\n    Decode(\n        \"ada\",\n    ),\n)",
                "Load(\n    Decode((redacted)),\n)",
            ),
            (r#"Load(Decode("ada"#, "Load(Decode((redacted)"),
            (r#"PgDatabaseError { message: "ada\"#, "PgDatabaseError { message: (redacted)"),
        ];
        for (text, redacted) in table {
            assert_eq!(redact(text).as_deref(), Some(redacted), "{text}");
        }
        for text in ["", "{", "message: \"stays\"", "f(\"{x}\")"] {
            assert_eq!(redact(text), None, "{text}");
        }
    }
}
