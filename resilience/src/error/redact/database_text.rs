//! Redacts the errors of databases that are known by their text only: an error that was formatted
//! into a text, or the message of a panic, has no chain of causes.
//!
//! Tells less where it can't be sure: a message that may quote a value is left out to its end.

use std::borrow::Cow;

use super::REDACTED;
use super::brackets::{string_literal, until_closing_bracket};
use super::replace::Replaced;

/// How such an error starts in its `Debug` format, up to the bracket, and which of its texts stay.
const DEBUG: &[(&str, char, &[&str])] = &[
    (
        "PgDatabaseError",
        '{',
        &[
            "severity:",
            "code:",
            "schema:",
            "table:",
            "column:",
            "data_type:",
            "constraint:",
            "file:",
            "routine:",
        ],
    ),
    ("MySqlDatabaseError", '{', &["code:"]),
    ("SqliteError", '{', &[]),
    ("ColumnDecode", '{', NOTHING),
    ("Decode", '(', NOTHING),
    ("Encode", '(', NOTHING),
    ("AnyDriverError", '(', NOTHING),
    ("Protocol", '(', TEXT),
    ("InvalidArgument", '(', TEXT),
];

/// Not even what isn't a string literal stays.
const NOTHING: &[&str] = &["nothing"];
/// Nothing stays, if the bracket starts with a string literal. Other crates have variants of the
/// same name.
const TEXT: &[&str] = &["text"];

/// What precedes a message that may quote a value.
const BEFORE: &[&str] = &[
    "error returned from database: ",
    "error occurred while decoding column ",
    "error occurred while decoding: ",
    "error occurred while encoding a value: ",
    "encountered unexpected or invalid data: ",
    "error in Any driver mapping: ",
];

/// Parts of messages of PostgreSQL and MySQL that quote a value, before or after them.
const WITHIN: &[&str] = &[
    "Duplicate entry '",
    "Failing row contains (",
    ")=(",
    "Incorrect string value: ",
    "invalid input syntax for ",
    "invalid input value for ",
    "malformed array literal: ",
    "malformed record literal: ",
    "malformed range literal: ",
    "out of range: \"",
    "\" is out of range for type ",
    " value: '",
];

/// Redacts such errors. `None` if there are none. Takes linear time.
///
/// `known_len` is the length of the known text at the start of its argument: one that quotes no
/// values, or that has been redacted.
pub(super) fn redact(text: &str, known_len: impl Fn(&str) -> usize) -> Option<String> {
    let debug = redact_debug(text);
    let flat = redact_message(debug.as_deref().unwrap_or(text), known_len);
    flat.or(debug)
}

/// Redacts the `Debug` format of each error, up to its closing bracket.
fn redact_debug(text: &str) -> Option<String> {
    let (mut redacted, mut at) = (Replaced::new(text), 0);
    while let Some(bracket) = text[at..].find(['{', '(']) {
        let before = text[..at + bracket].trim_end_matches(' ');
        at += bracket + 1;
        let Some(kept) = kept_texts(before, &text[at - 1..]) else { continue };
        let body = until_closing_bracket(&text[at..]);
        let end = at + body.len();
        if kept == NOTHING || kept == TEXT {
            redacted.replace(at..end, REDACTED);
        } else {
            redacted.replace(at..end, &redact_literals(body, kept));
        }
        at = end;
    }
    redacted.finish()
}

fn kept_texts(before: &str, bracket: &str) -> Option<&'static [&'static str]> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let &(.., kept) = DEBUG.iter().find(|(name, opening, _)| {
        bracket.starts_with(*opening)
            && before.strip_suffix(name).is_some_and(|before| !before.ends_with(is_name))
    })?;
    (kept != TEXT || bracket[1..].trim_start().starts_with(['"', '\\'])).then_some(kept)
}

/// Replaces the string literals that don't follow one of the keys.
fn redact_literals<'t>(text: &'t str, keys: &[&str]) -> Cow<'t, str> {
    let (mut redacted, mut at) = (Replaced::new(text), 0);
    while let Some(quote) = text[at..].find('"') {
        let (before, after) = (&text[at..at + quote], &text[at + quote..]);
        let literal = string_literal(after);
        // `{:#?}` has line breaks between key and literal.
        let key = before.trim_end();
        let key = key.strip_suffix("Some(").unwrap_or(key).trim_end();
        let is_kept = keys.iter().any(|kept| {
            key.strip_suffix(kept).is_some_and(|before| before.ends_with([' ', '\n', ',']))
        });
        at += quote + literal.len();
        if !is_kept {
            redacted.replace(at - literal.len()..at, REDACTED);
        }
    }
    redacted.finish().map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Leaves out the first message that may quote a value, and all that follows it: the value may
/// contain anything, also line breaks.
fn redact_message(text: &str, known_len: impl Fn(&str) -> usize) -> Option<String> {
    let before = BEFORE.iter().filter_map(|before| {
        let is_unknown = |&(at, before): &(usize, &str)| {
            known_len(&text[at..]) == 0 && known_len(&text[at + before.len()..]) == 0
        };
        let (at, before) = text.match_indices(before).find(is_unknown)?;
        let start = at + before.len();
        Some(start + number_len(&text[start..]))
    });
    let numbered = ["): ", "(code: "].into_iter().filter_map(|part| {
        text.match_indices(part).find_map(|(at, _)| {
            let number = if part == "): " { at.checked_sub("1062 (23000".len())? } else { at };
            let length = text.get(number..).map_or(0, number_len);
            (length > 0 && known_len(&text[number..]) == 0).then_some(number + length)
        })
    });
    let within = WITHIN.iter().filter_map(|part| {
        let at = text.find(part)?;
        Some(text[..at].rfind(": ").map_or(0, |colon| colon + ": ".len()))
    });
    let start = before.chain(numbered).chain(within).min()?;
    (!text[start..].trim().is_empty() && !text[start..].starts_with(REDACTED))
        .then(|| format!("{}{REDACTED}", &text[..start]))
}

