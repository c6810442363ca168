//! Masks what has the form of a credential. These tables, and `docs/known_forms.md` with an example
//! of each form, are all the forms there are.
//!
//! Where the end of a value isn't certain, the mask reaches further: to the end of the line.

use std::ops::Range;

use super::brackets::until_closing_bracket;
use super::replace::Replaced;

/// Replaces a value.
const MASK: &str = "***";

/// Where a word has to be in a key. Case and the separators `_`, `-`, `.` don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Anywhere,
    /// At the end.
    End,
    /// At the end, as a word of its own: `DB_PASS`, `dbPass`, but not `compass`.
    LastWord,
    /// The whole key of a URL's parameter.
    UrlParameter,
}
use At::{Anywhere, End, LastWord, UrlParameter};

/// What follows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// Always a value.
    Certain,
    /// A value of several words, up to the end of the line.
    Line,
    /// After a colon, also prose: `no credentials: connection refused`.
    OrProse,
}
use Value::{Certain, Line, OrProse};

/// The words that identify the key of a credential.
const KEYS: &[(&str, At, Value)] = &[
    ("password", Anywhere, Certain),
    ("passwd", Anywhere, Certain),
    ("passphrase", Anywhere, Certain),
    ("passcode", Anywhere, Certain),
    ("pwd", Anywhere, Certain),
    ("authorization", Anywhere, Line),
    ("cookie", Anywhere, Line),
    ("apikey", Anywhere, Certain),
    ("accesskey", Anywhere, Certain),
    ("accountkey", Anywhere, Certain),
    ("authkey", Anywhere, Certain),
    ("encryptionkey", Anywhere, Certain),
    ("functionskey", Anywhere, Certain),
    ("masterkey", Anywhere, Certain),
    ("privatekey", Anywhere, Certain),
    ("sessionkey", Anywhere, Certain),
    ("sharedkey", Anywhere, Certain),
    ("signingkey", Anywhere, Certain),
    ("storagekey", Anywhere, Certain),
    ("subscriptionkey", Anywhere, Certain),
    ("secret", Anywhere, OrProse),
    ("credential", Anywhere, OrProse),
    ("signature", Anywhere, OrProse),
    ("assertion", Anywhere, OrProse),
    ("samlresponse", Anywhere, OrProse),
    ("sessionid", Anywhere, OrProse),
    ("sessid", Anywhere, OrProse),
    ("token", End, OrProse),
    ("jwt", End, OrProse),
    ("pass", LastWord, OrProse),
    ("auth", LastWord, OrProse),
    ("session", LastWord, OrProse),
    ("sig", LastWord, OrProse),
    ("hmac", LastWord, OrProse),
    ("otp", LastWord, OrProse),
    ("key", UrlParameter, OrProse),
    ("code", UrlParameter, OrProse),
    ("ticket", UrlParameter, OrProse),
];

/// The characters of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Letters, digits, `_` and `-`, also `.` if that isn't the end.
    Plain,
    /// As `Plain`, with a `.` between two parts.
    Dotted,
    /// What follows a scheme of HTTP: also `+`, `/`, `=` and `~`. At least one digit, capital
    /// letter or `=`, or twenty characters, since it may be prose: `Basic authentication failed`.
    Opaque,
}
use Tail::{Dotted, Opaque, Plain};

/// How a token starts, at least how many characters follow, and which. The start is kept.
const TOKENS: &[(&str, usize, Tail)] = &[
    ("Bearer ", 6, Opaque),
    ("bearer ", 6, Opaque),
    ("Basic ", 6, Opaque),
    ("basic ", 6, Opaque),
    ("eyJ", 12, Dotted),
    ("AKIA", 12, Plain),
    ("ASIA", 12, Plain),
    ("AIza", 20, Plain),
    ("ya29.", 12, Plain),
    ("ghp_", 12, Plain),
    ("gho_", 12, Plain),
    ("ghu_", 12, Plain),
    ("ghs_", 12, Plain),
    ("ghr_", 12, Plain),
    ("github_pat_", 12, Plain),
    ("glpat-", 12, Plain),
    ("xoxa-", 8, Plain),
    ("xoxb-", 8, Plain),
    ("xoxp-", 8, Plain),
    ("xapp-", 8, Plain),
    ("sk-", 20, Plain),
    ("sk_live_", 8, Plain),
    ("sk_test_", 8, Plain),
    ("rk_live_", 8, Plain),
    ("whsec_", 8, Plain),
    ("SG.", 16, Dotted),
    ("hvs.", 12, Plain),
    ("hf_", 16, Plain),
    ("npm_", 16, Plain),
    ("pypi-", 16, Plain),
    ("dop_v1_", 16, Plain),
];

