//! The text of an error as it may stand in a log.
//!
//! The texts of some errors hold what doesn't belong there: a URL with its query, the value of a
//! database row. What the types in the chain of causes know is taken out of the text wherever it
//! stands, since outer texts repeat inner ones; what has a form of its own is found by that.

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

/// How far down a chain of causes is looked. One that is longer runs in a circle.
const DEPTH: usize = 64;

/// Shorter secrets can stand anywhere by chance, and are hidden only where they are the whole text.
const SHORTEST: usize = 4;

/// By so much of its beginning a secret is known that the end of a text has cut off.
const CUT: usize = 256;

/// What stands for a text whose `Display` panicked.
pub(crate) const PANICKED: &str = "(the text can't be told: its `Display` panicked)";

static DATABASE_VALUES: AtomicBool = AtomicBool::new(false);

/// Lets the values of database rows into the logs of this process; off by default.
///
/// What a database says of an error may quote the row: `Duplicate entry 'ada@example.com' for key
/// 'email'`, or the detail `Key (email)=(ada@example.com) already exists`. In the logs, its
/// condition and code stand in the place of such a text. Who searches a mistake on their own
/// machine, where the rows are made up, asks for the values once, when the program starts:
///
/// ```
/// resilience::sql::log_database_values(cfg!(debug_assertions));
/// # resilience::sql::log_database_values(false);
/// ```
///
/// Answers to clients never hold them, whatever is said here.
pub fn log_database_values(allowed: bool) {
    DATABASE_VALUES.store(allowed, Relaxed);
}

/// The text of an error, or of one of its causes, without what doesn't belong in a log.
///
/// Left out are the path, query and credentials of a `reqwest::Error`'s URL, the row values in a
/// database's message, and the credentials of any URL or connection string.
pub(crate) fn text(text: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    Secrets::of(error, evidence).hide(text)
}

/// What the types in a chain of causes say must not stand in a log, and what stands there instead.
#[derive(Debug, Default)]
struct Secrets(Vec<Secret>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    text: String,
    instead: String,
}

impl Secrets {
    /// Allocates nothing where there is nothing to hide.
    fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        let mut secrets = Self::default();
        for link in evidence.chain().take(DEPTH) {
            of_reqwest(link, &mut secrets);
        }
        if !DATABASE_VALUES.load(Relaxed) {
            database::secrets(error, evidence.chain().take(DEPTH), &mut secrets);
        }
        secrets
    }

    /// Something that isn't to be shown, as it is and as `{:?}` writes it.
    #[cfg_attr(
        not(any(feature = "reqwest", feature = "_sqlx")),
        allow(dead_code, reason = "nothing that hides something")
    )]
    fn add(&mut self, text: &str, instead: &str) {
        if text.is_empty() {
            return;
        }
        let quoted = format!("{text:?}");
        let quoted = quoted[1..quoted.len() - 1].to_owned();
        if quoted != text {
            self.0.push(Secret { text: quoted, instead: instead.to_owned() });
        }
        self.0.push(Secret { text: text.to_owned(), instead: instead.to_owned() });
    }

    /// The text of the error without the secrets, and without what is recognized by its form.
    fn hide(&self, error: &dyn Display) -> String {
        let mut text = String::new();
        // An error that can't be written is told as far as it goes.
        let _ = write!(text, "{error}");
        for secret in &self.0 {
            secret.hide_in(&mut text);
        }
        #[cfg(feature = "_sqlx")]
        if !DATABASE_VALUES.load(Relaxed) {
            if let Some(hidden) = sqlx_debug::hide(&text) {
                text = hidden;
            }
        }
        let text = match url_credentials::hide(&text) {
            Cow::Owned(hidden) => hidden,
            Cow::Borrowed(_) => text,
        };
        key_values::mask(&text).unwrap_or(text)
    }
}

impl Secret {
    fn hide_in(&self, text: &mut String) {
        if self.text.trim().len() < SHORTEST {
            if *text == self.text {
                text.clone_from(&self.instead);
            }
        } else if text.contains(&self.text) {
            *text = text.replace(&self.text, &self.instead);
        } else if self.text.len() > CUT {
            if let Some(start) = text.find(prefix::of(&self.text, CUT)) {
                // The text ends before the secret does.
                text.truncate(start);
                text.push_str(&self.instead);
            }
        }
    }
}

#[cfg(feature = "reqwest")]
fn of_reqwest(link: &(dyn Error + 'static), secrets: &mut Secrets) {
    let url =
        crate::error::downcast::downcast::<reqwest::Error>(link).and_then(reqwest::Error::url);
    if let Some(url) = url.map(reqwest::Url::as_str) {
        let origin = url_credentials::origin(url);
        // Of a URL that has nothing more, every other one of that host begins like it.
        if url.trim_end_matches('/') != origin {
            secrets.add(url, &origin);
        }
    }
}

#[cfg(not(feature = "reqwest"))]
fn of_reqwest(_: &(dyn Error + 'static), _: &mut Secrets) {}

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
        for (text, instead) in all {
            secrets.add(text, instead);
        }
        secrets
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_is_repeated() {
        let inner = "Duplicate entry 'ada' for key \"email\"";
        let text = format!("can't save: database says {inner}: {inner:?}");
        let shown = secrets(&[(inner, "unique violation (1062)")]).hide(&text);
        assert_eq!(
            shown,
            "can't save: database says unique violation (1062): \"unique violation (1062)\""
        );
    }

    #[test]
    fn what_is_too_short_to_be_told_apart_stays() {
        let none = secrets(&[("", "x"), ("   ", "x"), ("a", "x"), (" a  ", "x")]);
        assert_eq!(none.hide(&"a banana   is there"), "a banana   is there");
        assert_eq!(none.hide(&"a"), "x");
        assert_eq!(none.hide(&""), "");
    }

    #[test]
    fn a_secret_that_the_text_cuts_off_is_hidden_too() {
        let long = "é".repeat(1000);
        let all = secrets(&[(&long, "(left out)")]);
        assert_eq!(all.hide(&format!("says: {}…", &long[..600])), "says: (left out)");
        assert_eq!(all.hide(&format!("says: {long}.")), "says: (left out).");
    }

    #[test]
    fn an_error_that_can_not_be_written_is_told_as_far_as_it_goes() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half a").and(Err(fmt::Error))
            }
        }
        assert_eq!(text(&Broken, &Broken, &Evidence::default()), "half a");
    }

    #[test]
    fn nothing_is_kept_of_an_error_that_hides_nothing() {
        let error = Failed { text: "it broke".into(), source: Some(Box::default()) };
        assert!(Secrets::of(&error, &Evidence::of(&error)).0.is_empty());
        assert_eq!(text(&error, &error, &Evidence::of(&error)), "it broke");
    }

    #[test]
    fn a_chain_that_runs_in_a_circle_ends() {
        #[derive(Debug)]
        struct Circle;
        impl Display for Circle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("redis://a:hunter2@b")
            }
        }
        impl Error for Circle {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(text(&Circle, &Circle, &Evidence::of(&Circle)), "redis://***@b");
    }
}
