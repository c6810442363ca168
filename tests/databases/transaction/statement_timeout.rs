//! The database stops what a call has given up.

use std::time::{Duration, Instant};

use resilience::{Classify as _, timeout, transaction};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlPool, PgPool, SqlitePool};

use super::support::{CallError, mysql, postgres, sqlite};

/// Longer than any test waits.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";

/// The first of the two, unless the machine is slow.
fn is_timeout(outcome: Result<(), CallError>) -> bool {
    let code = outcome.unwrap_err().classify().code();
    matches!(code, "NETWORK_TIMEOUT" | "QUERY_TIMEOUT")
}

#[timeout("200ms")]
#[transaction(tx = pool, statement_timeout)]
async fn postgres_sleeps(pool: &PgPool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    tx.execute("SELECT pg_sleep(60)").await?;
    Ok(())
}

/// The statement is stopped at most as long after its start as the call may take.
#[tokio::test]
async fn postgres_stops_the_statement_of_a_call_that_timed_out() {
    let Some(pool) = postgres(1).await else { return };
    let began = Instant::now();
    for _ in 0..3 {
        assert!(is_timeout(postgres_sleeps(&pool).await));
    }
    let entries: i64 =
        sqlx::query_scalar("SELECT count(*) FROM entries").fetch_one(&*pool).await.unwrap();
    assert_eq!(entries, 0);
    assert!(began.elapsed() < Duration::from_secs(30), "the only connection was free again");
    let limit: String =
        sqlx::query_scalar("SHOW statement_timeout").fetch_one(&*pool).await.unwrap();
    assert_eq!(limit, "0", "the next user has no limit");
}

#[timeout("200ms")]
#[transaction(tx = pool, statement_timeout)]
async fn mariadb_sleeps(pool: &MySqlPool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    tx.execute("SELECT SLEEP(60)").await?;
    Ok(())
}

#[timeout("30s")]
#[transaction(tx = pool, statement_timeout, begin = "START TRANSACTION;")]
async fn mariadb_limit(pool: &MySqlPool, fail: bool) -> Result<f64, CallError> {
    let limit = sqlx::query_scalar("SELECT CAST(@@SESSION.max_statement_time AS DOUBLE)");
    let limit = limit.fetch_one(&mut *tx).await?;
    if fail { Err(CallError::Refused) } else { Ok(limit) }
}

#[tokio::test]
async fn mariadb_stops_the_statement_of_a_call_that_timed_out() {
    let Some(pool) = mysql(1).await else { return };
    pool.execute("SET SESSION max_statement_time = 77").await.unwrap();
    let began = Instant::now();
    for _ in 0..3 {
        assert!(is_timeout(mariadb_sleeps(&pool).await));
    }
    let entries: i64 =
        sqlx::query_scalar("SELECT count(*) FROM entries").fetch_one(&*pool).await.unwrap();
    assert_eq!(entries, 0);
    assert!(began.elapsed() < Duration::from_secs(30), "the only connection was free again");

    let limit = mariadb_limit(&pool, false).await.unwrap();
    assert!(limit > 20.0 && limit <= 30.1, "{limit}");
    mariadb_limit(&pool, true).await.unwrap_err();
    let limit: f64 = sqlx::query_scalar("SELECT CAST(@@SESSION.max_statement_time AS DOUBLE)")
        .fetch_one(&*pool)
        .await
        .unwrap();
    assert!((limit - 77.0).abs() < 0.001, "the next user has the session's own limit: {limit}");
}

#[timeout("200ms")]
#[transaction(tx = pool, statement_timeout)]
async fn sqlite_counts(pool: &SqlitePool, write: bool) -> Result<(), CallError> {
    tx.execute("INSERT INTO entries (id) VALUES (1)").await?;
    if write {
        tx.execute(AssertSqlSafe(format!("INSERT INTO entries (id) {ENDLESS}"))).await?;
    } else {
        tx.execute(ENDLESS).await?;
    }
    Ok(())
}

#[tokio::test]
async fn sqlite_interrupts_the_statement_of_a_call_that_timed_out() {
    let pool = sqlite(1).await.unwrap();
    let began = Instant::now();
    // An interrupted write ends the transaction.
    for write in [false, true, false] {
        let outcome = sqlite_counts(&pool, write).await;
        assert!(matches!(outcome, Err(CallError::Rejected(_))), "{outcome:?}");
    }
    let mut connection = pool.acquire().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "the only connection was free again");
    assert!(!connection.is_in_transaction());
    let entries: i64 = sqlx::query_scalar("SELECT count(*) FROM entries")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(entries, 0);
    // Nothing interrupts the next user.
    let long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                SELECT count(*) FROM n";
    let counted: i64 = sqlx::query_scalar(long).fetch_one(&mut *connection).await.unwrap();
    assert_eq!(counted, 100_000);
}