/// The longest key, in bytes.
const LONGEST_KEY: usize = 64;

/// Masks all known forms. `None` if there are none. Takes linear time.
pub(super) fn redact(text: &str) -> Option<String> {
    let keys = mask(text, private_keys(text));
    let text = keys.as_deref().unwrap_or(text);
    let tokens = mask(text, tokens(text));
    let text = tokens.as_deref().unwrap_or(text);
    mask(text, values(text)).or(tokens).or(keys)
}

/// Replaces these ranges. `None` if there are none.
fn mask(text: &str, ranges: Vec<Range<usize>>) -> Option<String> {
    let mut masked = Replaced::new(text);
    for range in ranges {
        if range.end > range.start && &text[range.clone()] != MASK {
            masked.replace(range, MASK);
        }
    }
    masked.finish()
}

/// What is between the lines `-----BEGIN … PRIVATE KEY-----` and `-----END … PRIVATE KEY-----`.
fn private_keys(text: &str) -> Vec<Range<usize>> {
    let (mut ranges, mut at) = (Vec::new(), 0);
    while let Some(found) = text[at..].find("PRIVATE KEY") {
        let start = at + found + "PRIVATE KEY".len();
        let block = &text[start..];
        let end = block.find("-----END").unwrap_or(block.len());
        ranges.push(start..start + end);
        // The closing line contains the words again.
        at = start + end + block[end..].find("PRIVATE KEY").map_or(0, |key| key + 11);
        if end == block.len() {
            break;
        }
    }
    ranges
}

fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &(start, least, tail) in TOKENS {
        let mut last = 0;
        for (at, _) in text.match_indices(start) {
            let from = at + start.len();
            if at < last || text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
                continue;
            }
            let is_in_token = |byte: u8| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'-' | b'.')
                    || tail == Opaque && matches!(byte, b'+' | b'/' | b'=' | b'~')
            };
            let length = text[from..].bytes().take_while(|byte| is_in_token(*byte)).count();
            let token = text[from..from + length].trim_end_matches('.');
            last = from + token.len();
            let is_token = token.len() >= least
                && match tail {
                    Plain => true,
                    Dotted => token.contains('.'),
                    Opaque => {
                        token.len() >= 20
                            || token.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'-')
                    }
                };
            if is_token {
                ranges.push(from..last);
            }
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    ranges
}

/// The values of the known keys, and the passwords in `user:password@host`.
fn values(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut end = 0;
    let mut in_quotes = Quotes::default();
    for (at, separator) in text.match_indices(['=', ':', '>', '\'', '"', ' ']) {
        if at < end {
            continue;
        }
        let is_quoted = in_quotes.at(text, at);
        let place = Place { text, at, is_quoted };
        let value = match separator {
            "=" | ":" => place.after_separator(separator == ":"),
            ">" => place.in_an_element(),
            " " => place.after_a_flag(),
            _ => place.in_quotes(),
        };
        if let Some(value) = value.filter(|value| value.start < value.end) {
            end = value.end;
            ranges.push(value);
        }
    }
    ranges
}

/// Whether a position is between two `"` of its line.
#[derive(Default)]
struct Quotes {
    at: usize,
    open: bool,
}

