//! Redacts the text of errors for logs.
//!
//! The text of an error may contain data that doesn't belong in a log, such as a URL with its query
//! or the value of a database row. Some secrets are known from the types in the chain of causes;
//! they are replaced everywhere in the text, because outer errors repeat the text of inner ones.
//! Others are guessed by their form: the message of a database that was formatted into a text
//! (`database_text`), and credentials in URLs (`url_credentials`) and elsewhere (`known_forms`).
//!
//! At most [`MAX_TEXT`] bytes of a text are formatted, and each step takes linear time.

mod brackets;
mod database;
mod database_text;
mod known_forms;
mod replace;
mod url_credentials;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::support::{bounded, prefix};
use crate::taxonomy::Evidence;

/// Maximum number of bytes that are formatted of a text. Far more than is logged.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// Maximum number of causes whose secrets are collected.
const MAX_CHAIN: usize = 64;

/// Minimum length of a secret in bytes. Shorter ones may occur by chance, so they are replaced only
/// if they are the whole text.
const MIN_SECRET: usize = 4;

/// Length of the prefix, in bytes, by which a truncated secret is still recognised.
const TRUNCATED_PREFIX: usize = 256;

/// Maximum number of bytes removed from the end of a text that was cut: the last word may be the
/// beginning of a secret.
const MAX_LAST_WORD: usize = 8 * 1024;

/// Marks a text that was cut.
const ELLIPSIS: char = '…';

/// Replaces the text of an error whose `Display` panicked.
pub(crate) const PANICKED: &str = "(`Display` panicked while formatting this error)";

/// Replaces a secret for which there is no better description.
const REDACTED: &str = "(redacted)";

static DATABASE_VALUES: AtomicBool = AtomicBool::new(false);

/// Allows or forbids the values of database rows in the logs of this process. Forbidden by default.
///
/// A database's error message may quote a row: `Duplicate entry 'ada@example.com' for key 'email'`,
/// or the detail `Key (email)=(ada@example.com) already exists`. In logs, such a text is replaced
/// by the condition and the code: `unique_violation (1062)`. To debug locally with test data, allow
/// the values once at start-up:
///
/// ```
/// resilience::sql::log_database_values(cfg!(debug_assertions));
/// # resilience::sql::log_database_values(false);
/// ```
///
/// Responses to clients never contain such values.
pub fn log_database_values(allowed: bool) {
    DATABASE_VALUES.store(allowed, Relaxed);
}

/// Formats an error, or one of its causes, and redacts the text.
///
/// Removes the path, query and credentials of a `reqwest::Error`'s URL, row values in a database's
/// message, and credentials of [known forms](crate::report::Report#known-forms). Formats at most
/// [`MAX_TEXT`] bytes.
#[cfg(test)]
fn text(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    Redactor::of(error, evidence).text(text)
}

/// Redacts all texts of one error: the secrets of its causes are collected once.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// The secrets that the types in the chain of causes contain, and their replacements.
    secrets: Vec<Secret>,
    /// Messages of databases that quote no values.
    harmless: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    text: String,
    replacement: String,
}

