use std::future::Future;

use sqlx::{Database, Error, Transaction};

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
    /// Whether to close a connection whose `BEGIN` was interrupted, because it may be inside a
    /// transaction.
    #[doc(hidden)]
    const CLOSE_IF_INTERRUPTED: bool = true;

    /// The full statement, and the suffix for a custom one, if `BEGIN` needs a second statement.
    #[doc(hidden)]
    const BEGIN: Option<(&'static str, &'static str)> = None;

    /// Commits, or returns [`RolledBack`](crate::sql::RolledBack).
    #[doc(hidden)]
    fn commit(transaction: Transaction<'_, Self>)
    -> impl Future<Output = Result<(), Error>> + Send;

    #[doc(hidden)]
    fn rollback(
        transaction: Transaction<'_, Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        transaction.rollback()
    }
}

mod sealed {
    pub trait Sealed {}
}

#[cfg(feature = "sqlx-postgres")]
mod postgres {
    use sqlx::{Error, Executor, Postgres, Transaction};

    use super::{Transactional, sealed};
    use crate::error::database::RolledBack;

    impl sealed::Sealed for Postgres {}

    impl Transactional for Postgres {
        // If a statement of the transaction has failed, PostgreSQL turns `COMMIT` into a rollback
        // without an error. Its response differs only in the command tag, which sqlx discards.
        // Other statements do fail in that state, so send one before `COMMIT`, in the same message.
        // `SAVEPOINT` also fails outside a transaction, in case the body has ended it.
        //
        // sqlx still considers the transaction open and sends a `ROLLBACK` on drop, together with
        // the pool's check of the returned connection. The `BEGIN` after `COMMIT` gives it
        // something to roll back. Otherwise PostgreSQL would log a warning.
        async fn commit(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            match (*transaction).execute("SAVEPOINT _resilience; COMMIT; BEGIN").await {
                Err(Error::Database(refused))
                    if refused.code().is_some_and(|code| code == "25P02" || code == "25P01") =>
                {
                    // The error to return is that nothing was committed, even if this fails too.
                    drop(transaction.rollback().await);
                    Err(RolledBack::new(Some(refused)).into())
                }
                outcome => outcome.map(drop),
            }
        }
    }
}

#[cfg(feature = "sqlx-mysql")]
mod mysql {
    use sqlx::error::DatabaseError;
    use sqlx::mysql::MySqlDatabaseError;
    use sqlx::{Error, Executor, MySql, Transaction};

    use super::{Transactional, sealed};
    use crate::error::database::RolledBack;

    impl sealed::Sealed for MySql {}

    impl Transactional for MySql {
        // A deadlock rolls back the whole transaction, and a statement such as `CREATE TABLE`
        // commits it. Later statements of the body are then committed one by one, without any
        // error, not even from `COMMIT`. But a savepoint ends with its transaction.
        const BEGIN: Option<(&'static str, &'static str)> =
            Some(("BEGIN; SAVEPOINT _resilience", "; SAVEPOINT _resilience"));

        // sqlx still considers the transaction open and sends a `ROLLBACK` afterwards. MySQL
        // accepts it outside a transaction.
        async fn commit(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            match (*transaction).execute("RELEASE SAVEPOINT _resilience; COMMIT").await {
                Err(Error::Database(refused)) if is_missing_savepoint(&*refused) => {
                    drop(transaction.rollback().await);
                    Err(RolledBack::new(Some(refused)).into())
                }
                outcome => outcome.map(drop),
            }
        }
    }

    fn is_missing_savepoint(error: &(dyn DatabaseError + 'static)) -> bool {
        error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == 1305)
    }
}

#[cfg(feature = "sqlx-sqlite")]
mod sqlite {
    use sqlx::{Error, Executor, Sqlite, Transaction};

    use super::{Transactional, sealed};
    use crate::error::database::RolledBack;

    impl sealed::Sealed for Sqlite {}

    // Some failures roll back the whole transaction. `COMMIT` and `ROLLBACK` then fail, and sqlx
    // considers the transaction on this connection open forever. So send a `BEGIN` before both: it
    // fails if a transaction is active, and otherwise starts one that can be rolled back. SQLite
    // needs no round trip for it.
    impl Transactional for Sqlite {
        // sqlx's worker rolls back a `BEGIN` whose future was dropped. And closing the connection
        // of an in-memory database would delete it.
        const CLOSE_IF_INTERRUPTED: bool = false;

        async fn commit(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            match (*transaction).execute("BEGIN").await {
                Err(Error::Database(_)) => transaction.commit().await,
                Err(other) => Err(other),
                Ok(_) => {
                    drop(transaction.rollback().await);
                    Err(RolledBack::new(None).into())
                }
            }
        }

        async fn rollback(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            drop((*transaction).execute("BEGIN").await);
            transaction.rollback().await
        }
    }
}
