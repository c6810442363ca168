//! The run-time part of `#[transaction]`.

mod attempts;
mod database;
mod from_sqlx;
#[cfg(feature = "sqlx-mysql")]
mod mysql;
#[cfg(feature = "sqlx-postgres")]
mod postgres;
#[cfg(feature = "sqlx-sqlite")]
mod sqlite;

use std::fmt;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, Error, Pool, SqlSafeStr, SqlStr};

use crate::error::database::RolledBack;
use crate::layer::context;

pub use attempts::TransactionAttempts;
pub use database::Transactional;
pub use from_sqlx::FromSqlx;

/// A connection taken from a pool for one [`Transaction`].
///
/// Dropping it during the transaction rolls back: a background task ends the transaction before it
/// returns the connection to its pool.
pub struct Checkout<DB: Transactional> {
    /// `None` only while it is being dropped.
    connection: Option<PoolConnection<DB>>,
    state: State,
    limit: Option<DB::Limit>,
}

/// Where a connection is in its transaction.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Outside a transaction.
    Clean,
    /// `BEGIN` has been sent and not yet answered.
    Beginning,
    /// Inside a transaction, as far as is known.
    Open,
}

impl<DB: Transactional> Checkout<DB> {
    /// Takes a connection from the pool, waiting for one if necessary.
    ///
    /// # Errors
    /// The errors of [`Pool::acquire`].
    pub async fn of(pool: &Pool<DB>) -> Result<Self, Error> {
        Ok(Self { connection: Some(pool.acquire().await?), state: State::Clean, limit: None })
    }

    /// Sends `BEGIN`, or the given statement, which must begin a transaction.
    ///
    /// If the connection's last user left it inside a transaction that sqlx counts, that one is
    /// ended first.
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
        self.begin_limited(statement, None).await
    }

    /// Like [`begin`](Self::begin), and has the database stop statements that run for longer than
    /// `limit`, even after the caller has stopped waiting.
    ///
    /// | database | how | what is stopped |
    /// |---|---|---|
    /// | PostgreSQL | `SET LOCAL statement_timeout`, in one message with `BEGIN` | each statement, after `limit` |
    /// | MariaDB | `SET max_statement_time`, in one message with `BEGIN`; reset when the connection returns to its pool | each statement, after `limit` |
    /// | MySQL | the same with `max_execution_time` | each `SELECT`, after `limit`; MySQL has no limit for others |
    /// | SQLite | a progress handler, in place of your own, if you have one | the running statement, when this value is dropped; `limit` isn't used |
    ///
    /// A stopped statement fails with `QUERY_TIMEOUT`. Durations are rounded up to milliseconds.
    ///
    /// # Errors
    /// # Cancellation
    /// As for [`begin`](Self::begin).
    pub async fn begin_within(
        &mut self,
        statement: Option<&'static str>,
        limit: Duration,
    ) -> Result<Transaction<'_, DB>, Error> {
        self.begin_limited(statement, Some(limit)).await
    }

    async fn begin_limited(
        &mut self,
        statement: Option<&'static str>,
        limit: Option<Duration>,
    ) -> Result<Transaction<'_, DB>, Error> {
        let Self { connection, state, limit: limited } = self;
        let connection = connection.as_deref_mut().expect("taken only by `drop`");
        *state = State::Beginning;
        let mut suffix = None;
        if let Some(limit) = limit {
            // At least 1, since 0 means no limit.
            let millis = limit.as_nanos().div_ceil(1_000_000).clamp(1, LONGEST_LIMIT);
            suffix = DB::limit_statement(millis);
            *limited = DB::limit(connection).await?;
        }
        DB::begin(connection, begin_statement::<DB>(statement, suffix)).await?;
        *state = State::Open;
        Ok(Transaction { connection, state })
    }
}

/// A year, in milliseconds: the most that MariaDB takes.
const LONGEST_LIMIT: u128 = 365 * 86_400_000;

impl<DB: Transactional> Drop for Checkout<DB> {
    fn drop(&mut self) {
        let limit = self.limit.take();
        // Otherwise it returns to its pool by itself.
        if self.state != State::Clean || limit.is_some() {
            if let Some(connection) = self.connection.take() {
                DB::release(connection, self.state, limit);
            }
        }
    }
}

