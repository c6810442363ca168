//! SQLite ends a transaction by itself, which sqlx doesn't notice. The connection must still be
//! outside a transaction when its pool hands it out again.

use std::future::pending;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use resilience::transaction;
use resilience_test_support::databases::Scratch;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::support::CallError;

const SCHEMA: &str = "\
    PRAGMA foreign_keys = on;
    CREATE TABLE users (name TEXT UNIQUE ON CONFLICT ROLLBACK);
    INSERT INTO users VALUES ('ada');
    CREATE TABLE notes (text TEXT);
    CREATE TABLE drafts (user TEXT REFERENCES users (name) DEFERRABLE INITIALLY DEFERRED)";

/// Ends the transaction.
const ADA: &str = "INSERT INTO users VALUES ('ada')";

/// A pool of one connection, and a connection beside it.
struct Database {
    pool: SqlitePool,
    apart: SqliteConnection,
    _scratch: Scratch,
}

impl Database {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let options = scratch.options();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .unwrap();
        pool.execute(SCHEMA).await.unwrap();
        let apart = SqliteConnection::connect_with(&options).await.unwrap();
        Self { pool, apart, _scratch: scratch }
    }

    /// What another connection sees.
    async fn notes(&mut self) -> Vec<String> {
        sqlx::query_scalar("SELECT text FROM notes").fetch_all(&mut self.apart).await.unwrap()
    }

    /// Whether a plain statement on the pool is kept, and locks no other connection out.
    async fn is_clean(&mut self) -> bool {
        let insert = "INSERT INTO notes VALUES ('plain')";
        if self.pool.execute(insert).await.unwrap().rows_affected() != 1 {
            return false;
        }
        let counted = self.pool.acquire().await.unwrap().is_in_transaction();
        let seen = self.notes().await.iter().any(|note| note == "plain");
        let writable = self.apart.execute("DELETE FROM notes WHERE text = 'plain'").await.is_ok();
        !counted && seen && writable
    }
}

#[transaction(tx = pool)]
async fn note(pool: &SqlitePool, text: &str, fail: bool) -> Result<(), CallError> {
    sqlx::query("INSERT INTO notes VALUES (?)").bind(text).execute(&mut *tx).await?;
    if fail { Err(CallError::Refused) } else { Ok(()) }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Succeed,
    Fail,
    Panic,
    Hang,
}

impl End {
    async fn reached(self) -> Result<(), CallError> {
        match self {
            Self::Succeed => Ok(()),
            Self::Fail => Err(CallError::Refused),
            Self::Panic => panic!("in the body"),
            Self::Hang => pending().await,
        }
    }
}

/// Runs a body to its end, and drops it if it hangs.
async fn ended<T: Send + 'static>(
    call: impl Future<Output = Result<T, CallError>> + Send + 'static,
) -> Option<Result<T, CallError>> {
    let call = tokio::spawn(timeout(Duration::from_millis(30), call));
    call.await.ok().and_then(Result::ok)
}

#[transaction(tx = pool)]
async fn register(pool: &SqlitePool, end: End) -> Result<(), CallError> {
    tx.execute(ADA).await.unwrap_err();
    end.reached().await
}

#[tokio::test]
async fn call_dropped_after_the_transaction_has_ended_leaves_the_connection_clean() {
    let mut database = Database::new().await;
    for end in [End::Hang, End::Panic, End::Hang, End::Fail, End::Succeed] {
        let pool = database.pool.clone();
        let outcome = ended(async move { register(&pool, end).await }).await;
        assert_eq!(outcome.is_none(), matches!(end, End::Hang | End::Panic), "{end:?}");
        assert!(database.is_clean().await, "{end:?}");
        note(&database.pool, "rolled back", true).await.unwrap_err();
        assert!(database.is_clean().await, "{end:?}");
    }
    note(&database.pool, "kept", false).await.unwrap();
    assert_eq!(database.notes().await, ["kept"]);
}