impl Quotes {
    fn at(&mut self, text: &str, at: usize) -> bool {
        for byte in text[self.at..at].bytes() {
            match byte {
                b'"' => self.open = !self.open,
                b'\n' => self.open = false,
                _ => {}
            }
        }
        self.at = at;
        self.open
    }
}

/// A character that may be between a key and its value.
struct Place<'t> {
    text: &'t str,
    at: usize,
    /// Whether it is between two `"` of its line.
    is_quoted: bool,
}

/// A key, as found before a separator.
struct Key<'t> {
    text: &'t str,
    /// What precedes it.
    before: &'t str,
    /// Whether there are quotes around it.
    is_quoted: bool,
    value: Value,
}

impl Place<'_> {
    /// `password=hunter2`, `"password": "hunter2"`, `Authorization: Bearer hunter2`
    fn after_separator(&self, is_colon: bool) -> Option<Range<usize>> {
        let Self { text, at, .. } = *self;
        let before = text[..at].trim_end_matches(' ');
        let mut start = at + 1;
        let rest = &text[start..];
        // `:=` and `=>` are one separator, `::` and `==` are none.
        match (is_colon, rest.as_bytes().first()) {
            (true, Some(b'=')) | (false, Some(b'>')) => start += 1,
            (true, Some(b':')) | (false, Some(b'=')) => return None,
            _ if before.ends_with(':') => return None,
            _ => {}
        }
        let Some(key) = key_before(before) else {
            return is_colon.then(|| self.password_before_host(before, start)).flatten();
        };
        let value = text[start..].trim_start_matches(' ');
        let has_spaces = value.len() < text.len() - start;
        start = text.len() - value.len();
        if let Some(rest) = value.strip_prefix(MASK) {
            let is_masked = !rest.starts_with(|c: char| c.is_alphanumeric());
            return is_masked.then_some(start..start + MASK.len());
        }
        let is_parameter = key.before.ends_with(['?', '&', '#']);
        // In `no "password=" is given`, the second quote ends the text that the first one began.
        if !key.is_quoted && value.starts_with('"') && key.before.ends_with('"')
            || !key.is_quoted && value.starts_with('\'') && key.before.ends_with('\'')
        {
            return None;
        }
        let is_next_key =
            !is_colon && has_spaces && before.len() == at && word(value).contains('=');
        if value.is_empty() || value.starts_with(['\n', '\r']) || is_next_key {
            return None;
        }
        if is_parameter && !is_colon {
            return Some(start..start + parameter_len(value));
        }
        if let Some(length) = quoted_len(value).or_else(|| bracketed_len(value)) {
            return Some(start..start + length);
        }
        if is_colon && key.is_quoted {
            let end = value.find([',', '}', ']', '\n']).unwrap_or(value.len());
            let value = value[..end].trim_end();
            return (!matches!(value, "null" | "true" | "false"))
                .then(|| start..start + value.len());
        }
        let length = match (key.value, is_colon) {
            (Line, _) | (Certain, true) => self.line_len(value),
            (OrProse, true) if is_prose(&key, value) => return None,
            (_, _) => self.word_len(value),
        };
        Some(start..start + length)
    }

    /// `<password>hunter2</password>`
    fn in_an_element(&self) -> Option<Range<usize>> {
        let key = key_before(&self.text[..self.at])?;
        let start = self.at + 1;
        let is_element = !key.is_quoted && key.before.ends_with(['<', ':']);
        let end = self.text[start..].find('<').map_or(self.text.len(), |end| start + end);
        is_element.then_some(start..end)
    }

    /// `--password hunter2`
    fn after_a_flag(&self) -> Option<Range<usize>> {
        let key = key_before(&self.text[..self.at])?;
        let value = &self.text[self.at + 1..];
        let is_flag = key.text.starts_with("--") && !value.starts_with('-');
        let length = quoted_len(value).unwrap_or_else(|| word(value).len());
        is_flag.then(|| self.at + 1..self.at + 1 + length)
    }

    /// `ALTER USER ada PASSWORD 'hunter2'`, `IDENTIFIED BY 'hunter2'`
    fn in_quotes(&self) -> Option<Range<usize>> {
        let before = self.text[..self.at].strip_suffix(' ')?;
        let is_statement = ["IDENTIFIED BY", "identified by"].iter().any(|by| before.ends_with(by));
        let is_password = || {
            key_before(before).is_some_and(|key| {
                key.value == Certain && key.text.eq_ignore_ascii_case("password")
            })
        };
        let length = quoted_len(&self.text[self.at..])?;
        (is_statement || is_password()).then_some(self.at..self.at + length)
    }

    /// `user:password@host`, without the scheme of a URL.
    fn password_before_host(&self, user: &str, start: usize) -> Option<Range<usize>> {
        if user.len() < self.at || self.text[start..].starts_with([' ', '/']) {
            return None;
        }
        let before =
            user.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_-.%".contains(c));
        let is_first = before.is_empty()
            || before.ends_with(|c: char| c.is_whitespace() || "\"'`(<[{=,;".contains(c));
        if before.len() == user.len() || !is_first {
            return None;
        }
        let word = word(&self.text[start..]);
        let word = &word[..word.find('"').unwrap_or(word.len())];
        let sign = word.rfind('@').filter(|sign| *sign > 0 && *sign + 1 < word.len())?;
        Some(start..start + sign)
    }

    /// The rest of the line, or of the quoted text.
    fn line_len(&self, value: &str) -> usize {
        let line = &value[..value.find('\n').unwrap_or(value.len())];
        let end = if self.is_quoted { line.find('"') } else { None };
        line[..end.unwrap_or(line.len())].trim_end().len()
    }

    /// The word, also with what follows if another key doesn't begin there: `hunter2`, `hun,ter2`,
    /// `hun ter2;Database=app`.
    fn word_len(&self, value: &str) -> usize {
        let ends = |(at, found): &(usize, &str)| {
            let rest = &value[at + found.len()..];
            match *found {
                "\"" => self.is_quoted,
                "\\" => rest.trim_start_matches('\\').starts_with('"'),
                ";" | "&" => starts_with_key(rest),
                "<" | "`" => *at > 0,
                " " => !is_before_semicolon(rest),
                _ => true,
            }
        };
        let separator = |c: char| c.is_whitespace() || ";&\"\\<`".contains(c);
        let end = value.match_indices(separator).find(ends).map_or(value.len(), |(at, _)| at);
        trim_closing(&value[..end]).len()
    }
}

