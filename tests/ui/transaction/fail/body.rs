//! Mistakes in the body: it ends the transaction itself, or moves an argument.
use resilience::transaction;
use sqlx::PgPool;

#[transaction(tx = pool)]
async fn commits_by_itself(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    tx.commit().await
}

#[transaction(tx = pool)]
async fn consumes(pool: &PgPool, names: Vec<String>) -> Result<usize, sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(tx).await?;
    Ok(names.into_iter().count())
}

#[transaction(tx = pool, begin = format!("BEGIN {level}"))]
async fn composes(pool: &PgPool, level: &str) -> Result<(), sqlx::Error> {
    let _ = tx;
    Ok(())
}

fn main() {}