#[transaction(tx = pool)]
async fn register_in_a_savepoint(pool: &SqlitePool, end: End) -> Result<(), CallError> {
    let mut savepoint = tx.begin().await?;
    savepoint.execute(ADA).await.unwrap_err();
    drop(savepoint);
    end.reached().await
}

#[tokio::test]
async fn savepoint_that_ended_with_its_transaction_leaves_the_connection_clean() {
    let mut database = Database::new().await;
    for end in [End::Hang, End::Panic, End::Fail, End::Succeed] {
        let pool = database.pool.clone();
        let outcome = ended(async move { register_in_a_savepoint(&pool, end).await }).await;
        if end == End::Succeed {
            assert!(outcome.unwrap().unwrap_err().is_rolled_back());
        }
        assert!(database.is_clean().await, "{end:?}");
    }
}

#[transaction(tx = pool)]
async fn commits_an_orphan(pool: &SqlitePool) -> Result<(), CallError> {
    tx.execute("INSERT INTO drafts VALUES ('bob')").await?;
    Ok(())
}

#[tokio::test]
async fn failed_commit_leaves_the_connection_clean() {
    let mut database = Database::new().await;
    let error = commits_an_orphan(&database.pool).await.unwrap_err();
    assert_eq!(error.code(), "787", "the foreign key has no row");
    assert!(database.is_clean().await);
}

#[transaction(tx = pool)]
async fn ends_itself(pool: &SqlitePool, how: &'static str) -> Result<(), CallError> {
    tx.execute(how).await?;
    pending().await
}

#[tokio::test]
async fn body_that_ends_its_transaction_and_is_dropped_leaves_the_connection_clean() {
    let mut database = Database::new().await;
    for how in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "SAVEPOINT a", "ROLLBACK; SAVEPOINT a"] {
        let pool = database.pool.clone();
        assert!(ended(async move { ends_itself(&pool, how).await }).await.is_none());
        assert!(database.is_clean().await, "{how}");
    }
}

#[transaction(tx = pool)]
async fn forgets_a_savepoint(pool: &SqlitePool) -> Result<(), CallError> {
    let mut savepoint = tx.begin().await?;
    savepoint.execute("INSERT INTO notes VALUES ('forgotten')").await?;
    std::mem::forget(savepoint);
    Ok(())
}

#[tokio::test]
async fn savepoint_without_an_end_is_not_reported_as_committed() {
    let mut database = Database::new().await;
    assert!(forgets_a_savepoint(&database.pool).await.unwrap_err().is_rolled_back());
    assert!(database.is_clean().await);
    assert!(database.notes().await.is_empty());
}

/// A transaction of sqlx alone, which leaves the pool's connection counted.
async fn poison(pool: &SqlitePool) {
    let mut transaction = pool.begin().await.unwrap();
    transaction.execute(ADA).await.unwrap_err();
}

#[tokio::test]
async fn connection_that_sqlx_left_counted_is_repaired_by_the_next_transaction() {
    let mut database = Database::new().await;
    poison(&database.pool).await;
    assert!(database.pool.acquire().await.unwrap().is_in_transaction(), "sqlx does it itself now");
    note(&database.pool, "rolled back", true).await.unwrap_err();
    assert!(database.is_clean().await);

    poison(&database.pool).await;
    note(&database.pool, "kept", false).await.unwrap();
    assert!(database.is_clean().await);
    assert_eq!(database.notes().await, ["kept"]);
}

#[tokio::test]
async fn writes_confirmed_on_a_counted_connection_are_kept() {
    let mut database = Database::new().await;
    poison(&database.pool).await;
    let mut transaction = database.pool.begin().await.unwrap();
    transaction.execute("INSERT INTO notes VALUES ('rolled back')").await.unwrap();
    transaction.rollback().await.unwrap();
    database.pool.execute("INSERT INTO notes VALUES ('confirmed')").await.unwrap();
    assert!(database.notes().await.is_empty(), "no other connection sees it yet");

    note(&database.pool, "also rolled back", true).await.unwrap_err();
    assert_eq!(database.notes().await, ["confirmed"]);
    assert!(database.is_clean().await);
}

