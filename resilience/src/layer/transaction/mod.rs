//! The run-time part of `#[transaction]`.

mod attempts;
mod database;
mod from_sqlx;

use std::fmt;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, Error, Pool, SqlSafeStr, SqlStr};

use crate::layer::classified::Classified;
use crate::layer::site::Site;
use crate::layer::{context, events};

pub use attempts::TransactionAttempts;
pub use database::Transactional;
pub use from_sqlx::FromSqlx;

/// A connection taken from a pool for one [`Transaction`].
pub struct Checkout<DB: Transactional> {
    connection: PoolConnection<DB>,
    /// Whether `BEGIN` has been sent and not yet confirmed.
    beginning: bool,
}

impl<DB: Transactional> Checkout<DB> {
    /// Takes a connection from the pool, waiting for one if necessary.
    ///
    /// # Errors
    /// The errors of [`Pool::acquire`].
    pub async fn of(pool: &Pool<DB>) -> Result<Self, Error> {
        Ok(Self { connection: pool.acquire().await?, beginning: false })
    }

    /// Sends `BEGIN`, or the given statement, which must begin a transaction.
    ///
    /// # Errors
    /// The errors of the statement, and [`BeginFailed`](Error::BeginFailed) if it doesn't begin a
    /// transaction.
    ///
    /// # Cancellation
    /// If `BEGIN` is interrupted or fails, the connection is closed. sqlx alone would return it to
    /// the pool, possibly inside a transaction, and the writes of its next user would be lost.
    /// Connections to SQLite are kept, because sqlx undoes an interrupted `BEGIN` there.
    pub async fn begin(
        &mut self,
        statement: Option<&'static str>,
    ) -> Result<Transaction<'_, DB>, Error> {
        self.beginning = true;
        let transaction = match begin_statement::<DB>(statement) {
            Some(statement) => self.connection.begin_with(statement).await?,
            None => Connection::begin(&mut *self.connection).await?,
        };
        self.beginning = false;
        Ok(Transaction { transaction })
    }
}

impl<DB: Transactional> Drop for Checkout<DB> {
    fn drop(&mut self) {
        if self.beginning && DB::CLOSE_IF_INTERRUPTED {
            self.connection.close_on_drop();
        }
    }
}

fn begin_statement<DB: Transactional>(statement: Option<&'static str>) -> Option<SqlStr> {
    match (statement, DB::BEGIN) {
        (statement, None) => statement.map(SqlStr::from_static),
        (None, Some((begin, _))) => Some(SqlStr::from_static(begin)),
        (Some(statement), Some((_, after))) => {
            // The suffix begins with a semicolon, and MySQL rejects an empty statement.
            let statement =
                statement.trim_end_matches(|end: char| end == ';' || end.is_whitespace());
            Some(AssertSqlSafe(format!("{statement}{after}")).into_sql_str())
        }
    }
}

/// A transaction on a pooled connection, as used by the expansion of `#[transaction]`.
///
/// Unlike [`sqlx::Transaction`], committing a transaction that has already ended is an error instead
/// of a silent success. See [`RolledBack`](crate::sql::RolledBack).
///
/// ```
/// # #[cfg(feature = "sqlx-sqlite")] {
/// use resilience::sql::Checkout;
/// use sqlx::SqlitePool;
///
/// async fn insert(pool: &SqlitePool, name: &str) -> Result<(), sqlx::Error> {
///     let mut checkout = Checkout::of(pool).await?;
///     let mut transaction = checkout.begin(None).await?;
///     let tx = transaction.connection();
///     sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut *tx).await?;
///     transaction.commit().await
/// }
/// # }
/// ```
///
/// Dropping it rolls it back: the connection returns to its pool in a background task, which sends
/// the `ROLLBACK`.
pub struct Transaction<'c, DB: Transactional> {
    transaction: sqlx::Transaction<'c, DB>,
}

impl<DB: Transactional> Transaction<'_, DB> {
    /// The connection for the transaction's statements. Calling `begin` on it creates a savepoint.
    pub fn connection(&mut self) -> &mut DB::Connection {
        &mut self.transaction
    }

    /// Commits the changes.
    ///
    /// # Errors
    /// The errors of `COMMIT`, and [`RolledBack`](crate::sql::RolledBack) if the transaction had
    /// already ended. After an error the changes have been rolled back, unless the connection was
    /// lost: then the outcome is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        DB::commit(self.transaction).await?;
        context::mark_sent();
        Ok(())
    }

    /// Rolls the changes back.
    ///
    /// # Errors
    /// The errors of `ROLLBACK`. If the connection is lost, the database rolls back by itself.
    pub async fn rollback(self) -> Result<(), Error> {
        DB::rollback(self.transaction).await
    }

    /// Commits on `Ok` and rolls back on `Err`. Returns the body's error even if `ROLLBACK` fails
    /// too.
    #[doc(hidden)]
    pub async fn finish<T, E>(
        self,
        outcome: Result<T, E>,
        from_sqlx: impl FnOnce(Error) -> E,
        site: &Site,
    ) -> Result<T, E> {
        match outcome {
            Ok(value) => match self.commit().await {
                Ok(()) => Ok(value),
                Err(error) => Err(from_sqlx(error)),
            },
            Err(error) => {
                if let Err(failure) = self.rollback().await {
                    events::transaction_rollback_failed(
                        site,
                        &Classified::by_itself(&failure).shown(&failure),
                    );
                }
                Err(error)
            }
        }
    }
}

impl<DB: Transactional> fmt::Debug for Checkout<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkout").finish_non_exhaustive()
    }
}

impl<DB: Transactional> fmt::Debug for Transaction<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// Used by the expansion.
#[allow(missing_docs, reason = "only the expansion calls these")]
pub mod internals {
    use sqlx::{Error, Pool};

    pub use super::{Checkout, TransactionAttempts};
    use super::{FromSqlx, Transactional};

    /// Clones the pool, so that the body can use, move or borrow its owner.
    #[inline]
    pub fn pool<DB: Transactional>(pool: &Pool<DB>) -> Pool<DB> {
        pool.clone()
    }

    #[inline]
    pub fn from_sqlx<E: FromSqlx>(error: Error) -> E {
        E::from_sqlx(error)
    }
}
