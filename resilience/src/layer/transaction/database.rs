use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Error, SqlStr};
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use super::State;

/// An sqlx database supported by `#[transaction]`: `Postgres`, `MySql` (including MariaDB) and
/// `Sqlite`, each with its feature.
///
/// This trait is sealed, because databases differ in how a transaction can be lost.
#[diagnostic::on_unimplemented(
    message = "`#[transaction]` doesn't support `{Self}`",
    label = "not a pool of a supported database",
    note = "it supports `Postgres`, `MySql` and `Sqlite`, each with its feature of `resilience`: \
            `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite`",
    note = "`Any` hides which database it is; use a pool of that database instead"
)]
pub trait Transactional: Database + sealed::Sealed {
    /// The full statement, and the suffix for a custom one, if `BEGIN` needs a second statement.
    #[doc(hidden)]
    const BEGIN: Option<(&'static str, &'static str)> = None;

    /// The statement that begins a repeated transaction, if it is another.
    #[doc(hidden)]
    const BEGIN_AGAIN: Option<&'static str> = None;

    /// What a connection has to do with a time limit, until it returns to its pool.
    #[doc(hidden)]
    type Limit: Send + 'static;

    /// Prepares a connection for a transaction with a time limit. `None` if the limit ends with the
    /// transaction.
    #[doc(hidden)]
    fn limit(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<Self::Limit>, Error>> + Send;

    /// A statement that sets the limit, to be sent after `BEGIN`. It begins with a semicolon.
    #[doc(hidden)]
    fn limit_statement(millis: u128) -> Option<String>;

    /// Takes the limit off the connection again.
    #[doc(hidden)]
    fn unlimit(
        connection: &mut Self::Connection,
        limit: Self::Limit,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Begins a transaction, also on a connection that its last user left inside one.
    #[doc(hidden)]
    fn begin(
        connection: &mut Self::Connection,
        statement: Option<SqlStr>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async {
            if connection.is_in_transaction() {
                start_rollback::<Self>(connection);
            }
            Self::TransactionManager::begin(connection, statement).await
        }
    }

    /// Commits, or returns [`RolledBack`](crate::sql::RolledBack).
    #[doc(hidden)]
    fn commit(connection: &mut Self::Connection) -> impl Future<Output = Result<(), Error>> + Send;

    #[doc(hidden)]
    fn rollback(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async {
            if !connection.is_in_transaction() {
                return Self::rollback_uncounted(connection).await;
            }
            while connection.is_in_transaction() {
                Self::TransactionManager::rollback(connection).await?;
            }
            Ok(())
        }
    }

    /// Sends a `ROLLBACK` although sqlx counts no transaction: the body may have begun one.
    #[doc(hidden)]
    fn rollback_uncounted(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns a connection to its pool after a call that was cut short, or that had a limit.
    #[doc(hidden)]
    fn release(mut connection: PoolConnection<Self>, state: State, limit: Option<Self::Limit>) {
        if state == State::Beginning {
            // sqlx counts the transaction only once the answer has arrived. In the pool, the
            // connection would stay inside a transaction that never ends.
            connection.close_on_drop();
            return;
        }
        let is_counted = connection.is_in_transaction();
        start_rollback::<Self>(&mut connection);
        in_background(async move {
            let settled = async {
                drain(&mut *connection).await?;
                if state == State::Open && !is_counted {
                    Self::rollback_uncounted(&mut connection).await?;
                }
                match limit {
                    Some(limit) => Self::unlimit(&mut connection, limit).await,
                    None => Ok(()),
                }
            };
            // If a `PREPARE` of MySQL was cut short, sqlx waits forever.
            if !matches!(timeout(LONGEST_WAIT, settled).await, Ok(Ok(()))) {
                connection.close_on_drop();
            }
        });
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// How long a statement that was cut short can keep its connection: as long as a pool waits for one
/// by default.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Waits for the end of the statement that was cut short, and of the `ROLLBACK` after it.
async fn drain<C: Connection>(connection: &mut C) -> Result<(), Error> {
    // The statement may have failed, and the rollback of a savepoint after it.
    for _ in 0..8 {
        match connection.ping().await {
            Err(Error::Database(_)) => {}
            outcome => return outcome,
        }
    }
    connection.ping().await
}

/// Makes sqlx send a `ROLLBACK` before its next statement.
pub(super) fn start_rollback<DB: Database>(connection: &mut DB::Connection) {
    for _ in 0..DB::TransactionManager::get_transaction_depth(connection) {
        DB::TransactionManager::start_rollback(connection);
    }
}

/// Runs the clean-up of a dropped call. Outside a runtime, drops it, and the connection with it.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work);
    }
}
