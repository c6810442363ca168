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

    type Limit = ();

    async fn limit(_: &mut MySqlConnection) -> Result<Option<()>, Error> {
        Ok(Some(()))
    }

    // MariaDB runs the first comment, and MySQL the second: for MariaDB, a version of MySQL from
    // 5.7 on isn't one.
    fn limit_statement(millis: u128) -> Option<String> {
        Some(format!(
            "; SET /*M!100101 @_resilience_limit = @@SESSION.max_statement_time, \
             SESSION max_statement_time = {}.{:03} */\
             /*!50708 @_resilience_limit = @@SESSION.max_execution_time, \
             SESSION max_execution_time = {} */",
            millis / 1000,
            millis % 1000,
            millis.min(u128::from(u32::MAX)),
        ))
    }

    async fn rollback_uncounted(connection: &mut MySqlConnection) -> Result<(), Error> {
        connection.execute("ROLLBACK").await.map(drop)
    }

    async fn unlimit(connection: &mut MySqlConnection, (): ()) -> Result<(), Error> {
        let reset = "SET /*M!100101 SESSION max_statement_time = @_resilience_limit */\
                     /*!50708 SESSION max_execution_time = @_resilience_limit */";
        connection.execute(reset).await.map(drop)
    }

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
