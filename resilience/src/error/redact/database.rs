//! What a database's driver says in its own words: the condition and its code tell the same without
//! the values of rows.

use std::error::Error;
use std::fmt::Display;

use super::Secrets;
#[cfg(feature = "_sqlx")]
use crate::error::downcast::downcast;

/// Without a driver there is nothing to hide.
#[cfg(not(feature = "_sqlx"))]
pub(super) fn secrets<'e>(
    _: &dyn Display,
    _: impl Iterator<Item = &'e (dyn Error + 'static)>,
    _: &mut Secrets,
) {
}

/// Stands where an error has no condition, or quotes nothing but values.
#[cfg(feature = "_sqlx")]
const LEFT_OUT: &str = "(left out)";

/// Looks from the outermost error on: a text that holds another one is hidden before it.
#[cfg(feature = "_sqlx")]
pub(super) fn secrets<'e>(
    error: &dyn Display,
    chain: impl Iterator<Item = &'e (dyn Error + 'static)>,
    secrets: &mut Secrets,
) {
    let passed_on = crate::error::database::SqlKind::InvalidStatement.name();
    let mut instead = LEFT_OUT.to_owned();
    // Of one that somebody else classifies, the chain begins below it.
    let mut quotes = passes_on(error);
    if quotes {
        passed_on.clone_into(&mut instead);
        secrets.add(&told(error), passed_on);
    }
    for link in chain {
        if let Some(details) = crate::error::database::details(link) {
            quotes = details.message_has_values();
            instead = match (details.condition(), details.code()) {
                (Some(condition), Some(code)) => format!("{condition} ({code})"),
                (Some(condition), None) => condition.name().to_owned(),
                (None, Some(code)) => format!("database error ({code})"),
                (None, None) => LEFT_OUT.to_owned(),
            };
            details_of(link, secrets);
        } else if !quotes && passes_on(&link) {
            quotes = true;
            passed_on.clone_into(&mut instead);
        }
        // What an error quotes, the ones that it is made from say as well.
        if quotes {
            secrets.add(&told(&link), &instead);
            secrets.add(&told(&format_args!("{link:?}")), &instead);
            if let Some(sqlx::Error::Protocol(text) | sqlx::Error::InvalidArgument(text)) =
                downcast(link)
            {
                secrets.add(text, &instead);
            }
            if let Some(error) = in_database_variant(link) {
                secrets.add(error.message(), &instead);
            }
        }
    }
}

/// As far as it can be told: `to_string` would panic.
#[cfg(feature = "_sqlx")]
fn told(text: &dyn Display) -> String {
    use std::fmt::Write as _;

    let mut told = String::new();
    let _ = write!(told, "{text}");
    told
}

/// How SQLx begins the texts in which it quotes.
#[cfg(feature = "_sqlx")]
const QUOTING: [&str; 5] = [
    "error occurred while decoding column ",
    "error occurred while decoding: ",
    "error occurred while encoding a value: ",
    "encountered unexpected or invalid data: ",
    "error in Any driver mapping: ",
];

/// Whether this has the text of an error of SQLx that quotes. `#[error(transparent)]` takes what it
/// wraps out of the chain.
#[cfg(feature = "_sqlx")]
fn passes_on(link: &dyn Display) -> bool {
    use std::fmt::Write as _;

    struct Begins<'t> {
        /// What is still to come.
        with: &'t str,
    }

    impl std::fmt::Write for Begins<'_> {
        fn write_str(&mut self, part: &str) -> std::fmt::Result {
            let rest = self.with.strip_prefix(part);
            // Nothing is looked at that stands behind it.
            self.with = rest
                .or_else(|| part.starts_with(self.with).then_some(""))
                .ok_or(std::fmt::Error)?;
            if self.with.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
        }
    }

    let begins = |with: &str| {
        let mut begins = Begins { with };
        let _ = crate::support::catch_panic::catch_panic(|| write!(begins, "{link}"));
        begins.with.is_empty()
    };
    QUOTING.into_iter().any(begins)
}

#[cfg(feature = "_sqlx")]
fn in_database_variant<'e>(
    link: &'e (dyn Error + 'static),
) -> Option<&'e dyn sqlx::error::DatabaseError> {
    match downcast::<sqlx::Error>(link) {
        Some(sqlx::Error::Database(error)) => Some(&**error),
        Some(_) => None,
        None => link.downcast_ref::<Box<dyn sqlx::error::DatabaseError>>().map(|error| &**error),
    }
}