/// `Password=hun ter2;Database=app`: whether another key follows only after a semicolon.
fn is_before_semicolon(rest: &str) -> bool {
    let end = rest.find(['=', '\n', ';']).unwrap_or(rest.len());
    rest[end..].starts_with(';') && starts_with_key(&rest[end + 1..])
}

/// Whether the text starts with `key=`, or with nothing more.
fn starts_with_key(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    let key = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_-. ".contains(c)));
    key.map_or(text.is_empty(), |end| text[end..].starts_with('=') || end == 0)
}

/// Without the punctuation that follows a value in a sentence.
fn trim_closing(value: &str) -> &str {
    let trimmed = value.trim_end_matches([')', ']', '}', '>', '\'', ',', ';', ':', '.']);
    if trimmed.is_empty() { value } else { trimmed }
}

/// Up to the next whitespace.
fn word(text: &str) -> &str {
    &text[..text.find(char::is_whitespace).unwrap_or(text.len())]
}

/// The length of a parameter's value in a URL.
fn parameter_len(value: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`' | '&' | '#' | '\\');
    trim_closing(&value[..value.find(ends).unwrap_or(value.len())]).len()
}

/// The key of a credential at the end of `before`.
fn key_before(before: &str) -> Option<Key<'_>> {
    let unquoted = before.strip_suffix(']').unwrap_or(before);
    let unquoted = unquoted.strip_suffix(['"', '\'', '`']).unwrap_or(unquoted);
    let unquoted = unquoted.trim_end_matches('\\');
    let is_quoted = unquoted.len() < before.len() && !before.ends_with(']');
    let (mut rest, mut key) = split_key(unquoted);
    // `api key`
    if key.eq_ignore_ascii_case("key") && rest.ends_with(' ') {
        let (before, _) = split_key(&rest[..rest.len() - 1]);
        (rest, key) = unquoted.split_at(before.len());
    }
    let plain: String = key
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let is_parameter = rest.ends_with(['?', '&', '#']);
    let matches = |&&(word, at, _): &&(&str, At, Value)| match at {
        Anywhere => plain.contains(word),
        End => plain.ends_with(word),
        LastWord => plain.ends_with(word) && is_last_word(key, word.len()),
        UrlParameter => is_parameter && plain == word,
    };
    let &(.., value) = KEYS.iter().find(matches)?;
    Some(Key { text: key, before: rest, is_quoted, value })
}

