//! Redacts credentials by their key: `?password=…` in a URL, `password=…` in a connection string.

/// Replaces a value.
const MASK: &str = "***";

/// Keys of credentials, anywhere in a text.
const ANYWHERE: [&str; 4] = ["passwd", "password", "pwd", "sslpassword"];

/// Keys of credentials among the parameters of a URL.
const URL_PARAMETERS: [&str; 13] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "client_secret",
    "id_token",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Length of the longest key, in bytes.
const LONGEST_KEY: usize = 20;

/// Masks the values of such keys. `None` if there are none. Takes linear time.
pub(super) fn redact(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut copied = 0;
    for (sign, _) in text.match_indices('=') {
        if sign < copied {
            continue;
        }
        let before = text[..sign].trim_end_matches(' ');
        let Some(key) = key(before) else { continue };
        let value = &text[sign + 1..];
        // `password = x`, but not `password == x`
        let spaces =
            if before.len() < sign { value.len() - value.trim_start_matches(' ').len() } else { 0 };
        let (start, value) = (sign + 1 + spaces, &value[spaces..]);
        if before.len() < sign && value.starts_with('=') {
            continue;
        }
        let is_unquoted =
            key == Key::UrlParameter || key == Key::AfterQuote && value.starts_with('"');
        let end = start + if is_unquoted { unquoted_len(value) } else { value_len(value) };
        if end > start {
            masked.push_str(&text[copied..start]);
            masked.push_str(MASK);
            copied = end;
        }
    }
    (copied > 0).then(|| masked + &text[copied..])
}

/// Where the key of a credential was found.
#[derive(PartialEq)]
enum Key {
    /// In a URL.
    UrlParameter,
    /// After a quote. In `"password="`, the second quote doesn't start a value.
    AfterQuote,
    Other,
}

/// The key at the end of `before`, if it is that of a credential.
fn key(before: &str) -> Option<Key> {
    let is_key_byte = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length =
        before.as_bytes().iter().rev().take(LONGEST_KEY + 1).take_while(is_key_byte).count();
    let (before, key) = before.split_at(before.len() - length);
    let is_one_of = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(key));
    match before.as_bytes().last() {
        Some(b'?' | b'&' | b'#') => {
            (is_one_of(&ANYWHERE) || is_one_of(&URL_PARAMETERS)).then_some(Key::UrlParameter)
        }
        Some(b'"') => is_one_of(&ANYWHERE).then_some(Key::AfterQuote),
        _ => is_one_of(&ANYWHERE).then_some(Key::Other),
    }
}

/// The length of the value, in bytes, including its quotes.
fn value_len(value: &str) -> usize {
    match value.as_bytes() {
        [quote @ (b'\'' | b'"'), ..] => quoted_len(value, 1, *quote),
        [b'\\', b'"', ..] => escaped_quoted_len(value),
        _ => unquoted_len(value),
    }
}

fn unquoted_len(value: &str) -> usize {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(c, '&' | '#' | ';' | ',' | ')' | '"' | '\'' | '<' | '>' | '`' | '\\')
    };
    value.find(ends).unwrap_or(value.len())
}

/// Ends at the closing quote. A quote within the value is doubled or escaped with a backslash.
fn quoted_len(value: &str, mut at: usize, quote: u8) -> usize {
    while let Some(found) = value[at..].find([char::from(quote), '\\']) {
        at += found + 1;
        let next = value[at..].chars().next();
        if value.as_bytes()[at - 1] == quote && next != Some(char::from(quote)) {
            return at;
        }
        at += next.map_or(0, char::len_utf8);
    }
    value.len()
}

/// The same in a `{:?}`-formatted text. Ends at the next `\"`; a quote within the value is `\\\"`.
fn escaped_quoted_len(value: &str) -> usize {
    let mut at = 2;
    while let Some(found) = value[at..].find('\\') {
        at += found;
        let rest = &value[at..];
        if rest.starts_with("\\\"") {
            return at + 2;
        }
        at += if rest.starts_with(r#"\\\""#) {
            4
        } else {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        };
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_credential_keys_are_masked() {
        for (text, redacted) in [
            (
                "postgres://db/app?user=ada&password=hunter2&ssl=on",
                "postgres://db/app?user=ada&password=***&ssl=on",
            ),
            (
                "host=db user=ada password=hunter2 dbname=app",
                "host=db user=ada password=*** dbname=app",
            ),
            ("host=db password='hunter 2' dbname=app", "host=db password=*** dbname=app"),
            ("Server=db;Pwd=hunter2;Database=app", "Server=db;Pwd=***;Database=app"),
            ("https://a.b/c#access_token=t0k", "https://a.b/c#access_token=***"),
            ("GET https://a.b/c?TOKEN=t0k#top failed", "GET https://a.b/c?TOKEN=***#top failed"),
            (
                "(https://a.b/c?x=1&sig=a%2Bb) and (/d?api_key=k)",
                "(https://a.b/c?x=1&sig=***) and (/d?api_key=***)",
            ),
            ("password=password=x", "password=***"),
            (r"host=db password='hunter\' 2' dbname=app", "host=db password=*** dbname=app"),
            ("Pwd='hunter'' 2';Database=app", "Pwd=***;Database=app"),
            (r#"login{password="hunter \"2" user=7}"#, "login{password=*** user=7}"),
            (r#"Config("Pwd=\"hunter 2\";Database=app")"#, r#"Config("Pwd=***;Database=app")"#),
            ("host=db password = hunter2 dbname=app", "host=db password = *** dbname=app"),
            ("1 | password = \"hunter 2\"\n", "1 | password = ***\n"),
            ("password='hunter 2", "password=***"),
            (r#""password='hunter 2' host=db""#, r#""password=*** host=db""#),
            ("password=\"hunter 2", "password=***"),
        ] {
            assert_eq!(redact(text).as_deref(), Some(redacted), "{text}");
        }
    }

    #[test]
    fn text_without_credential_values_is_unchanged() {
        for text in [
            "",
            "=",
            "password",
            "password=",
            "password= dbname=app",
            "password = ",
            "password == other",
            r#"no "password=" is given, and no "host=" is"#,
            r#"connecting to "postgres://db?password=" or "b""#,
            "password: wrong",
            "unexpected token=Comma",
            "https://a.b/c?page=2&sort=name",
            "reset_password=true",
            "é=password",
            "the_old_and_very_long_name_of_a_password=x",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }
}
