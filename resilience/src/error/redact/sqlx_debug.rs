//! SQLx's errors as `{:?}` writes them. So `unwrap` makes them a panic's text, and no type in a
//! chain tells of them.

/// How an error begins that quotes, and behind what it does.
const QUOTING: [(&str, Values); 6] = [
    (
        "PgDatabaseError {",
        Values::Behind(&["message: ", "detail: Some(", "hint: Some(", "where: Some("]),
    ),
    ("MySqlDatabaseError {", Values::Behind(&["message: "])),
    ("ColumnDecode {", Values::Anywhere),
    // As `unwrap` writes it, and inside of another.
    (": Decode(", Values::Anywhere),
    ("(Decode(", Values::Anywhere),
    // As `{:#?}` writes it.
    (" Decode(\n", Values::Anywhere),
];

const LEFT_OUT: &str = "(left out)";

#[derive(Clone, Copy)]
enum Values {
    Behind(&'static [&'static str]),
    Anywhere,
}

/// Takes the values of rows out of such errors, up to the bracket that closes each; `None` where
/// there is none. Time is linear in the text.
pub(super) fn hide(text: &str) -> Option<String> {
    let mut hidden = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(bracket) = text[at..].find(['{', '(']) {
        at += bracket + 1;
        let line = at + usize::from(text[at..].starts_with('\n'));
        let begins = |begins: &str| text[..at].ends_with(begins) || text[..line].ends_with(begins);
        let quoting = QUOTING.iter().find(|(text, _)| begins(text));
        let Some((_, values)) = quoting else { continue };
        hidden.push_str(&text[copied..at]);
        let inside = inside(&text[at..]);
        match values {
            Values::Anywhere => hidden.push_str(LEFT_OUT),
            Values::Behind(keys) => hide_texts(inside, keys, &mut hidden),
        }
        at += inside.len();
        copied = at;
    }
    (copied > 0).then(|| hidden + &text[copied..])
}

/// What stands before the bracket that closes.
fn inside(text: &str) -> &str {
    let (mut depth, mut at) = (1, 0);
    while let Some(found) = text[at..].find(['{', '(', '[', '}', ')', ']', '"']) {
        at += found;
        match text.as_bytes()[at] {
            b'"' => at += literal(&text[at..]).len() - 1,
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

/// The literal that begins here, with its quotes.
fn literal(text: &str) -> &str {
    let mut at = 1;
    while let Some(found) = text[at..].find(['"', '\\']) {
        at += found + 1;
        if text.as_bytes()[at - 1] == b'"' {
            return &text[..at];
        }
        // What is escaped.
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    text
}

fn hide_texts(text: &str, keys: &[&str], hidden: &mut String) {
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (before, behind) = rest.split_at(quote);
        let literal = literal(behind);
        hidden.push_str(before);
        // `{:#?}` begins a line between them.
        let is_behind = |key: &&str| before.trim_end().ends_with(key.trim_end());
        hidden.push_str(if keys.iter().any(is_behind) { LEFT_OUT } else { literal });
        rest = &behind[literal.len()..];
    }
    hidden.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_that_quote_are_left_out_and_the_rest_stays() {
        let table = [
            (
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: "Duplicate entry 'ada\"}' for key 'email'" }) at"#,
                r#"value: Database(MySqlDatabaseError { code: Some("23000"), number: 1062, message: (left out) }) at"#,
            ),
            (
                r#"PgDatabaseError { code: "23505", message: "a", detail: Some("Key (email)=(ada)"), hint: None, constraint: Some("key") } ada"#,
                r#"PgDatabaseError { code: "23505", message: (left out), detail: Some((left out)), hint: None, constraint: Some("key") } ada"#,
            ),
            (
                r#"ColumnDecode { index: "role", source: Bad(["ada"]) }, {"#,
                "ColumnDecode {(left out)}, {",
            ),
            (r#"value: Decode("ada\\")"#, "value: Decode((left out))"),
            (
                "Database(\n    PgDatabaseError {\n        message: \"a\",\n        detail: Some(\n            \"ada\",\n        ),\n    },\n)",
                "Database(\n    PgDatabaseError {\n        message: (left out),\n        detail: Some(\n            (left out),\n        ),\n    },\n)",
            ),
            (
                "Load(\n    Decode(\n        \"ada\",\n    ),\n)",
                "Load(\n    Decode((left out)),\n)",
            ),
            (r#"Load(Decode("ada"#, "Load(Decode((left out)"),
            (r#"PgDatabaseError { message: "ada\"#, "PgDatabaseError { message: (left out)"),
        ];
        for (text, shown) in table {
            assert_eq!(hide(text).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "{", "message: \"stays\"", "f(\"{x}\")"] {
            assert_eq!(hide(text), None, "{text}");
        }
    }
}
