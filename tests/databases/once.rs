//! What `#[retry(non_idempotent)]` has written isn't written again.

use std::time::Duration;

use resilience::{ServiceError, retry, timeout, transaction};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Executor as _, SqlitePool};

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

/// A database of one connection, with the table.
async fn orders() -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(400))
        .connect("sqlite::memory:")
        .await
        .unwrap();
    pool.execute("CREATE TABLE orders (name TEXT)").await.unwrap();
    pool
}

async fn count(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn insert_before_a_query_of_a_full_pool_is_made_once() {
    #[retry(non_idempotent, base = "1ms")]
    #[timeout("2s")]
    async fn place(pool: &SqlitePool, other: &SqlitePool) -> Result<(), OrderError> {
        sqlx::query("INSERT INTO orders VALUES ('one')").execute(pool).await?;
        sqlx::query("SELECT 1").execute(other).await?;
        Ok(())
    }
    let (pool, other) = (orders().await, orders().await);
    let held = other.acquire().await.unwrap();
    let error = place(&pool, &other).await.unwrap_err();
    assert!(matches!(error, OrderError::Database(sqlx::Error::PoolTimedOut)), "{error:?}");
    drop(held);
    assert_eq!(count(&pool).await, 1);
}

#[transaction(tx = pool)]
async fn insert(pool: &SqlitePool) -> Result<(), OrderError> {
    tx.execute("INSERT INTO orders VALUES ('one')").await?;
    Ok(())
}

async fn insert_and_look(pool: &SqlitePool, other: &SqlitePool) -> Result<(), OrderError> {
    insert(pool).await?;
    other.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn committed_transaction_is_made_once() {
    #[retry(non_idempotent, base = "1ms")]
    #[timeout("2s")]
    async fn place(pool: &SqlitePool, other: &SqlitePool) -> Result<(), OrderError> {
        insert_and_look(pool, other).await
    }
    let (pool, other) = (orders().await, orders().await);
    let held = other.acquire().await.unwrap();
    place(&pool, &other).await.unwrap_err();
    drop(held);
    assert_eq!(count(&pool).await, 1);
}

#[tokio::test]
async fn transaction_that_found_no_connection_is_tried_again() {
    #[retry(non_idempotent, attempts = 50, base = "1ms", max_delay = "2ms", budget = "off")]
    #[timeout("8s")]
    #[transaction(tx = pool)]
    async fn place(pool: &SqlitePool) -> Result<(), OrderError> {
        tx.execute("INSERT INTO orders VALUES ('one')").await?;
        tx.execute("INSERT INTO orders VALUES ('two')").await?;
        Ok(())
    }
    let pool = orders().await;
    let held = pool.acquire().await.unwrap();
    let soon = async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        drop(held);
    };
    tokio::join!(async { place(&pool).await.unwrap() }, soon);
    assert_eq!(count(&pool).await, 2);
}
