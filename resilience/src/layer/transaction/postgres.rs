use std::convert::Infallible;

use sqlx::{Error, Executor, PgConnection, Postgres};

use super::database::{Transactional, sealed, start_rollback};
use crate::error::database::RolledBack;

impl sealed::Sealed for Postgres {}

impl Transactional for Postgres {
    type Limit = Infallible;

    async fn limit(_: &mut PgConnection) -> Result<Option<Infallible>, Error> {
        Ok(None)
    }

    fn limit_statement(millis: u128) -> Option<String> {
        // PostgreSQL's longest is 24 days.
        Some(format!("; SET LOCAL statement_timeout = {}", millis.min(i32::MAX as u128)))
    }

    async fn rollback_uncounted(connection: &mut PgConnection) -> Result<(), Error> {
        connection.execute("ROLLBACK").await.map(drop)
    }

    async fn unlimit(_: &mut PgConnection, limit: Infallible) -> Result<(), Error> {
        match limit {}
    }

    // If a statement of the transaction has failed, PostgreSQL turns `COMMIT` into a rollback
    // without an error. Its response differs only in the command tag, which sqlx discards. Other
    // statements do fail in that state, so send one before `COMMIT`, in the same message.
    // `SAVEPOINT` also fails outside a transaction, in case the body has ended it.
    //
    // sqlx still considers the transaction open, so a `ROLLBACK` is sent together with the pool's
    // check of the returned connection. The `BEGIN` after `COMMIT` gives it something to roll back.
    // Otherwise PostgreSQL would log a warning.
    async fn commit(connection: &mut PgConnection) -> Result<(), Error> {
        match connection.execute("SAVEPOINT _resilience; COMMIT; BEGIN").await {
            Err(Error::Database(refused))
                if refused.code().is_some_and(|code| code == "25P02" || code == "25P01") =>
            {
                // The error to return is that nothing was committed, even if this fails too.
                drop(Self::rollback(connection).await);
                Err(RolledBack::new(Some(refused)).into())
            }
            Err(error) => Err(error),
            Ok(_) => {
                start_rollback::<Self>(connection);
                Ok(())
            }
        }
    }
}
