use resilience::transaction;
use resilience_test_support::Events;
use sqlx::{Executor as _, SqlitePool};

use super::support::{CallError, Runs, sqlite};

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