#[tokio::test]
async fn transaction_left_open_by_a_plain_statement_is_rolled_back_by_the_next() {
    let mut database = Database::new().await;
    database.pool.execute("BEGIN; INSERT INTO notes VALUES ('abandoned')").await.unwrap();
    note(&database.pool, "kept", false).await.unwrap();
    assert_eq!(database.notes().await, ["kept"]);
    assert!(database.is_clean().await);
}

#[tokio::test]
async fn in_memory_database_survives_a_dropped_call() {
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    pool.execute(SCHEMA).await.unwrap();
    for end in [End::Hang, End::Panic] {
        let pool = pool.clone();
        assert!(ended(async move { register(&pool, end).await }).await.is_none());
    }
    note(&pool, "kept", false).await.unwrap();
    let notes: Vec<String> =
        sqlx::query_scalar("SELECT text FROM notes").fetch_all(&pool).await.unwrap();
    assert_eq!(notes, ["kept"]);
}

/// The recipe of the docs for transactions without the attribute.
#[tokio::test]
async fn after_release_closes_a_connection_that_sqlx_left_counted() {
    let scratch = Scratch::new();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(scratch.options())
        .await
        .unwrap();
    pool.execute(SCHEMA).await.unwrap();
    poison(&pool).await;
    assert!(!pool.acquire().await.unwrap().is_in_transaction());
}

#[derive(Clone, Debug)]
enum Step {
    Insert,
    /// Ends the transaction.
    Conflict,
    Raw(&'static str),
    Savepoint(Vec<Step>, SavepointEnd),
}

#[derive(Clone, Copy, Debug)]
enum SavepointEnd {
    Commit,
    RollBack,
    Drop,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let raw =
        prop::sample::select(&["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "RELEASE a"][..]);
    let step = prop_oneof![Just(Step::Insert), Just(Step::Conflict), raw.prop_map(Step::Raw)];
    let step = step.prop_recursive(3, 12, 4, |inner| {
        let end = prop::sample::select(
            &[
                SavepointEnd::Commit,
                SavepointEnd::RollBack,
                SavepointEnd::Drop,
                SavepointEnd::Forget,
            ][..],
        );
        (vec(inner, 0..4), end).prop_map(|(steps, end)| Step::Savepoint(steps, end))
    });
    vec(step, 0..6)
}

/// Takes the steps, and ignores what fails.
async fn take(steps: Vec<Step>, connection: &mut SqliteConnection) {
    for step in steps {
        match step {
            Step::Insert => drop(connection.execute("INSERT INTO notes VALUES ('step')").await),
            Step::Conflict => drop(connection.execute(ADA).await),
            Step::Raw(statement) => drop(connection.execute(statement).await),
            Step::Savepoint(steps, end) => {
                let Ok(mut savepoint) = connection.begin().await else { continue };
                Box::pin(take(steps, &mut savepoint)).await;
                match end {
                    SavepointEnd::Commit => drop(savepoint.commit().await),
                    SavepointEnd::RollBack => drop(savepoint.rollback().await),
                    SavepointEnd::Drop => drop(savepoint),
                    SavepointEnd::Forget => std::mem::forget(savepoint),
                }
            }
        }
    }
}

#[transaction(tx = pool)]
async fn takes_steps(pool: &SqlitePool, steps: Vec<Step>, end: End) -> Result<(), CallError> {
    take(steps.clone(), tx).await;
    end.reached().await
}

#[test]
fn no_body_leaves_the_connection_in_a_transaction() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = Mutex::new(runtime.block_on(Database::new()));
    let ends = prop::sample::select(&[End::Succeed, End::Fail, End::Panic, End::Hang][..]);
    let mut runner = TestRunner::new(Config { cases: 400, ..Config::default() });
    let outcome = runner.run(&(steps(), ends), |(steps, end)| {
        runtime.block_on(async {
            let mut database = database.lock().await;
            let pool = database.pool.clone();
            ended(async move { takes_steps(&pool, steps, end).await }).await;
            prop_assert!(database.is_clean().await);
            Ok(())
        })
    });
    outcome.unwrap();
}
