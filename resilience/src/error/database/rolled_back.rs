use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

/// The body returned `Ok`, but there was no transaction left to commit. Permanent,
/// `INTERNAL_ERROR`, 500, of the kind
/// [`InFailedTransaction`](crate::sql::SqlKind::InFailedTransaction).
///
/// This is a bug in the body: it continued after an error that it should have returned.
///
/// The error is wrapped in [`sqlx::Error::Database`]:
///
/// ```
/// use resilience::sql::RolledBack;
///
/// fn is_our_bug(error: &sqlx::Error) -> bool {
///     error.as_database_error().is_some_and(|error| error.try_downcast_ref::<RolledBack>().is_some())
/// }
/// # assert!(!is_our_bug(&sqlx::Error::RowNotFound));
/// ```
///
/// - **PostgreSQL** rolls back the whole transaction after any failed statement, unless it failed
///   inside a savepoint. A body that sends `COMMIT` itself also ends the transaction, and so does
///   sqlx if a savepoint can't begin after such a failure; later statements are committed one by
///   one.
/// - **MySQL and MariaDB** roll back on a deadlock, and commit on a statement such as `CREATE
///   TABLE`. Later statements are committed one by one.
/// - **SQLite** rolls back if the disk is full or a constraint says `ON CONFLICT ROLLBACK`.
#[derive(Debug)]
pub struct RolledBack {
    cause: Option<Box<dyn DatabaseError>>,
}

const TEXT: &str = "the transaction had already ended when the body returned; a statement in it failed and the error was dropped";

impl RolledBack {
    /// Creates the error with the database's error, if there is one.
    pub(crate) fn new(cause: Option<Box<dyn DatabaseError>>) -> Self {
        Self { cause }
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXT)
    }
}

impl StdError for RolledBack {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.cause.as_deref()?.as_error())
    }
}

impl DatabaseError for RolledBack {
    #[allow(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn message(&self) -> &str {
        TEXT
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.cause.as_deref()?.code()
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
