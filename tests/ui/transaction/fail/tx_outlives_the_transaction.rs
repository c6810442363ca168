//! `tx` where it would outlive the transaction.

use resilience::transaction;
use sqlx::{PgConnection, PgPool};

#[transaction(tx = pool)]
async fn returns_it(pool: &PgPool) -> Result<&mut PgConnection, sqlx::Error> {
    Ok(tx)
}

#[transaction(tx = pool)]
async fn spawns_it(pool: &PgPool) -> Result<(), sqlx::Error> {
    tokio::spawn(async move {
        sqlx::query("DELETE FROM entries").execute(&mut *tx).await.unwrap();
    });
    Ok(())
}

#[transaction(tx = pool)]
async fn spawns_it_in_a_set(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { sqlx::query("DELETE FROM entries").execute(&mut *tx).await });
    tasks.join_all().await;
    Ok(())
}

/// A mistake elsewhere doesn't hide `tx`.
#[resilience::retry(idempotent, atempts = 3)]
#[transaction(tx = pool)]
async fn has_another_mistake(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
