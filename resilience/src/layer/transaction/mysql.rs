use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{Error, Executor, MySql};

use super::database::{Transactional, sealed, start_rollback};
use crate::error::database::RolledBack;

impl sealed::Sealed for MySql {}

impl Transactional for MySql {
    // A deadlock rolls back the whole transaction, and a statement such as `CREATE TABLE` commits
    // it. Later statements of the body are then committed one by one, without any error, not even
    // from `COMMIT`. But a savepoint ends with its transaction.
    const BEGIN: Option<(&'static str, &'static str)> =
        Some(("BEGIN; SAVEPOINT _resilience", "; SAVEPOINT _resilience"));

    // sqlx still considers the transaction open and sends a `ROLLBACK` afterwards. MySQL accepts it
    // outside a transaction.
    async fn commit(connection: &mut MySqlConnection) -> Result<(), Error> {
        match connection.execute("RELEASE SAVEPOINT _resilience; COMMIT").await {
            Err(Error::Database(refused)) if is_missing_savepoint(&*refused) => {
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

fn is_missing_savepoint(error: &(dyn DatabaseError + 'static)) -> bool {
    error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == 1305)
}
