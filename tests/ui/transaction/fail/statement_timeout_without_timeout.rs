//! A limit that nothing sets.

use resilience::transaction;
use sqlx::PgPool;

#[transaction(tx = pool, statement_timeout)]
async fn has_no_timeout(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    Ok(())
}

#[transaction(tx = pool, max_execution_time = 5000)]
async fn has_the_name_of_mysql(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
