//! Redacts the messages of database drivers. The condition and code replace a message that may
//! quote values of rows.

use std::error::Error;
use std::fmt::Display;

#[cfg(feature = "_sqlx")]
use super::REDACTED;
use super::Redactor;
#[cfg(feature = "_sqlx")]
use crate::error::downcast::downcast;

/// Does nothing: without a driver there are no messages.
#[cfg(not(feature = "_sqlx"))]
pub(super) fn add_secrets<'e>(
    _: &dyn Display,
    _: impl Iterator<Item = &'e (dyn Error + 'static)>,
    _: &mut Redactor,
) {
}

/// Adds the texts in the chain that may quote values. Starts with the outermost error, so that a
/// text is replaced before the inner texts that it contains.
#[cfg(feature = "_sqlx")]
pub(super) fn add_secrets<'e>(
    error: &dyn Display,
    chain: impl Iterator<Item = &'e (dyn Error + 'static)>,
    secrets: &mut Redactor,
) {
    let invalid_statement = crate::error::database::SqlKind::InvalidStatement.name();
    let mut replacement = REDACTED.to_owned();
    // The chain may start at the error's source rather than at the error itself.
    let mut has_values = starts_with_sqlx_prefix(error);
    if has_values {
        invalid_statement.clone_into(&mut replacement);
        secrets.add(&format_lossy(error), invalid_statement);
    }
    for link in chain {
        if let Some(details) = crate::error::database::details(link) {
            has_values = details.message_has_values();
            replacement = match (details.condition(), details.code()) {
                (Some(condition), Some(code)) => format!("{condition} ({code})"),
                (Some(condition), None) => condition.name().to_owned(),
                (None, Some(code)) => format!("database error ({code})"),
                (None, None) => REDACTED.to_owned(),
            };
            if !has_values {
                secrets.harmless.push(format_lossy(&link));
            }
            add_postgres_details(link, secrets);
        } else if !has_values && starts_with_sqlx_prefix(&link) {
            has_values = true;
            invalid_statement.clone_into(&mut replacement);
        }
        // If an error quotes a value, its sources may quote it too.
        if has_values {
            secrets.add(&format_lossy(&link), &replacement);
            secrets.add(&format_lossy(&format_args!("{link:?}")), &replacement);
            if let Some(sqlx::Error::Protocol(text) | sqlx::Error::InvalidArgument(text)) =
                downcast(link)
            {
                secrets.add(text, &replacement);
            }
            if let Some(error) = in_database_variant(link) {
                secrets.add(error.message(), &replacement);
            }
        }
    }
}

/// As much of the text as is formatted for a log.
#[cfg(feature = "_sqlx")]
fn format_lossy(text: &dyn Display) -> String {
    crate::support::bounded::format(text, super::MAX_TEXT).0
}

/// The prefixes of SQLx's messages that quote values.
#[cfg(feature = "_sqlx")]
const SQLX_PREFIXES: [&str; 5] = [
    "error occurred while decoding column ",
    "error occurred while decoding: ",
    "error occurred while encoding a value: ",
    "encountered unexpected or invalid data: ",
    "error in Any driver mapping: ",
];

/// Whether the text is that of an SQLx error that quotes a value. Recognises errors that
/// `#[error(transparent)]` removes from the chain.
#[cfg(feature = "_sqlx")]
fn starts_with_sqlx_prefix(link: &dyn Display) -> bool {
    use std::fmt::Write as _;

    struct PrefixMatcher<'t> {
        /// The part of the prefix that hasn't been matched yet.
        remaining: &'t str,
    }

    impl std::fmt::Write for PrefixMatcher<'_> {
        fn write_str(&mut self, part: &str) -> std::fmt::Result {
            let rest = self.remaining.strip_prefix(part);
            self.remaining = rest
                .or_else(|| part.starts_with(self.remaining).then_some(""))
                .ok_or(std::fmt::Error)?;
            // Stops formatting once the prefix has matched.
            if self.remaining.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
        }
    }

    let matches = |prefix: &str| {
        let mut matcher = PrefixMatcher { remaining: prefix };
        let _ = crate::support::catch_panic::catch_panic(|| write!(matcher, "{link}"));
        matcher.remaining.is_empty()
    };
    SQLX_PREFIXES.into_iter().any(matches)
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

/// Adds PostgreSQL's detail, context, hint and internal query, which `{:?}` prints and which may
/// quote a row.
#[cfg(feature = "_sqlx")]
fn add_postgres_details(link: &(dyn Error + 'static), secrets: &mut Redactor) {
    #[cfg(feature = "sqlx-postgres")]
    {
        let inner = in_database_variant(link).and_then(|error| error.as_error().downcast_ref());
        if let Some(error) = inner.or_else(|| downcast::<sqlx::postgres::PgDatabaseError>(link)) {
            let query = match error.position() {
                Some(sqlx::postgres::PgErrorPosition::Internal { query, .. }) => Some(query),
                _ => None,
            };
            for text in [error.detail(), error.r#where(), error.hint(), query].into_iter().flatten()
            {
                secrets.add(text, REDACTED);
            }
        }
    }
    #[cfg(not(feature = "sqlx-postgres"))]
    let _: (&dyn Error, &mut Redactor) = (link, secrets);
}

#[cfg(all(test, feature = "_sqlx"))]
mod tests {
    use std::borrow::Cow;
    use std::fmt;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::super::text;
    use super::*;
    use crate::{Classify as _, taxonomy::Evidence};

    /// An error of an unknown driver.
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

    /// The text of an error that wraps this one, and of each of its causes, as in a log record.
    fn logged(error: sqlx::Error) -> String {
        let save = Save(error);
        let evidence = Evidence::of(&save);
        let message = text(&save, &save, &evidence);
        let causes: Vec<String> =
            evidence.chain().map(|link| text(&link, &save, &evidence)).collect();
        format!("{message}\n{}", causes.join("\n"))
    }

    #[test]
    fn driver_message_is_replaced_by_its_condition() {
        let logged = logged(sqlx::Error::Database(Box::new(Foreign)));
        assert!(logged.starts_with("can't save: unique_violation | "), "{logged}");
        assert!(!logged.contains("ada"), "{logged}");
    }

    #[test]
    fn encode_and_decode_errors_are_redacted_with_their_causes() {
        let number = "ada@example.com".parse::<u16>().unwrap_err();
        for error in [
            sqlx::Error::Protocol("unexpected ada@example.com".into()),
            sqlx::Error::InvalidArgument("unexpected ada@example.com".into()),
            sqlx::Error::Decode("no number: ada@example.com".into()),
        ] {
            let logged = logged(error);
            assert!(!logged.contains("ada"), "{logged}");
        }
        let column = sqlx::Error::ColumnDecode { index: "age".into(), source: Box::new(number) };
        assert!(!logged(column).contains("invalid digit"));
    }

    #[test]
    fn quoting_error_whose_display_fails_is_redacted() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("error occurred while decoding: ada@exam").and(Err(fmt::Error))
            }
        }
        assert_eq!(text(&Broken, &Broken, &Evidence::default()), "invalid_statement");
    }

    #[test]
    fn driver_error_without_values_is_unchanged() {
        let error = sqlx::Error::PoolTimedOut;
        assert_eq!(text(&error, &error, &error.evidence()), error.to_string());
    }

    #[test]
    fn driver_error_in_an_arc_is_redacted() {
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
            crate::error::database::condition(&load.0)
                .map(|condition| condition.classification().code()),
            Some("INTERNAL_ERROR")
        );
    }
}
