use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use resilience::{Classify as _, Sent, transaction};
use resilience_test_support::Events;
use sqlx::{Connection as _, Executor as _, PgPool};
use tokio::sync::Barrier;

use super::entries::postgres::{increase, increase_both, notes, two_entries};
use super::support::{CallError, Runs, postgres};

/// Loses the race between its snapshot and its write, in so many runs.
#[transaction(tx = pool, begin = "BEGIN ISOLATION LEVEL REPEATABLE READ", attempts = 3, base = "1ms")]
async fn overtaken(pool: &PgPool, times: u32, runs: &Runs) -> Result<i32, CallError> {
    let level: String =
        sqlx::query_scalar("SHOW transaction_isolation").fetch_one(&mut *tx).await?;
    assert_eq!(level, "repeatable read");
    let note: i32 =
        sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(&mut *tx).await?;
    if runs.next() <= times {
        let other = pool.clone();
        other.execute("UPDATE entries SET note = note + 10 WHERE id = 1").await?;
    }
    increase(tx, 1).await?;
    Ok(note + 1)
}

#[tokio::test]
async fn serialization_failure_of_a_statement_is_repeated() {
    let Some(pool) = two_entries().await else { return };
    let runs = Runs::default();
    assert_eq!(overtaken(&pool, 2, &runs).await.unwrap(), 21);
    assert_eq!((notes(&pool).await, runs.count()), (vec![21, 0], 3));
}

#[tokio::test]
async fn repeated_serialization_failures_exhaust_the_attempts() {
    let Some(pool) = two_entries().await else { return };
    let (runs, events) = (Runs::default(), Events::capture());
    let error = overtaken(&pool, u32::MAX, &runs).await.unwrap_err();
    assert_eq!((error.code().as_str(), runs.count()), ("40001", 3));
    assert_eq!(notes(&pool).await, [30, 0]);
    assert_eq!(events.names(), ["transaction_retry", "transaction_retry", "transaction_stopped"]);
    let [reason, attempts, code] =
        ["reason", "attempts", "code"].map(|field| events.all()[2].field(field).to_owned());
    assert_eq!((reason.as_str(), attempts.as_str()), ("attempts_exhausted", "3"));
    assert_eq!(code, "SERIALIZATION_FAILURE");
}

/// Write skew: two transactions read both rows, and each writes another one.
#[transaction(tx = pool, begin = "BEGIN ISOLATION LEVEL SERIALIZABLE", base = "1ms")]
async fn skewed(pool: &PgPool, runs: &Runs, finished: &AtomicBool) -> Result<i64, CallError> {
    let sum: i64 = sqlx::query_scalar("SELECT sum(note) FROM entries").fetch_one(&mut *tx).await?;
    if runs.next() == 1 {
        let elsewhere = pool.clone();
        let mut other = elsewhere.begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
        let _: i64 =
            sqlx::query_scalar("SELECT sum(note) FROM entries").fetch_one(&mut *other).await?;
        increase(tx, 1).await?;
        increase(&mut other, 2).await?;
        other.commit().await?;
        finished.store(true, SeqCst);
    } else {
        increase(tx, 1).await?;
    }
    Ok(sum)
}

#[tokio::test]
async fn serialization_failure_of_the_commit_is_repeated() {
    let Some(pool) = two_entries().await else { return };
    let (runs, finished) = (Runs::default(), AtomicBool::new(false));
    assert_eq!(
        skewed(&pool, &runs, &finished).await.unwrap(),
        1,
        "it has seen what the other wrote"
    );
    assert!(finished.load(SeqCst), "the first run had nothing but the commit before it");
    assert_eq!((notes(&pool).await, runs.count()), (vec![1, 1], 2));
}

#[transaction(tx = pool)]
async fn insert_twice(pool: &PgPool, runs: &Runs) -> Result<(), CallError> {
    runs.next();
    for _ in 0..2 {
        tx.execute("INSERT INTO deferred VALUES (1)").await?;
    }
    Ok(())
}

#[tokio::test]
async fn deferred_constraint_violation_is_returned_by_the_commit() {
    let Some(pool) = postgres(1).await else { return };
    pool.execute("CREATE TABLE deferred (id INT UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        .await
        .unwrap();
    let runs = Runs::default();
    let error = insert_twice(&pool, &runs).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.classify().status(), runs.count()), ("23505", 409, 1));
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM deferred").fetch_one(&*pool).await.unwrap();
    assert_eq!(rows, 0);
}

