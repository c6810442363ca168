//! Credentials that are known by their names: `?password=…` in a URL, `password=…` in a connection string.

/// Stands in the place of a value.
const MASK: &str = "***";

/// Names of what opens something, wherever they stand.
const ANYWHERE: [&str; 4] = ["passwd", "password", "pwd", "sslpassword"];

/// Those that name one only among the parameters of a URL.
const IN_A_URL: [&str; 13] = [
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

/// The longest of the names.
const LONGEST: usize = 20;

/// Masks the values; `None` where there is none. Time is linear in the text.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut copied = 0;
    for (sign, _) in text.match_indices('=') {
        if sign < copied || !names_a_secret(&text[..sign]) {
            continue;
        }
        let start = sign + 1;
        let end = start + length(&text[start..]);
        if end > start {
            masked.push_str(&text[copied..start]);
            masked.push_str(MASK);
            copied = end;
        }
    }
    (copied > 0).then(|| masked + &text[copied..])
}

fn names_a_secret(before: &str) -> bool {
    let is_of_a_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = before.as_bytes().iter().rev().take(LONGEST + 1).take_while(is_of_a_name).count();
    let (before, name) = before.split_at(before.len() - length);
    let is_one_of = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_one_of(&ANYWHERE) || (before.ends_with(['?', '&']) && is_one_of(&IN_A_URL))
}

/// How long the value is: one in quotes may hold anything else.
fn length(value: &str) -> usize {
    if let Some(inside) = value.strip_prefix('\'') {
        return inside.find('\'').map_or(value.len(), |end| end + "''".len());
    }
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '&' | '#' | ';' | ',' | ')' | '"' | '\'' | '<' | '>' | '`' | '\\');
    value.find(ends).unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_masked() {
        for (text, masked) in [
            ("postgres://db/app?user=ada&password=hunter2&ssl=on", "postgres://db/app?user=ada&password=***&ssl=on"),
            ("host=db user=ada password=hunter2 dbname=app", "host=db user=ada password=*** dbname=app"),
            ("host=db password='hunter 2' dbname=app", "host=db password=*** dbname=app"),
            ("Server=db;Pwd=hunter2;Database=app", "Server=db;Pwd=***;Database=app"),
            ("GET https://a.b/c?TOKEN=t0k#top failed", "GET https://a.b/c?TOKEN=***#top failed"),
            ("(https://a.b/c?x=1&sig=a%2Bb) and (/d?api_key=k)", "(https://a.b/c?x=1&sig=***) and (/d?api_key=***)"),
            ("password=password=x", "password=***"),
        ] {
            assert_eq!(mask(text).as_deref(), Some(masked), "{text}");
        }
    }

    #[test]
    fn all_else_stays() {
        for text in [
            "",
            "=",
            "password",
            "password=",
            "password: wrong",
            "unexpected token=Comma",
            "https://a.b/c?page=2&sort=name",
            "reset_password=true",
            "é=password",
            "the_old_and_very_long_name_of_a_password=x",
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }
}
