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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server executes of a statement, as the manuals of MySQL ("Comments") and MariaDB
    /// ("Comment Syntax") describe it.
    fn executed(statement: &str, is_mariadb: bool, version: u32) -> String {
        let (mut rest, mut executed) = (statement, String::new());
        while let Some((before, comment)) = rest.split_once("/*") {
            executed += before;
            let (comment, after) = comment.split_once("*/").expect("it ends");
            rest = after;
            let (is_its_own, comment) = match comment.strip_prefix("M!") {
                Some(comment) => (is_mariadb, comment),
                None => (!is_mariadb, comment.strip_prefix('!').expect("a version")),
            };
            let digits = comment.find(|digit: char| !digit.is_ascii_digit()).expect("a text");
            let (from, text) = comment.split_at(digits);
            let from: u32 = from.parse().expect("a version");
            // MariaDB executes no comment for a MySQL that it doesn't descend from.
            let is_for_it = is_its_own || is_mariadb && !(50_700..=99_999).contains(&from);
            if is_for_it && version >= from {
                assert!(text.starts_with(' '), "newer versions of MySQL require it");
                executed += text;
            }
        }
        let words: Vec<_> = executed.split_whitespace().chain(rest.split_whitespace()).collect();
        words.join(" ")
    }

    #[test]
    fn each_server_executes_its_own_limit() {
        let statement = MySql::limit_statement(1_500).expect("a statement");
        for version in [50_708, 80_036, 80_400, 90_001] {
            assert_eq!(
                executed(&statement, false, version),
                "; SET @_resilience_limit = @@SESSION.max_execution_time, \
                 SESSION max_execution_time = 1500"
            );
        }
        for version in [100_101, 101_102, 120_002] {
            assert_eq!(
                executed(&statement, true, version),
                "; SET @_resilience_limit = @@SESSION.max_statement_time, \
                 SESSION max_statement_time = 1.500"
            );
        }
    }

    #[test]
    fn limit_fits_the_largest_of_mysql() {
        let statement = MySql::limit_statement(u128::from(u64::MAX)).expect("a statement");
        assert!(executed(&statement, false, 80_036).ends_with(" = 4294967295"));
    }
}
