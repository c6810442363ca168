//! The transaction as the innermost of several layers.

use std::future::pending;
use std::time::Duration;

use resilience::{
    Advice, CircuitBreaker, Classify as _, Rejected, ServiceError, boundary, circuit_breaker,
    degrade, retry, sql, timeout, transaction,
};
use resilience_test_support::Events;
use sqlx::{Executor as _, SqlitePool};

use super::support::{CallError, Runs, sqlite};

async fn count(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM entries").fetch_one(pool).await.unwrap()
}

#[retry(idempotent, external_timeout, attempts = 3, base = "1ms")]
#[transaction(tx = pool, base = "1ms")]
async fn retried(
    pool: &SqlitePool,
    runs: &Runs,
    fail: fn(u32) -> Option<CallError>,
) -> Result<u32, CallError> {
    let run = runs.next();
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    fail(run).map_or(Ok(run), Err)
}

#[tokio::test]
async fn each_retry_attempt_is_its_own_transaction() {
    let pool = sqlite(1).await.unwrap();
    let (runs, events) = (Runs::default(), Events::capture());
    let busy_twice = |run| (run < 3).then_some(CallError::Busy);
    assert_eq!(retried(&pool, &runs, busy_twice).await.unwrap(), 3);
    assert_eq!(count(&pool).await, 1);
    assert_eq!(events.names(), ["retry_scheduled", "retry_scheduled"]);
}

#[tokio::test]
async fn retry_does_not_repeat_what_the_transaction_has_repeated() {
    let pool = sqlite(1).await.unwrap();
    let (runs, events) = (Runs::default(), Events::capture());
    let deadlock = |_| Some(CallError::Lost(Advice::RetryTransactionOnce));
    retried(&pool, &runs, deadlock).await.unwrap_err();
    assert_eq!(runs.count(), 2);
    assert_eq!(events.names(), ["transaction_retry", "transaction_stopped", "retry_stopped"]);
    let [of_transaction, of_retry] =
        [&events.all()[1], &events.all()[2]].map(|event| event.field("reason").to_owned());
    assert_eq!(
        (of_transaction.as_str(), of_retry.as_str()),
        ("attempts_exhausted", "needs_transaction")
    );

    let (runs, events) = (Runs::default(), Events::capture());
    let unserializable = |_| Some(CallError::Lost(Advice::RetryTransaction));
    retried(&pool, &runs, unserializable).await.unwrap_err();
    assert_eq!(runs.count(), 5);
    assert_eq!(events.all()[5].field("reason"), "needs_transaction");
}

#[timeout("200ms")]
#[transaction(tx = pool)]
async fn hangs(pool: &SqlitePool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    pending().await
}

#[tokio::test]
async fn timeout_rolls_back() {
    let pool = sqlite(1).await.unwrap();
    let error = hangs(&pool).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected(Rejected::TimedOut { .. })), "{error:?}");
    assert_eq!(count(&pool).await, 0);
    pool.execute("INSERT INTO entries (id) VALUES (1)").await.unwrap();
}

/// Computed, because the macro refuses a literal that can never fit.
fn too_long() -> Duration {
    Duration::from_secs(20)
}

#[timeout("5s")]
#[transaction(tx = pool, attempts = 9, base = too_long(), max_delay = "40s")]
async fn has_no_time(pool: &SqlitePool, runs: &Runs) -> Result<(), CallError> {
    runs.next();
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    Err(CallError::Lost(Advice::RetryTransaction))
}

#[tokio::test]
async fn repetition_that_would_miss_the_deadline_is_not_started() {
    let pool = sqlite(1).await.unwrap();
    let runs = Runs::default();
    let error = has_no_time(&pool, &runs).await.unwrap_err();
    assert!(matches!(error, CallError::Lost(_)), "at once, and not after 5 seconds: {error:?}");
    assert_eq!(runs.count(), 1);
}

#[degrade(fallback = 42)]
#[transaction(tx = pool)]
async fn degraded(pool: &SqlitePool) -> Result<u32, CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    Err(CallError::Busy)
}

#[tokio::test]
async fn fallback_replaces_a_rolled_back_failure() {
    let pool = sqlite(1).await.unwrap();
    assert_eq!(degraded(&pool).await.unwrap(), 42);
    assert_eq!(count(&pool).await, 0);
}

static STORE: CircuitBreaker = CircuitBreaker::new("store").failure_threshold(2);

#[boundary(operation = "all_of_them")]
#[degrade(fallback = 42)]
#[retry(idempotent, attempts = 5, base = "1ms")]
#[circuit_breaker(STORE)]
#[timeout("10s")]
#[transaction(tx = pool)]
async fn all_of_them(pool: &SqlitePool, runs: &Runs) -> Result<u32, CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    if runs.next() == 1 { Ok(1) } else { Err(CallError::Busy) }
}

#[tokio::test]
async fn all_layers_nest_around_a_transaction() {
    let pool = sqlite(1).await.unwrap();
    let runs = Runs::default();
    assert_eq!(all_of_them(&pool, &runs).await.unwrap(), 1);
    pool.execute("DELETE FROM entries").await.unwrap();
    assert_eq!(all_of_them(&pool, &runs).await.unwrap(), 42);
    assert_eq!(
        (runs.count(), count(&pool).await),
        (3, 0),
        "after two failures the circuit was open"
    );
}

#[circuit_breaker]
#[transaction(tx = pool)]
async fn guarded(pool: &SqlitePool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    Ok(())
}

#[timeout("1m")]
#[retry(idempotent, attempts = 2, base = "1ms")]
#[timeout("10s")]
#[transaction(tx = pool)]
async fn between_two_timeouts(pool: &SqlitePool, runs: &Runs) -> Result<u32, CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (2)").await?;
    let run = runs.next();
    assert_eq!(resilience::context().attempt(), run);
    if run == 1 { Err(CallError::Busy) } else { Ok(run) }
}

#[tokio::test]
async fn single_layers_nest_around_a_transaction() {
    let pool = sqlite(1).await.unwrap();
    guarded(&pool).await.unwrap();
    assert_eq!(between_two_timeouts(&pool, &Runs::default()).await.unwrap(), 2);
    assert_eq!(count(&pool).await, 2);
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum LockError {
    #[error("locked")]
    #[service(lock_timeout)]
    Locked,
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

#[retry(idempotent, attempts = 3, base = "1ms")]
#[timeout("10s")]
async fn locked_call(runs: &Runs) -> Result<(), LockError> {
    runs.next();
    Err(LockError::Locked)
}

#[transaction(tx = pool, attempts = 3, base = "1ms")]
async fn locked_transaction(pool: &SqlitePool, runs: &Runs) -> Result<(), LockError> {
    runs.next();
    tx.execute("SELECT 1").await?;
    Err(LockError::Locked)
}

#[tokio::test]
async fn lock_timeout_means_the_same_everywhere() {
    let pool = sqlite(1).await.unwrap();
    let (retries, repetitions) = (Runs::default(), Runs::default());
    locked_call(&retries).await.unwrap_err();
    locked_transaction(&pool, &repetitions).await.unwrap_err();
    assert_eq!((retries.count(), repetitions.count()), (3, 3));
    for of_a_database in [sql::postgres::classify("55P03"), sql::sqlite::classify(5)] {
        assert_eq!(of_a_database.unwrap().classification(), LockError::Locked.classify());
    }
}
