use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

/// The body returned `Ok`, and there was no transaction left to commit: a bug in the body, which
/// goes on after an error that it should have returned. Permanent, `INTERNAL_ERROR`, 500, and of
/// the kind [`InFailedTransaction`](crate::sql::SqlKind::InFailedTransaction).
///
/// It comes as [`sqlx::Error::Database`]:
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
/// - **PostgreSQL** rolls back the whole transaction after any statement that failed, unless it
///   failed inside a savepoint. A body that sends `COMMIT` itself ends it too; what the body did
///   after that was committed statement by statement.
/// - **MySQL and MariaDB** roll it back on a deadlock, and commit it on a statement such as `CREATE
///   TABLE`; what the body did after that was committed statement by statement.
/// - **SQLite** rolls it back where the disk is full or a constraint says `ON CONFLICT ROLLBACK`.
#[derive(Debug)]
pub struct RolledBack {
    refused: Option<Box<dyn DatabaseError>>,
}

const TEXT: &str = "the transaction had already ended when the body returned Ok; a statement in it failed and the error was dropped";

impl RolledBack {
    /// With what the database said, if it said anything.
    pub(crate) fn new(refused: Option<Box<dyn DatabaseError>>) -> Self {
        Self { refused }
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXT)
    }
}

impl StdError for RolledBack {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.refused.as_deref()?.as_error())
    }
}

impl DatabaseError for RolledBack {
    #[allow(clippy::unnecessary_literal_bound, reason = "as the trait has it")]
    fn message(&self) -> &str {
        TEXT
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.refused.as_deref()?.code()
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