impl Redactor {
    /// Collects the secrets. Allocates nothing if there are none.
    pub(crate) fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        let mut redactor = Self::default();
        for link in evidence.chain().take(MAX_CHAIN) {
            add_reqwest_url(link, &mut redactor);
            #[cfg(feature = "validator")]
            add_validated_values(link, &mut redactor);
        }
        if !DATABASE_VALUES.load(Relaxed) {
            database::add_secrets(error, evidence.chain().take(MAX_CHAIN), &mut redactor);
        }
        redactor
    }

    /// Adds a secret, both as it is and as `{:?}` escapes it.
    #[cfg_attr(
        not(any(feature = "reqwest", feature = "_sqlx", feature = "validator")),
        allow(dead_code, reason = "no enabled feature has secrets")
    )]
    fn add(&mut self, text: &str, replacement: &str) {
        if text.is_empty() || self.secrets.iter().any(|secret| secret.text == text) {
            return;
        }
        let escaped = format!("{text:?}");
        let escaped = escaped[1..escaped.len() - 1].to_owned();
        if escaped != text {
            self.secrets.push(Secret { text: escaped, replacement: replacement.to_owned() });
        }
        self.secrets.push(Secret { text: text.to_owned(), replacement: replacement.to_owned() });
    }

    /// Formats a text, replaces the secrets, and redacts what is recognised by its form.
    pub(crate) fn text(&self, text: &dyn Display) -> String {
        let (mut text, is_cut) = bounded::format(text, MAX_TEXT);
        // Or the caller has cut it there, up to a character of four bytes.
        let is_cut = is_cut || text.len() > MAX_TEXT - 4;
        for secret in &self.secrets {
            secret.replace_in(&mut text, is_cut);
            // A replacement contains another secret. Reveal nothing rather than grow further.
            if text.len() > 2 * MAX_TEXT {
                return REDACTED.to_owned();
            }
        }
        if is_cut {
            drop_last_word(&mut text);
        }
        if !DATABASE_VALUES.load(Relaxed) {
            if let Some(redacted) = database_text::redact(&text, |rest| self.known_len(rest)) {
                text = redacted;
            }
        }
        if let Cow::Owned(redacted) = url_credentials::redact(&text) {
            text = redacted;
        }
        if let Some(redacted) = known_forms::redact(&text) {
            text = redacted;
        }
        if is_cut {
            text.push(ELLIPSIS);
        }
        text
    }

    /// The length of the longest text at the start that is known to quote no values.
    fn known_len(&self, text: &str) -> usize {
        let replaced = self.secrets.iter().map(|secret| &secret.replacement);
        let known = self.harmless.iter().chain(replaced);
        known.filter(|known| text.starts_with(*known)).map(String::len).max().unwrap_or(0)
    }
}

impl Secret {
    /// `is_cut`: whether the text may end within the secret.
    fn replace_in(&self, text: &mut String, is_cut: bool) {
        if self.text.trim().len() < MIN_SECRET {
            if *text == self.text {
                text.clone_from(&self.replacement);
            }
            return;
        }
        if text.contains(&self.text) {
            *text = text.replace(&self.text, &self.replacement);
        }
        let truncated = (self.text.len() > TRUNCATED_PREFIX)
            .then(|| text.find(prefix::of(&self.text, TRUNCATED_PREFIX)))
            .flatten();
        let start = match truncated {
            Some(start) => start,
            None if is_cut => text.len() - overlap(text, &self.text),
            None => return,
        };
        if start < text.len() {
            text.truncate(start);
            text.push_str(&self.replacement);
        }
    }
}

/// The length of the longest beginning of `secret` that `text` ends with. Takes linear time: the
/// table of Knuth, Morris and Pratt.
fn overlap(text: &str, secret: &str) -> usize {
    let secret = secret.as_bytes();
    let text = &text.as_bytes()[text.len().saturating_sub(secret.len())..];
    let longest = |matched: usize, byte: u8, table: &[usize]| {
        let mut matched = matched;
        while matched > 0 && (matched == secret.len() || secret[matched] != byte) {
            matched = table[matched - 1];
        }
        matched + usize::from(secret.get(matched) == Some(&byte))
    };
    let mut table = vec![0];
    for at in 1..secret.len() {
        let next = longest(table[at - 1], secret[at], &table);
        table.push(next);
    }
    text.iter().fold(0, |matched, &byte| longest(matched, byte, &table))
}

/// Removes the last word of a text that was cut.
fn drop_last_word(text: &mut String) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    let before = text.trim_end_matches(|c| !ends(c)).len();
    let least = prefix::of(text, text.len().saturating_sub(MAX_LAST_WORD)).len();
    text.truncate(before.max(least));
}