/// The whole statement, if it isn't a plain `BEGIN`. `limit` is another one to send with it.
fn begin_statement<DB: Transactional>(
    statement: Option<&'static str>,
    limit: Option<String>,
) -> Option<SqlStr> {
    let (savepoint, limit) = match (statement, DB::BEGIN, limit) {
        (statement, None, None) => return statement.map(SqlStr::from_static),
        (None, Some((begin, _)), None) => return Some(SqlStr::from_static(begin)),
        (_, savepoint, limit) => (savepoint.map_or("", |(_, after)| after), limit),
    };
    // What follows begins with a semicolon, and MySQL rejects an empty statement.
    let end = |last: char| last == ';' || last.is_whitespace();
    let begin = statement.unwrap_or("BEGIN").trim_end_matches(end);
    let limit = limit.unwrap_or_default();
    Some(AssertSqlSafe(format!("{begin}{savepoint}{limit}")).into_sql_str())
}

/// A transaction on a pooled connection, as used by the expansion of `#[transaction]`.
///
/// Unlike [`sqlx::Transaction`], committing a transaction that has already ended is an error
/// instead of a silent success. See [`RolledBack`](crate::sql::RolledBack).
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
/// Dropping its [`Checkout`] rolls it back.
pub struct Transaction<'c, DB: Transactional> {
    connection: &'c mut DB::Connection,
    state: &'c mut State,
}

impl<DB: Transactional> Transaction<'_, DB> {
    /// The connection for the transaction's statements. Calling `begin` on it creates a savepoint.
    pub fn connection(&mut self) -> &mut DB::Connection {
        self.connection
    }

    /// Commits the changes.
    ///
    /// # Errors
    /// The errors of `COMMIT`, and [`RolledBack`](crate::sql::RolledBack) if the transaction had
    /// already ended. After an error the changes have been rolled back, unless the connection was
    /// lost: then the outcome is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        if !self.connection.is_in_transaction() {
            return self.rollback().await;
        }
        DB::commit(self.connection).await?;
        *self.state = State::Clean;
        context::mark_sent();
        Ok(())
    }

    /// Rolls the changes back.
    ///
    /// # Errors
    /// The errors of `ROLLBACK`, and [`RolledBack`](crate::sql::RolledBack) if sqlx had ended the
    /// transaction before: what followed wasn't part of it. If the connection is lost, the database
    /// rolls back by itself.
    pub async fn rollback(self) -> Result<(), Error> {
        // A savepoint that can't begin makes sqlx roll back the whole transaction.
        let had_ended = !self.connection.is_in_transaction();
        DB::rollback(self.connection).await?;
        *self.state = State::Clean;
        if had_ended { Err(RolledBack::new(None).into()) } else { Ok(()) }
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
#[allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]
pub mod internals {
    use sqlx::{Error, Pool};

    pub use super::{Checkout, TransactionAttempts};
    use super::{FromSqlx, Transaction, Transactional};
    use crate::layer::classified::Classified;
    use crate::layer::events;
    use crate::layer::site::Site;

    /// Clones the pool, so that the body can use, move or borrow its owner.
    #[inline]
    pub fn pool<DB: Transactional>(pool: &Pool<DB>) -> Pool<DB> {
        pool.clone()
    }

    #[inline]
    pub fn connection<'t, DB: Transactional>(
        transaction: &'t mut Transaction<'_, DB>,
    ) -> &'t mut DB::Connection {
        transaction.connection()
    }

    /// Commits on `Ok` and rolls back on `Err`. Returns the body's error even if `ROLLBACK` fails
    /// too.
    pub async fn finish<DB: Transactional, T, E>(
        transaction: Transaction<'_, DB>,
        outcome: Result<T, E>,
        from_sqlx: impl FnOnce(Error) -> E,
        site: &Site,
    ) -> Result<T, E> {
        match outcome {
            Ok(value) => match transaction.commit().await {
                Ok(()) => Ok(value),
                Err(error) => Err(from_sqlx(error)),
            },
            Err(error) => {
                if let Err(failure) = transaction.rollback().await {
                    let classified = Classified::of(&failure);
                    events::transaction_rollback_failed(site, &classified.redacted(&failure));
                }
                Err(error)
            }
        }
    }

    /// Replaces the connection in a function that doesn't compile anyway, so that rustc reports no
    /// second error.
    pub fn no_connection<DB: Transactional>(_: &Pool<DB>) -> &'static mut DB::Connection {
        unreachable!("its function doesn't compile")
    }

    #[inline]
    pub fn from_sqlx<E: FromSqlx>(error: Error) -> E {
        E::from_sqlx(error)
    }
}
