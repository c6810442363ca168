//! A body whose statements don't run in the transaction.
#![deny(warnings)]

use resilience::transaction;
use sqlx::PgPool;

#[transaction(tx = pool)]
async fn goes_to_the_pool(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(pool).await?;
    Ok(())
}

#[transaction(tx = pool)]
async fn is_fine(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
