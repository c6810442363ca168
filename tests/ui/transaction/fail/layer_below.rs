//! The transaction is the innermost layer.
use resilience::{boundary, circuit_breaker, degrade, retry, timeout, transaction};
use sqlx::SqlitePool;

#[transaction(tx = pool)]
#[timeout("5s")]
async fn timeout_below(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool)]
#[retry(idempotent)]
async fn retry_below(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool)]
#[circuit_breaker]
async fn circuit_breaker_below(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[retry(idempotent)]
#[transaction(tx = pool)]
#[degrade(fallback = ())]
async fn degrade_below(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool)]
#[boundary(operation = "order")]
async fn boundary_below(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool)]
#[transaction(tx = pool)]
async fn twice(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