/// Ignores a unique violation, correctly only if `in_savepoint`.
#[transaction(tx = pool)]
async fn insert_if_new(pool: &PgPool, in_savepoint: bool) -> Result<(), CallError> {
    increase(tx, 2).await?;
    if in_savepoint {
        let mut savepoint = tx.begin().await?;
        drop(savepoint.execute("INSERT INTO entries (id) VALUES (1)").await);
        savepoint.rollback().await?;
    } else {
        drop(tx.execute("INSERT INTO entries (id) VALUES (1)").await);
    }
    Ok(())
}

#[tokio::test]
async fn failure_ignored_by_the_body_is_an_error_not_a_silent_rollback() {
    let Some(pool) = two_entries().await else { return };
    let error = insert_if_new(&pool, false).await.unwrap_err();
    assert!(error.is_rolled_back(), "{error:?}");
    assert_eq!(error.code(), "25P02");
    assert_eq!(notes(&pool).await, [0, 0]);

    insert_if_new(&pool, true).await.unwrap();
    assert_eq!(notes(&pool).await, [0, 1]);
}

/// When this fails, the statement before `COMMIT` is no longer needed.
#[tokio::test]
async fn sqlx_alone_reports_a_commit_that_rolled_back() {
    let Some(pool) = two_entries().await else { return };
    let mut transaction = pool.begin().await.unwrap();
    increase(&mut transaction, 2).await.unwrap();
    transaction.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap_err();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&pool).await, [0, 0]);
}

#[transaction(tx = pool)]
async fn loses_its_connection(pool: &PgPool, terminate: bool) -> Result<(), CallError> {
    increase(tx, 1).await?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *tx).await?;
    if terminate {
        let other = pool.clone();
        sqlx::query("SELECT pg_terminate_backend($1, 5000)").bind(pid).execute(&other).await?;
    }
    Err(CallError::Refused)
}

#[tokio::test]
async fn error_of_the_body_takes_precedence_over_a_failed_rollback() {
    let Some(pool) = two_entries().await else { return };
    let events = Events::capture();
    assert!(matches!(loses_its_connection(&pool, false).await, Err(CallError::Refused)));
    assert!(events.names().is_empty());
    assert!(matches!(loses_its_connection(&pool, true).await, Err(CallError::Refused)));
    assert_eq!(events.names(), ["transaction_rollback_failed"]);
    assert_eq!(events.all()[0].field("function"), "loses_its_connection");
    assert_eq!(notes(&pool).await, [0, 0]);
}

#[transaction(tx = pool)]
async fn is_terminated_at_the_end(pool: &PgPool, runs: &Runs) -> Result<(), CallError> {
    runs.next();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *tx).await?;
    let other = pool.clone();
    sqlx::query("SELECT pg_terminate_backend($1, 5000)").bind(pid).execute(&other).await?;
    Ok(())
}

#[tokio::test]
async fn connection_lost_at_the_commit_is_not_repeated() {
    let Some(pool) = two_entries().await else { return };
    let runs = Runs::default();
    let error = is_terminated_at_the_end(&pool, &runs).await.unwrap_err();
    assert_eq!((error.classify().sent(), runs.count()), (Sent::Maybe, 1), "{error:?}");
}

/// Otherwise the server would log a warning for each rollback outside a transaction.
#[tokio::test]
async fn commit_leaves_the_connection_idle() {
    let Some(pool) = postgres(1).await else { return };
    pool.execute("INSERT INTO entries (id) VALUES (1), (2)").await.unwrap();
    insert_if_new(&pool, true).await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&*pool).await.unwrap();
    let apart = PgPool::connect_with((*pool.connect_options()).clone()).await.unwrap();
    for _ in 0..100 {
        let state: String = sqlx::query_scalar("SELECT state FROM pg_stat_activity WHERE pid = $1")
            .bind(pid)
            .fetch_one(&apart)
            .await
            .unwrap();
        if state == "idle" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the connection is still in a transaction");
}

#[transaction(tx = pool)]
async fn commits_by_itself(pool: &PgPool) -> Result<(), CallError> {
    increase(tx, 1).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *tx).await?;
    increase(tx, 2).await?;
    Ok(())
}

#[tokio::test]
async fn body_that_commits_by_itself_is_an_error() {
    let Some(pool) = two_entries().await else { return };
    let error = commits_by_itself(&pool).await.unwrap_err();
    assert!(error.is_rolled_back(), "{error:?}");
    assert_eq!(error.code(), "25P01");
    // The connection is outside a transaction.
    increase_both(&pool, (1, 2), &Barrier::new(1), &Runs::default()).await.unwrap();
    assert_eq!(notes(&pool).await, [2, 2]);
}