/// What PostgreSQL tells beside the message, and `{:?}` writes: the row that was in the way, and
/// what was being done.
#[cfg(feature = "_sqlx")]
fn details_of(link: &(dyn Error + 'static), secrets: &mut Secrets) {
    #[cfg(feature = "sqlx-postgres")]
    {
        let inside = in_database_variant(link).and_then(|error| error.as_error().downcast_ref());
        if let Some(error) = inside.or_else(|| downcast::<sqlx::postgres::PgDatabaseError>(link)) {
            for text in [error.detail(), error.r#where(), error.hint()].into_iter().flatten() {
                secrets.add(text, LEFT_OUT);
            }
        }
    }
    #[cfg(not(feature = "sqlx-postgres"))]
    let _: (&dyn Error, &mut Secrets) = (link, secrets);
}

#[cfg(all(test, feature = "_sqlx"))]
mod tests {
    use std::borrow::Cow;
    use std::fmt;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::super::text;
    use super::*;
    use crate::{Classify as _, taxonomy::Evidence};

    /// An error of a driver that nobody knows.
    #[derive(Debug)]
    struct Foreign;

    const MESSAGE: &str = "Duplicate entry 'ada@example.com' for key \"email\"";

    impl Display for Foreign {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{MESSAGE} (line 7)")
        }
    }

    impl Error for Foreign {}

    impl DatabaseError for Foreign {
        fn message(&self) -> &str {
            MESSAGE
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            None
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::UniqueViolation
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("can't save: {0} | {0:?} | {0:#?}")]
    struct Save(#[from] sqlx::Error);

    fn shown(error: sqlx::Error) -> String {
        let save = Save(error);
        let told = text(&save, &save, &Evidence::of(&save));
        // The causes of a record are told one by one.
        let evidence = Evidence::of(&save);
        let causes: Vec<String> =
            evidence.chain().map(|link| text(&link, &save, &evidence)).collect();
        format!("{told}\n{}", causes.join("\n"))
    }

    #[test]
    fn the_condition_stands_for_what_a_driver_says() {
        let told = shown(sqlx::Error::Database(Box::new(Foreign)));
        assert!(told.starts_with("can't save: unique_violation | "), "{told}");
        assert!(!told.contains("ada"), "{told}");
    }

    #[test]
    fn what_can_not_be_read_or_written_is_left_out_with_its_causes() {
        let number = "ada@example.com".parse::<u16>().unwrap_err();
        assert!(!shown(sqlx::Error::Protocol("unexpected ada@example.com".into())).contains("ada"));
        assert!(
            !shown(sqlx::Error::InvalidArgument("unexpected ada@example.com".into()))
                .contains("ada")
        );
        assert!(!shown(sqlx::Error::Decode("no number: ada@example.com".into())).contains("ada"));
        let column = sqlx::Error::ColumnDecode { index: "age".into(), source: Box::new(number) };
        assert!(!shown(column).contains("invalid digit"));
    }

    #[test]
    fn what_breaks_off_is_left_out_as_far_as_it_goes() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("error occurred while decoding: ada@exam").and(Err(fmt::Error))
            }
        }
        assert_eq!(text(&Broken, &Broken, &Evidence::default()), "invalid_statement");
    }

    #[test]
    fn what_quotes_nothing_stays() {
        let error = sqlx::Error::PoolTimedOut;
        assert_eq!(text(&error, &error, &error.evidence()), error.to_string());
    }

    #[test]
    fn an_error_that_several_share_tells_no_more() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't load: {0} | {0:?}")]
        struct Load(#[source] std::sync::Arc<sqlx::Error>);

        let role = "invalid value \"ada@example.com\" for enum Role";
        let error = sqlx::Error::ColumnDecode { index: "role".into(), source: role.into() };
        let load = Load(error.into());
        let evidence = Evidence::of(&load);
        let causes: Vec<String> =
            evidence.chain().map(|link| text(&link, &load, &evidence)).collect();
        assert!(!causes.join("\n").contains("ada"), "{causes:?}");
        assert_eq!(
            crate::error::database::condition(&load.0).map(|is| is.classification().code()),
            Some("INTERNAL_ERROR")
        );
    }
}