/// The length of the code that MySQL and SQLite put before a message: `1062 (23000): `,
/// `(code: 2067) `. It is kept.
fn number_len(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(rest) = text.strip_prefix("(code: ") {
        let length = digits(rest);
        let is_number = length > 0 && rest[length..].starts_with(") ");
        return if is_number { "(code: ".len() + length + ") ".len() } else { 0 };
    }
    let length = digits(text);
    let state = text[length..].strip_prefix(" (").and_then(|state| state.split_at_checked(5));
    match state {
        Some((state, rest))
            if length == 4
                && state.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && rest.starts_with("): ") =>
        {
            length + " (".len() + state.len() + "): ".len()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    fn redact(text: &str) -> Option<String> {
        super::redact(text, |rest| if rest.starts_with("(code: 1) known") { 15 } else { 0 })
    }

    #[test]
    fn quoting_fields_of_debug_output_are_redacted() {
        let table = [
            (
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: "Duplicate entry 'ada\"}' for key 'email'" }) at"#,
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: (redacted) }) at"#,
            ),
            (
                r#"PgDatabaseError { severity: Error, code: "23505", message: "a", detail: Some("Key (email)=(ada)"), hint: None, position: Some(Internal { position: 3, query: "select 'ada'" }), constraint: Some("key") } ada"#,
                r#"PgDatabaseError { severity: Error, code: "23505", message: (redacted), detail: Some((redacted)), hint: None, position: Some(Internal { position: 3, query: (redacted) }), constraint: Some("key") } ada"#,
            ),
            (
                r#"ColumnDecode { index: "role", source: Bad(["ada"]) }, {"#,
                "ColumnDecode {(redacted)}, {",
            ),
            (r#"value: Decode("ada\\")"#, "value: Decode((redacted))"),
            (r#"Decode("ada")"#, "Decode((redacted))"),
            (r#"value: Encode("ada")"#, "value: Encode((redacted))"),
            (r#"Encode(Bad { value: "ada" }) x"#, "Encode((redacted)) x"),
            (r#"Protocol("ada"), "#, "Protocol((redacted)), "),
            (r#"Query(InvalidArgument("ada"))"#, "Query(InvalidArgument((redacted)))"),
            (r#"AnyDriverError("ada")"#, "AnyDriverError((redacted))"),
            (
                r#"SqliteError { code: 1, message: "no such column: ada" }"#,
                "SqliteError { code: 1, message: (redacted) }",
            ),
            (
                "Database(\n    PgDatabaseError {\n        message: \"a\",\n        detail: Some(\n            \"ada\",\n        ),\n        table: Some(\n            \"users\",\n        ),\n    },\n)",
                "Database(\n    PgDatabaseError {\n        message: (redacted),\n        detail: Some(\n            (redacted),\n        ),\n        table: Some(\n            \"users\",\n        ),\n    },\n)",
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
        for text in [
            "",
            "{",
            "message: \"stays\"",
            "f(\"{x}\")",
            "Protocol(ResetWithoutClosingHandshake)",
            "Base64Decode(\"x\")",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }

    #[test]
    fn messages_formatted_into_a_text_are_redacted() {
        let table = [
            (
                "can't save: error returned from database: ada is\ntaken",
                "can't save: error returned from database: (redacted)",
            ),
            (
                "error returned from database: 1062 (23000): Duplicate entry 'ada' for key 'email'",
                "error returned from database: 1062 (23000): (redacted)",
            ),
            ("1062 (23000): Duplicate entry 'ada'", "1062 (23000): (redacted)"),
            ("it: (code: 1) no such column: ada", "it: (code: 1) (redacted)"),
            ("error occurred while decoding: bad ada", "error occurred while decoding: (redacted)"),
            ("x: invalid input syntax for type integer: \"ada\"", "x: (redacted)"),
            ("value \"99\" is out of range for type integer", "(redacted)"),
            ("Key (email)=(ada) already exists.", "(redacted)"),
            ("(code: 1) known: (code: 1) ada", "(code: 1) known: (code: 1) (redacted)"),
        ];
        for (text, redacted) in table {
            assert_eq!(redact(text).as_deref(), Some(redacted), "{text}");
        }
        for text in [
            "error returned from database: (code: 1) known",
            "(code: 1) known",
            "error returned from database: ",
            "error communicating with database: refused",
            "call (10000): ok",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }

    #[test]
    fn redacting_database_texts_takes_linear_time() {
        for piece in [
            "Decode(",
            "Decode(\"",
            "PgDatabaseError {",
            "(code: 1) known",
            "): ",
            "(code: ",
            "{\\",
        ] {
            let text = piece.repeat(200_000 / piece.len());
            let started = std::time::Instant::now();
            let redacted = redact(&text);
            assert!(
                started.elapsed().as_secs() < 2,
                "{piece:?}: {:?}, {:?}",
                started.elapsed(),
                redacted.map(|text| text.len())
            );
        }
    }
}