/// Splits the longest key off the end.
fn split_key(before: &str) -> (&str, &str) {
    let is_key =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%');
    let length = before.bytes().rev().take(LONGEST_KEY).take_while(is_key).count();
    before.split_at(before.len() - length)
}

/// Whether the last `length` letters of a key are a word: `DB_PASS`, `dbPass`, `DBPASS`.
fn is_last_word(key: &str, length: usize) -> bool {
    let Some((before, word)) = key.split_at_checked(key.len() - length.min(key.len())) else {
        return false;
    };
    let is_start = word.starts_with(|c: char| c.is_ascii_uppercase());
    match before.bytes().last() {
        Some(last) if last.is_ascii_lowercase() => is_start,
        Some(last) if last.is_ascii_uppercase() => is_start && word.ends_with(char::is_uppercase),
        None | Some(_) => true,
    }
}

/// Whether a colon after the key is part of a sentence: `no token: expired`. A value has a digit
/// and at least eight characters.
fn is_prose(key: &Key<'_>, value: &str) -> bool {
    let value = word(value);
    let is_opaque = value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
    let is_first = key.before.trim_end_matches(' ').is_empty()
        || key.before.trim_end_matches([' ', '-']).ends_with(['\n', '{', '(', '[', ',', ';']);
    !is_opaque && (!is_first || value.len() < 4 || key.before.is_empty())
}

/// The length of a quoted value, with its quotes, which may be escaped. Without an end, all of it.
fn quoted_len(value: &str) -> Option<usize> {
    let escapes = value.bytes().take_while(|byte| *byte == b'\\').count();
    let quote = *value.as_bytes().get(escapes)?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let mut at = escapes + 1;
    while let Some(found) = value[at..].find(char::from(quote)) {
        let before = &value[at..at + found];
        let own = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
        at += found + 1;
        let is_doubled = value[at..].starts_with(char::from(quote));
        if is_doubled {
            at += 1;
        } else if own <= escapes {
            return Some(at);
        }
    }
    Some(value.len())
}

