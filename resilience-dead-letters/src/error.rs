//! What fails when letters are read or changed.

use std::fmt;

use resilience::dead_letter::StoreError;
use resilience::{Advice, Classification, Classify, ServiceError, taxonomy::Evidence};

/// The store of dead letters couldn't be opened, read or changed.
///
/// It classifies itself: transient with the code `DEAD_LETTER_STORE_UNAVAILABLE`, or permanent with
/// the code `DEAD_LETTER_STORE_MISUSED` if another attempt can't succeed.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    Database(sqlx::Error),
    Misuse(String),
}

impl Error {
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self(Kind::Misuse(message.into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self(Kind::Database(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Database(_) => {
                f.write_str("the store of dead letters doesn't answer as expected")
            }
            Kind::Misuse(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Database(error) => Some(error),
            Kind::Misuse(_) => None,
        }
    }
}

impl Classify for Error {
    fn classify(&self) -> Classification {
        match &self.0 {
            Kind::Database(error) if is_lasting(error) => {
                Classification::permanent("DEAD_LETTER_STORE_MISUSED")
            }
            Kind::Database(_) => Classification::transient("DEAD_LETTER_STORE_UNAVAILABLE"),
            Kind::Misuse(_) => Classification::permanent("DEAD_LETTER_STORE_MISUSED"),
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for Error {}

/// Whether each further attempt fails as well: the database doesn't take this value or this
/// statement.
fn is_lasting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Configuration(_)
        | sqlx::Error::InvalidArgument(_) => true,
        sqlx::Error::Database(_) => error.classify().advice() != Advice::Retry && is_data(error),
        _ => false,
    }
}

/// Whether the database refuses the data: SQLSTATE's classes 22 and 23, and SQLite's `TOOBIG`.
fn is_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let code = code.unwrap_or_default();
    code == "18" || (code.len() == 5 && (code.starts_with("22") || code.starts_with("23")))
}

/// Why the letter isn't stored: refused if the letter is the cause, and else unavailable.
pub(crate) fn not_stored(error: sqlx::Error) -> StoreError {
    if is_lasting(&error) { StoreError::refused(error) } else { StoreError::unavailable(error) }
}