#[cfg(feature = "reqwest")]
fn add_reqwest_url(link: &(dyn Error + 'static), secrets: &mut Redactor) {
    let url =
        crate::error::downcast::downcast::<reqwest::Error>(link).and_then(reqwest::Error::url);
    if let Some(url) = url.map(reqwest::Url::as_str) {
        let origin = url_credentials::origin(url);
        // A bare origin is a prefix of every URL on that host, so replacing it would corrupt them.
        if url.trim_end_matches('/') != origin {
            secrets.add(url, &origin);
        }
    }
}

/// The text of `validator`'s errors quotes the values of the fields.
#[cfg(feature = "validator")]
fn add_validated_values(link: &(dyn Error + 'static), secrets: &mut Redactor) {
    if let Some(errors) = crate::error::downcast::downcast::<validator::ValidationErrors>(link) {
        secrets.add(&bounded::format(errors, MAX_TEXT).0, "invalid fields");
    }
}

#[cfg(not(feature = "reqwest"))]
fn add_reqwest_url(_: &(dyn Error + 'static), _: &mut Redactor) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug, Clone, Default)]
    struct Failed {
        text: String,
        source: Option<Box<Failed>>,
    }

    impl Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.text)
        }
    }

    impl Error for Failed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.source.as_deref().map(|source| source as _)
        }
    }

    fn secrets(all: &[(&str, &str)]) -> Redactor {
        let mut secrets = Redactor::default();
        for (text, replacement) in all {
            secrets.add(text, replacement);
        }
        secrets
    }

    #[test]
    fn secret_is_redacted_wherever_it_is_repeated() {
        let inner = "Duplicate entry 'ada' for key \"email\"";
        let text = format!("can't save: database says {inner}: {inner:?}");
        let redacted = secrets(&[(inner, "unique violation (1062)")]).text(&text);
        assert_eq!(
            redacted,
            "can't save: database says unique violation (1062): \"unique violation (1062)\""
        );
    }

    #[test]
    fn short_secret_is_redacted_only_if_it_is_the_whole_text() {
        let short = secrets(&[("", "x"), ("   ", "x"), ("a", "x"), (" a  ", "x")]);
        assert_eq!(short.text(&"a banana   is there"), "a banana   is there");
        assert_eq!(short.text(&"a"), "x");
        assert_eq!(short.text(&""), "");
    }

    #[test]
    fn truncated_secret_is_redacted() {
        let long = "é".repeat(1000);
        let all = secrets(&[(&long, "(redacted)")]);
        assert_eq!(all.text(&format!("says: {}…", &long[..600])), "says: (redacted)");
        assert_eq!(all.text(&format!("says: {long}.")), "says: (redacted).");
    }

    #[test]
    fn error_whose_display_fails_keeps_the_text_written_so_far() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half a").and(Err(fmt::Error))
            }
        }
        assert_eq!(text(&Broken, &Broken, &Evidence::default()), "half a");
    }

    #[test]
    fn error_without_secrets_is_unchanged() {
        let error = Failed { text: "it broke".into(), source: Some(Box::default()) };
        assert!(Redactor::of(&error, &Evidence::of(&error)).secrets.is_empty());
        assert_eq!(text(&error, &error, &Evidence::of(&error)), "it broke");
    }

    #[test]
    fn cyclic_chain_is_redacted_without_hanging() {
        #[derive(Debug)]
        struct Cyclic;
        impl Display for Cyclic {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("redis://a:hunter2@b")
            }
        }
        impl Error for Cyclic {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(text(&Cyclic, &Cyclic, &Evidence::of(&Cyclic)), "redis://***@b");
    }

    #[test]
    fn secret_cut_by_the_limit_is_redacted() {
        let secret = "value of ada@example.com's row, with spaces";
        let all = secrets(&[(secret, "(redacted)")]);
        for shown in 1..secret.len() {
            let text = format!("{}says: {secret} more", "x ".repeat((MAX_TEXT - 6 - shown) / 2));
            let redacted = all.text(&text);
            let end = &redacted[redacted.len() - 40..];
            assert!(!end.contains("value") && redacted.ends_with('…'), "{shown}: {end}");
        }
        for form in ["postgres://ada:hunter2@db", "eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2"] {
            let start = "x ".repeat((MAX_TEXT - form.find("ter2").unwrap()) / 2);
            assert!(!all.text(&format!("{start}{form}")).contains("hun"), "{form}");
        }
    }

    #[test]
    fn text_is_formatted_up_to_a_limit() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("on and ")?;
                }
            }
        }
        let endless = text(&Endless, &Endless, &Evidence::default());
        assert!(endless.len() < MAX_TEXT + 10 && endless.ends_with('…'), "{}", endless.len());
        let word = text(&"x".repeat(MAX_TEXT * 2), &"", &Evidence::default());
        assert_eq!(word.len(), MAX_TEXT - MAX_LAST_WORD + "…".len());
    }

    #[test]
    fn overlap_is_the_longest_beginning_at_the_end() {
        let table = [
            ("xab", "abc", 2),
            ("xaba", "abac", 3),
            ("aabaa", "aab", 2),
            ("abc", "abc", 3),
            ("aaaa", "aaab", 3),
            ("", "a", 0),
            ("x", "y", 0),
            ("é", "éa", 2),
            ("a long text", "t", 1),
        ];
        for (text, secret, length) in table {
            assert_eq!(overlap(text, secret), length, "{text} {secret}");
        }
    }
}
