use std::time::Duration;

use resilience::transaction;
use resilience_test_support::Events;
use resilience_test_support::databases::Scratch;
use sqlx::Executor as _;
use sqlx::sqlite::{SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use super::support::{CallError, Runs, TABLE, sqlite};

async fn note(pool: &SqlitePool) -> i32 {
    sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(pool).await.unwrap()
}

/// Reads and writes; in its first run another writer comes in between.
#[transaction(tx = pool, base = "1ms")]
async fn increase(pool: &SqlitePool, other: &SqlitePool, runs: &Runs) -> Result<i32, CallError> {
    let note: i32 =
        sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(&mut *tx).await?;
    if runs.next() == 1 {
        other.execute("UPDATE entries SET note = 40 WHERE id = 1").await?;
    }
    sqlx::query("UPDATE entries SET note = ? WHERE id = 1")
        .bind(note + 1)
        .execute(&mut *tx)
        .await?;
    Ok(note + 1)
}

#[tokio::test]
async fn stale_snapshot_is_repeated() {
    let pool = sqlite(2).await.unwrap();
    pool.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap();
    let (runs, events) = (Runs::default(), Events::capture());
    assert_eq!(increase(&pool, &pool, &runs).await.unwrap(), 41);
    assert_eq!((note(&pool).await, runs.count()), (41, 2));

    let repeated = events.named("transaction_retry");
    assert_eq!(repeated.len(), 1);
    let [function, attempt, most, code] =
        ["function", "attempt", "max_attempts", "code"].map(|field| repeated[0].field(field));
    assert_eq!((function, attempt, most, code), ("increase", "1", "5", "SERIALIZATION_FAILURE"));
    assert!(!repeated[0].field("delay_ms").is_empty());
}

#[transaction(tx = pool, begin = "BEGIN IMMEDIATE")]
async fn increase_alone(
    pool: &SqlitePool,
    other: &SqlitePool,
    runs: &Runs,
) -> Result<i32, CallError> {
    runs.next();
    let note: i32 =
        sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(&mut *tx).await?;
    let overtaking = other.execute("UPDATE entries SET note = 40 WHERE id = 1").await;
    assert!(overtaking.unwrap_err().to_string().contains("locked"));
    sqlx::query("UPDATE entries SET note = ? WHERE id = 1")
        .bind(note + 1)
        .execute(&mut *tx)
        .await?;
    Ok(note + 1)
}

#[tokio::test]
async fn begin_immediate_takes_the_lock_first() {
    let pool = sqlite(2).await.unwrap();
    pool.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap();
    let runs = Runs::default();
    assert_eq!(increase_alone(&pool, &pool, &runs).await.unwrap(), 1);
    assert_eq!((note(&pool).await, runs.count()), (1, 1));
}

/// The second statement rolls back the whole transaction, which `dropping` ignores.
#[transaction(tx = pool)]
async fn ends_early(pool: &SqlitePool, dropping: bool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    let outcome = tx.execute("INSERT OR ROLLBACK INTO entries (id) VALUES (1)").await;
    if dropping {
        tx.execute("INSERT INTO entries (id) VALUES (2)").await?;
        return Ok(());
    }
    outcome?;
    Ok(())
}

#[transaction(tx = pool, begin = "BEGIN IMMEDIATE")]
async fn begins_anew(pool: &SqlitePool) -> Result<(), CallError> {
    tx.execute("DELETE FROM entries").await?;
    Ok(())
}

#[tokio::test]
async fn transaction_ended_by_the_failure_is_not_rolled_back_again() {
    let pool = sqlite(1).await.unwrap();
    for _ in 0..2 {
        let events = Events::capture();
        let error = ends_early(&pool, false).await.unwrap_err();
        assert_eq!(error.code(), "1555", "the unique violation, and nothing about the rollback");
        assert!(events.names().is_empty(), "{:?}", events.names());
        begins_anew(&pool).await.unwrap();
    }
}

#[tokio::test]
async fn failure_that_ended_the_transaction_cannot_be_ignored() {
    let pool = sqlite(1).await.unwrap();
    for _ in 0..2 {
        let error = ends_early(&pool, true).await.unwrap_err();
        assert!(error.is_rolled_back(), "{error:?}");
        begins_anew(&pool).await.unwrap();
    }
}

/// A read, and a write that depends on it.
#[transaction(tx = pool)]
async fn increase_by_one(pool: &SqlitePool) -> Result<(), CallError> {
    let note: i32 =
        sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(&mut *tx).await?;
    tokio::task::yield_now().await;
    sqlx::query("UPDATE entries SET note = ? WHERE id = 1")
        .bind(note + 1)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_concurrent_transactions_that_read_and_then_write_all_succeed() {
    for journal in [SqliteJournalMode::Wal, SqliteJournalMode::Delete] {
        for connections in [4, 40] {
            let scratch = Scratch::new();
            let options = scratch.options().busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new()
                .max_connections(connections)
                .connect_with(options.journal_mode(journal))
                .await
                .unwrap();
            pool.execute(TABLE).await.unwrap();
            pool.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap();
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..40 {
                let pool = pool.clone();
                calls.spawn(async move { increase_by_one(&pool).await });
            }
            let failures: Vec<_> =
                calls.join_all().await.into_iter().filter_map(Result::err).collect();
            assert!(failures.is_empty(), "{journal:?}, {connections}: {failures:?}");
            assert_eq!(note(&pool).await, 40);
        }
    }
}

#[tokio::test]
async fn refused_upgrade_is_repeated_with_the_write_lock() {
    let pool = sqlite(3).await.unwrap();
    pool.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap();
    let (runs, events) = (Runs::default(), Events::capture());
    assert_eq!(increase_beside_a_writer(&pool, &pool, &runs).await.unwrap(), 1);
    assert_eq!(runs.count(), 2);
    assert_eq!(events.named("transaction_retry")[0].field("code"), "LOCK_TIMEOUT");
}

#[transaction(tx = pool, base = "1ms")]
async fn increase_beside_a_writer(
    pool: &SqlitePool,
    other: &SqlitePool,
    runs: &Runs,
) -> Result<i32, CallError> {
    let run = runs.next();
    let note: i32 =
        sqlx::query_scalar("SELECT note FROM entries WHERE id = 1").fetch_one(&mut *tx).await?;
    let update = "UPDATE entries SET note = note + 1 WHERE id = 1";
    if run == 1 {
        let writer = other.begin_with("BEGIN IMMEDIATE").await?;
        let refused = tx.execute(update).await.unwrap_err();
        writer.rollback().await?;
        return Err(refused.into());
    }
    // Nobody else can write.
    other.execute(update).await.unwrap_err();
    tx.execute(update).await?;
    Ok(note + 1)
}
