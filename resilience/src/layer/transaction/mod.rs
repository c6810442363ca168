//! What `#[transaction]` does at run time.

mod database;
mod from_sqlx;
mod repeats;

use std::fmt;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, Error, Pool, SqlSafeStr, SqlStr};

use crate::layer::classified::Classified;
use crate::layer::events;
use crate::layer::site::Site;

pub use database::Transactional;
pub use from_sqlx::FromSqlx;
pub use repeats::TransactionAttempts;

/// A connection taken from a pool for one [`Transaction`].
pub struct Checkout<DB: Transactional> {
    connection: PoolConnection<DB>,
    /// Whether it has been told to begin, and hasn't said yet that it has.
    beginning: bool,
}

impl<DB: Transactional> Checkout<DB> {
    /// Takes a connection, or waits for one.
    ///
    /// # Errors
    /// Those of [`Pool::acquire`].
    pub async fn of(pool: &Pool<DB>) -> Result<Self, Error> {
        Ok(Self { connection: pool.acquire().await?, beginning: false })
    }

    /// Sends `BEGIN`, or another statement that begins a transaction.
    ///
    /// A connection whose `BEGIN` was interrupted or refused is closed. sqlx alone would return it
    /// to the pool, where it might be inside a transaction that nobody knows of, and swallow
    /// what its next user writes.
    ///
    /// # Errors
    /// Those of the statement; [`BeginFailed`](Error::BeginFailed) where it begins no transaction.
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
            // Nothing may stand between two semicolons.
            let statement =
                statement.trim_end_matches(|end: char| end == ';' || end.is_whitespace());
            Some(AssertSqlSafe(format!("{statement}{after}")).into_sql_str())
        }
    }
}

/// A transaction on a connection of a pool: what `#[transaction]` writes, for a body at hand.
///
/// It differs from [`sqlx::Transaction`] in that one which can't be committed any more is an error,
/// and no silent success; see [`RolledBack`](crate::sql::RolledBack).
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
/// Dropping it rolls it back: the `ROLLBACK` is sent when the connection returns to its pool, which
/// it does at once, in a task of its own.
pub struct Transaction<'c, DB: Transactional> {
    transaction: sqlx::Transaction<'c, DB>,
}

impl<DB: Transactional> Transaction<'_, DB> {
    /// The connection, for the statements of the transaction. `tx.begin()` on it makes a savepoint.
    pub fn connection(&mut self) -> &mut DB::Connection {
        &mut self.transaction
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    /// What the database says to `COMMIT`, and [`RolledBack`](crate::sql::RolledBack) where the transaction had already
    /// ended. It has been rolled back then, unless the connection was lost, in which case
    /// nobody knows.
    pub async fn commit(self) -> Result<(), Error> {
        DB::commit(self.transaction).await
    }

    /// Takes the changes back.
    ///
    /// # Errors
    /// What the database says to `ROLLBACK`. If it says nothing because the connection is lost, it
    /// rolls back by itself.
    pub async fn rollback(self) -> Result<(), Error> {
        DB::rollback(self.transaction).await
    }

    /// Commits what succeeded, rolls back what failed. An error of the body counts for more than
    /// one of `ROLLBACK`.
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

/// What the expansion names.
#[allow(missing_docs, reason = "only the expansion calls these")]
pub mod internals {
    use sqlx::{Error, Pool};

    use super::{FromSqlx, Transactional};

    /// A handle on the pool, so that the body may do what it likes with the one it was found in.
    #[inline]
    pub fn pool<DB: Transactional>(pool: &Pool<DB>) -> Pool<DB> {
        pool.clone()
    }

    #[inline]
    pub fn from_sqlx<E: FromSqlx>(error: Error) -> E {
        E::from_sqlx(error)
    }
}