/// `Some("hunter2")`, `[104, 117]`, `{ … }`
fn bracketed_len(value: &str) -> Option<usize> {
    let name = value.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let is_open = matches!(value.as_bytes().get(name), Some(b'(' | b'[' | b'{'));
    if !is_open {
        return None;
    }
    let body = until_closing_bracket(&value[name + 1..]);
    let end = name + 1 + body.len();
    Some(end + usize::from(end < value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = include_str!("../../docs/known_forms.md");

    /// All that is guessed by its form, as the documentation has it.
    fn redact_all(text: &str) -> String {
        super::super::Redactor::default().text(&text)
    }

    #[test]
    fn documented_forms_are_masked_as_documented() {
        let rows = DOCUMENTED.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut count = 0;
        for row in rows {
            let row = row.strip_suffix("` |").and_then(|row| row.split_once("` | `"));
            let (text, logged) = row.expect("a row has two texts");
            assert_eq!(redact_all(text), logged);
            assert_eq!(redact_all(logged), logged, "masking twice changes nothing");
            count += 1;
        }
        assert_eq!(count, 35);
    }

    #[test]
    fn documented_words_are_those_of_the_tables() {
        let lists = &DOCUMENTED[DOCUMENTED.find("A key is known").unwrap()..];
        let lists = &lists[..lists.find("Where the end").unwrap()];
        let documented: Vec<&str> = lists.split('`').skip(1).step_by(2).collect();
        let keys = KEYS.iter().map(|(word, ..)| *word);
        let tables: Vec<&str> =
            ["_", "-", "."].into_iter().chain(keys).chain(TOKENS.iter().map(|row| row.0)).collect();
        assert_eq!(documented, tables);
    }

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
            ("reset_password=true", "reset_password=***"),
            ("(password=hunter2): refused", "(password=***): refused"),
            ("password=hun)ter2, then", "password=***, then"),
            ("password=hun\"ter2", "password=***"),
            ("{\"a\":\"password=hunter2\",\"b\":1}", "{\"a\":\"password=***\",\"b\":1}"),
            ("password= hunter2", "password= ***"),
            ("MYSQL_PWD=hunter2", "MYSQL_PWD=***"),
            ("DBPASS=hunter2 dbPass=hunter2", "DBPASS=*** dbPass=***"),
            ("spring.datasource.password=hunter2", "spring.datasource.password=***"),
            ("SharedAccessKey=aHVu+/==;EntityPath=q", "SharedAccessKey=***;EntityPath=q"),
            ("aws_secret_access_key = hun/ter+2", "aws_secret_access_key = ***"),
            ("'api_key': 'hunter2', 'id': 7", "'api_key': ***, 'id': 7"),
            ("api key: hunter2", "api key: ***"),
            ("accessToken=hunter2", "accessToken=***"),
            ("Token { access_token: \"hunter2\" }", "Token { access_token: *** }"),
            ("token: hunter2hunter2", "token: ***"),
            ("key: [104, 117], secret: [104, 117], id: 7", "key: [104, 117], secret: ***, id: 7"),
            ("cookie=a=hunter2; b=hunter2\nnext", "cookie=***\nnext"),
            (
                r#"{"headers":["Authorization: Basic aHVudGVyMg==","Accept: a"]}"#,
                r#"{"headers":["Authorization: ***","Accept: a"]}"#,
            ),
            (r#"{"a":"{\\\"password\\\":\\\"hunter2\\\"}"}"#, r#"{"a":"{\\\"password\\\":***}"}"#),
            ("user%5Bpassword%5D=hunter2&id=7", "user%5Bpassword%5D=***&id=7"),
            ("<wsse:Password>hunter2</wsse:Password>", "<wsse:Password>***</wsse:Password>"),
            ("--db-password=hunter2 --verbose", "--db-password=*** --verbose"),
            ("connect ada:hunter2@cache:6379", "connect ada:***@cache:6379"),
            ("Proxy-Authorization: Digest a=\"hunter2\"", "Proxy-Authorization: ***"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN RSA PRIVATE KEY***"),
        ] {
            assert_eq!(redact_all(text), redacted, "{text}");
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
            "password:\nnext",
            "password == other",
            "password::Policy",
            r#"no "password=" is given, and no "host=" is"#,
            r#"connecting to "postgres://db?password=" or "b""#,
            "password authentication failed for user \"ada\"",
            "https://a.b/c?page=2&sort=name",
            "é=password",
            "compass=north",
            "invalid token: expired",
            "unexpected token: `}`",
            "failed to load credentials: connection refused",
            "Basic authentication failed",
            "Bearer token is missing",
            "ada@example.com: no such user",
            "max_tokens=512 cache_key=users primary_key=id",
            "{\"password\":null,\"id\":7}",
            "12:30:01 [::1]:80 a::b std::io::Error",
            "task-sk-not-a-token",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }

    #[test]
    fn masking_takes_linear_time() {
        for piece in [
            "password=",
            "password=x ",
            "password=x;",
            "password: \"",
            "token: (",
            "a:b@",
            "a:",
            "\"",
            "'",
            " ",
            "=",
            "--password ",
            "eyJ",
            "eyJa.",
            "Bearer ",
            "PRIVATE KEY",
            "key: ",
            "\\",
            "é",
            "a",
            "password=\\",
            "<password>",
            "password 'x",
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

    /// Forms, and the characters that a value may contain besides letters and digits.
    const HELD: &[(&str, &str)] = &[
        ("PGPASSWORD=VALUE next", "!$%^*()~?,.@/+=-_#"),
        ("dbPassword = VALUE next", "!$%^*()~?,.@/+-_#"),
        ("accessToken=VALUE\n", "!$%^*()~?,.@/+-_#"),
        ("x;AccountKey=VALUE;b=c", "!$%^*()~?,.@/+=-_# "),
        ("password='VALUE' next", "!$%^*()~?,.@/+=-_# \"&;<>\n"),
        ("\"password\": \"VALUE\", \"id\": 7", "!$%^*()~?,.@/+=-_# '&;<>{}[]"),
        (r#"{"a":"{\"secret\":\"VALUE\"}"}"#, "!$%^*()~?,.@/+=-_# '&;<>{}[]"),
        ("Login { api_key: Some(\"VALUE\") }", "!$%^*()~?,.@/+=-_# '&;<>{}[]"),
        ("password: VALUE\nnext", "!$%^*~?,.@/+=-_# '&;<>"),
        ("Authorization: Basic VALUE\nnext", "!$%^*~?,.@/+=-_# '&;<>"),
        ("cookie: a=VALUE; b=VALUE\nnext", "!$%^*~?,.@/+=-_# '&;<>"),
        ("<password>VALUE</password>", "!$%^*()~?,.@/+=-_# '&;\""),
        ("--api-key VALUE next", "!$%^*()~?,.@/+=-_#'&;"),
        ("PASSWORD 'VALUE'", "!$%^*()~?,.@/+=-_# \"&;<>"),
        ("a://ada:VALUE@host/b", "!$%^*()~,.=-_&;:"),
        ("ada:VALUE@tcp(host)/b", "!$%^*()~,.=-_&;:/"),
        ("https://a.b/c?token=VALUE&d=e", "!$%^*()~,.=-_;:/@"),
        ("is Bearer VALUE", "._-+/=~"),
        ("is eyJ0VALUE.VALUE.VALUE", "_-"),
        ("-----BEGIN PRIVATE KEY-----VALUE", "!$%^*()~?,.@/+=-_# '&;<>{}[]\n"),
        ("it: error returned from database: VALUE", "!$%^*()~?,.@/+=-_# '&;<>{}[]\n"),
        ("it: Decode(Bad(\"VALUE\"))", "!$%^*()~?,.@/+=-_# '&;<>{}[]"),
        ("PgDatabaseError { a: 1, message: \"VALUE\" }", "!$%^*()~?,.@/+=-_# '&;<>{}[]"),
    ];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            cases: 1000,
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::default()
        })]

        #[test]
        fn no_part_of_a_value_in_a_known_form_is_shown(
            form in proptest::sample::select(HELD),
            parts in proptest::array::uniform2("[A-Za-z]{4}[0-9]{2}[A-Za-z]{2}"),
            between in proptest::prelude::any::<proptest::sample::Index>(),
            around in proptest::array::uniform2("([a-z]{1,5} ){0,3}"),
        ) {
            let (form, allowed) = form;
            let between = allowed.chars().nth(between.index(allowed.len())).unwrap();
            let value = format!("{}{between}{}", parts[0], parts[1]);
            let text = format!("{}{} {}", around[0], form.replace("VALUE", &value), around[1]);
            let redacted = redact_all(&text);
            for part in &parts {
                proptest::prop_assert!(!redacted.contains(part), "{text:?} becomes {redacted:?}");
            }
        }

        #[test]
        fn any_text_is_redacted_without_a_panic(
            text in "(password|token|[ =:\"'\\\\(){};&@é\n<>-]|://|Decode|pass|key|a){0,40}",
        ) {
            let redacted = redact_all(&text);
            proptest::prop_assert!(redacted.len() <= 12 * text.len().max(1));
        }
    }
}
