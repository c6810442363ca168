use std::future::Future;

use sqlx::{Database, Error, Transaction};

/// A database of sqlx's whose transactions this crate knows how to end: `Postgres`, `MySql`
/// (MariaDB too) and `Sqlite`, each with its feature. No other type can implement it: the ways in
/// which a transaction gets lost differ from one database to the next.
#[diagnostic::on_unimplemented(
    message = "`#[transaction]` doesn't support `{Self}`",
    label = "not a pool of a supported database",
    note = "it supports `Postgres`, `MySql` and `Sqlite`, each with its feature of `resilience`: \
            `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite`",
    note = "`Any` hides which database it is; use a pool of that database instead"
)]
pub trait Transactional: Database + sealed::Sealed {
    /// Whether a connection whose `BEGIN` was interrupted may be inside a transaction.
    #[doc(hidden)]
    const CLOSE_IF_INTERRUPTED: bool = true;

    /// `BEGIN`, and what follows it in the same message, if something has to.
    #[doc(hidden)]
    const BEGIN: Option<(&'static str, &'static str)> = None;

    /// Commits, or says [`RolledBack`](super::RolledBack).
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
        // Asked to commit a transaction in which a statement has failed, PostgreSQL rolls it back
        // and reports no error: its answer differs in a word that sqlx doesn't hand on. But
        // any other statement is refused then; so one goes before `COMMIT`, in the
        // same message. A savepoint is refused also where there is no transaction, since the body
        // has ended it.
        //
        // sqlx goes on counting a transaction, and so sends a `ROLLBACK` when it is dropped,
        // together with the check that the pool makes of a connection that returns. The
        // transaction behind `COMMIT` gives it something to roll back; it would draw a
        // warning otherwise.
        async fn commit(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            match (*transaction).execute("SAVEPOINT _resilience; COMMIT; BEGIN").await {
                Err(Error::Database(refused))
                    if refused.code().is_some_and(|code| code == "25P02" || code == "25P01") =>
                {
                    // Whatever this says, the news is that nothing was committed.
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
        // commits it. What follows in the body is then committed statement by statement,
        // and nothing tells, `COMMIT` included. But a savepoint goes where its transaction
        // goes.
        const BEGIN: Option<(&'static str, &'static str)> =
            Some(("BEGIN; SAVEPOINT _resilience", "; SAVEPOINT _resilience"));

        // The `ROLLBACK` that sqlx sends afterwards, since it goes on counting a transaction, finds
        // none; which is all right here.
        async fn commit(mut transaction: Transaction<'_, Self>) -> Result<(), Error> {
            match (*transaction).execute("RELEASE SAVEPOINT _resilience; COMMIT").await {
                Err(Error::Database(refused)) if says_no_such_savepoint(&*refused) => {
                    drop(transaction.rollback().await);
                    Err(RolledBack::new(Some(refused)).into())
                }
                outcome => outcome.map(drop),
            }
        }
    }

    fn says_no_such_savepoint(error: &(dyn DatabaseError + 'static)) -> bool {
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
    // counts a transaction on this connection for ever. So both are preceded by a `BEGIN`,
    // which costs no round trip here: it fails where a transaction is active, and where none
    // is, there is one then to be rolled back.
    impl Transactional for Sqlite {
        // sqlx's worker takes back a `BEGIN` that nobody waits for any more; and a closed
        // connection may have been a whole database.
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
