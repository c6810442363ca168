//! Redacts the text of errors for logs.
//!
//! The text of an error may contain data that doesn't belong in a log, such as a URL with its query
//! or the value of a database row. Some secrets are known from the types in the chain of causes;
//! they are replaced everywhere in the text, because outer errors repeat the text of inner ones.
//! Others, such as credentials in URLs, are recognised by their syntax.

mod database;
mod key_values;
#[cfg(feature = "_sqlx")]
mod sqlx_debug;
mod url_credentials;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::support::prefix;
use crate::taxonomy::Evidence;

/// Maximum number of causes to inspect. A longer chain is assumed to be cyclic.
const MAX_CHAIN: usize = 64;

/// Minimum length of a secret in bytes. Shorter ones may occur by chance, so they are replaced only
/// if they are the whole text.
const MIN_SECRET: usize = 4;

/// Length of the prefix, in bytes, by which a truncated secret is still recognised.
const TRUNCATED_PREFIX: usize = 256;

/// Replaces the text of an error whose `Display` panicked.
pub(crate) const PANICKED: &str = "(`Display` panicked while formatting this error)";

/// Replaces a secret for which there is no better description.
#[cfg(feature = "_sqlx")]
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
/// message, and the credentials in any URL or connection string.
pub(crate) fn text(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    Secrets::of(error, evidence).redact(text)
}

/// The secrets that the types in a chain of causes contain, and their replacements.
#[derive(Debug, Default)]
struct Secrets(Vec<Secret>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    text: String,
    replacement: String,
}

impl Secrets {
    /// Collects the secrets. Allocates nothing if there are none.
    fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        let mut secrets = Self::default();
        for link in evidence.chain().take(MAX_CHAIN) {
            add_reqwest_url(link, &mut secrets);
            #[cfg(feature = "validator")]
            add_validated_values(link, &mut secrets);
        }
        if !DATABASE_VALUES.load(Relaxed) {
            database::add_secrets(error, evidence.chain().take(MAX_CHAIN), &mut secrets);
        }
        secrets
    }

    /// Adds a secret, both as it is and as `{:?}` escapes it.
    #[cfg_attr(
        not(any(feature = "reqwest", feature = "_sqlx", feature = "validator")),
        allow(dead_code, reason = "no enabled feature has secrets")
    )]
    fn add(&mut self, text: &str, replacement: &str) {
        if text.is_empty() {
            return;
        }
        let escaped = format!("{text:?}");
        let escaped = escaped[1..escaped.len() - 1].to_owned();
        if escaped != text {
            self.0.push(Secret { text: escaped, replacement: replacement.to_owned() });
        }
        self.0.push(Secret { text: text.to_owned(), replacement: replacement.to_owned() });
    }

    /// Formats the error, replaces the secrets, and redacts what is recognised by its syntax.
    fn redact(&self, error: &dyn Display) -> String {
        let mut text = String::new();
        // If formatting fails, the part written so far is used.
        let _ = write!(text, "{error}");
        for secret in &self.0 {
            secret.replace_in(&mut text);
        }
        #[cfg(feature = "_sqlx")]
        if !DATABASE_VALUES.load(Relaxed) {
            if let Some(redacted) = sqlx_debug::redact(&text) {
                text = redacted;
            }
        }
        let text = match url_credentials::redact(&text) {
            Cow::Owned(redacted) => redacted,
            Cow::Borrowed(_) => text,
        };
        key_values::redact(&text).unwrap_or(text)
    }
}

impl Secret {
    fn replace_in(&self, text: &mut String) {
        if self.text.trim().len() < MIN_SECRET {
            if *text == self.text {
                text.clone_from(&self.replacement);
            }
        } else if text.contains(&self.text) {
            *text = text.replace(&self.text, &self.replacement);
        } else if self.text.len() > TRUNCATED_PREFIX {
            if let Some(start) = text.find(prefix::of(&self.text, TRUNCATED_PREFIX)) {
                // The text was truncated within the secret.
                text.truncate(start);
                text.push_str(&self.replacement);
            }
        }
    }
}

#[cfg(feature = "reqwest")]
fn add_reqwest_url(link: &(dyn Error + 'static), secrets: &mut Secrets) {
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
fn add_validated_values(link: &(dyn Error + 'static), secrets: &mut Secrets) {
    if let Some(errors) = crate::error::downcast::downcast::<validator::ValidationErrors>(link) {
        secrets.add(&errors.to_string(), "invalid fields");
    }
}

#[cfg(not(feature = "reqwest"))]
fn add_reqwest_url(_: &(dyn Error + 'static), _: &mut Secrets) {}

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

    fn secrets(all: &[(&str, &str)]) -> Secrets {
        let mut secrets = Secrets::default();
        for (text, replacement) in all {
            secrets.add(text, replacement);
        }
        secrets
    }

    #[test]
    fn secret_is_redacted_wherever_it_is_repeated() {
        let inner = "Duplicate entry 'ada' for key \"email\"";
        let text = format!("can't save: database says {inner}: {inner:?}");
        let redacted = secrets(&[(inner, "unique violation (1062)")]).redact(&text);
        assert_eq!(
            redacted,
            "can't save: database says unique violation (1062): \"unique violation (1062)\""
        );
    }

    #[test]
    fn short_secret_is_redacted_only_if_it_is_the_whole_text() {
        let short = secrets(&[("", "x"), ("   ", "x"), ("a", "x"), (" a  ", "x")]);
        assert_eq!(short.redact(&"a banana   is there"), "a banana   is there");
        assert_eq!(short.redact(&"a"), "x");
        assert_eq!(short.redact(&""), "");
    }

    #[test]
    fn truncated_secret_is_redacted() {
        let long = "é".repeat(1000);
        let all = secrets(&[(&long, "(redacted)")]);
        assert_eq!(all.redact(&format!("says: {}…", &long[..600])), "says: (redacted)");
        assert_eq!(all.redact(&format!("says: {long}.")), "says: (redacted).");
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
        assert!(Secrets::of(&error, &Evidence::of(&error)).0.is_empty());
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
}
