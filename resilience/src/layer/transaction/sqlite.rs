use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqliteTransactionManager as Manager};
use sqlx::{AssertSqlSafe, Connection, Error, Executor, SqlStr, Sqlite};
use sqlx_core::transaction::TransactionManager;

use super::State;
use super::database::{Transactional, in_background, sealed};
use crate::error::database::RolledBack;

impl sealed::Sealed for Sqlite {}

// Some failures roll back the whole transaction: a full disk, an interrupt, `ON CONFLICT ROLLBACK`.
// `COMMIT` and `ROLLBACK` then fail, and sqlx counts a transaction on this connection forever. In
// the pool, its `BEGIN` would be a savepoint and its `ROLLBACK` would leave that one open, with all
// that is written from then on. So `undo` begins a transaction where there is none. SQLite needs no
// round trip for it.
//
// A connection is never closed here if it can be repaired, because an in-memory database ends with
// its connection.
impl Transactional for Sqlite {
    // A transaction that has read and then writes fails at once if another one is writing: SQLite
    // would otherwise wait for a lock that the other can't give up. With the write lock from the
    // beginning it waits, as long as the `busy_timeout` says.
    const BEGIN_AGAIN: Option<&'static str> = Some("BEGIN IMMEDIATE");

    /// Set once the caller has stopped waiting for the running statement.
    type Limit = Arc<AtomicBool>;

    async fn limit(connection: &mut SqliteConnection) -> Result<Option<Self::Limit>, Error> {
        let dropped = Arc::new(AtomicBool::new(false));
        let interrupts = Arc::clone(&dropped);
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || !interrupts.load(Relaxed));
        Ok(Some(dropped))
    }

    fn limit_statement(_: u128) -> Option<String> {
        None
    }

    async fn unlimit(connection: &mut SqliteConnection, _: Self::Limit) -> Result<(), Error> {
        connection.lock_handle().await?.remove_progress_handler();
        Ok(())
    }

    async fn begin(
        connection: &mut SqliteConnection,
        statement: Option<SqlStr>,
    ) -> Result<(), Error> {
        if connection.is_in_transaction() {
            reset(connection).await?;
        }
        match Manager::begin(connection, statement.clone()).await {
            // The last user began a transaction without sqlx's help, and left it open.
            Err(error) if is_misuse(&error) => {
                undo(connection).await?;
                Manager::begin(connection, statement).await
            }
            outcome => outcome,
        }
    }

    async fn commit(connection: &mut SqliteConnection) -> Result<(), Error> {
        match connection.execute("BEGIN").await {
            Err(Error::Database(_)) => Manager::commit(connection).await?,
            Err(other) => return Err(other),
            Ok(_) => {
                drop(undo(connection).await);
                return Err(RolledBack::new(None).into());
            }
        }
        if connection.is_in_transaction() {
            // Only a savepoint has ended, one that was neither committed nor dropped.
            drop(undo(connection).await);
            return Err(RolledBack::new(None).into());
        }
        Ok(())
    }

    async fn rollback(connection: &mut SqliteConnection) -> Result<(), Error> {
        undo(connection).await
    }

    async fn rollback_uncounted(connection: &mut SqliteConnection) -> Result<(), Error> {
        undo(connection).await
    }

    // sqlx's worker rolls back a `BEGIN` whose future was dropped, so it needs no care here.
    fn release(mut connection: PoolConnection<Self>, state: State, limit: Option<Self::Limit>) {
        if state != State::Clean {
            if let Some(dropped) = &limit {
                dropped.store(true, Relaxed);
            }
            // At least once, even if nothing is counted: after a `COMMIT` whose future was dropped,
            // sqlx ignores the next one.
            Manager::start_rollback(&mut connection);
        }
        in_background(async move {
            let settled = async {
                if let Some(limit) = limit {
                    Self::unlimit(&mut connection, limit).await?;
                }
                settle(&mut connection).await
            };
            if settled.await.is_err() || connection.is_in_transaction() {
                connection.close_on_drop();
            }
        });
    }
}

/// How many steps of SQLite's virtual machine a statement makes between two questions whether it is
/// still wanted: some tens of microseconds.
const STEPS: i32 = 1000;

/// Waits for what sqlx's worker has still to do, and ends the transaction that it counts then.
async fn settle(connection: &mut SqliteConnection) -> Result<(), Error> {
    connection.ping().await?;
    if connection.is_in_transaction() {
        reset(connection).await?;
    }
    Ok(())
}

/// Ends a transaction whose call was dropped.
async fn reset(connection: &mut SqliteConnection) -> Result<(), Error> {
    // If sqlx counted a transaction that SQLite had ended, the `BEGIN` of a later user was this
    // savepoint, and what was written after it has been confirmed. There is none otherwise.
    let depth = Manager::get_transaction_depth(connection);
    let release = AssertSqlSafe(format!("RELEASE _sqlx_savepoint_{depth}"));
    match connection.execute(release).await {
        Ok(_) => {}
        Err(error) if is_misuse(&error) => {}
        Err(error) => return Err(error),
    }
    undo(connection).await
}

/// Rolls back and resets sqlx's count to zero, even if SQLite has already ended the transaction.
async fn undo(connection: &mut SqliteConnection) -> Result<(), Error> {
    // Fails if a transaction is active.
    match connection.execute("BEGIN").await {
        Ok(_) | Err(Error::Database(_)) => {}
        Err(error) => return Err(error),
    }
    let depth = Manager::get_transaction_depth(connection);
    if depth == 0 {
        return connection.execute("ROLLBACK").await.map(drop);
    }
    // What sqlx rolls back to. A savepoint may have the name of another.
    for level in 1..depth {
        connection.execute(AssertSqlSafe(format!("SAVEPOINT _sqlx_savepoint_{level}"))).await?;
    }
    for _ in 0..depth {
        Manager::rollback(connection).await?;
    }
    Ok(())
}

/// A `BEGIN` inside a transaction, a `RELEASE` without the savepoint: they have no code of their
/// own.
fn is_misuse(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().is_some_and(|code| code == "1"))
}
