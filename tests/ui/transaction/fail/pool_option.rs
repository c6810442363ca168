//! Values that aren't a pool, or have already begun a transaction.
use resilience::transaction;
use sqlx::SqlitePool;

#[transaction]
async fn missing(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(pool)]
async fn without_a_name(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction("pool")]
async fn text_without_a_name(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = "pool")]
async fn text(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = 5)]
async fn number(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool.begin())]
async fn begun(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool.begin().await?)]
async fn begun_and_awaited(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool.begin_with("BEGIN IMMEDIATE").await?)]
async fn begun_with(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx)]
async fn valueless(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(pool = pool)]
async fn another_name(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
