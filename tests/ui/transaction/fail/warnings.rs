//! A body whose statements don't run in the transaction.
#![deny(warnings)]

use resilience::transaction;
use sqlx::{Executor as _, PgPool};

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

/// Only one of its statements runs in the transaction.
#[transaction(tx = pool)]
async fn uses_both(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM entries").execute(pool).await?;
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    Ok(())
}

struct Entries {
    pool: PgPool,
}

impl Entries {
    #[transaction(tx = self.pool)]
    async fn uses_both(&self) -> Result<i32, sqlx::Error> {
        sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
        self.pool.execute("DELETE FROM entries").await?;
        sqlx::query_scalar("SELECT count(*) FROM entries").fetch_one(&self.pool).await
    }

    #[transaction(tx = self.pool)]
    async fn means_it(&self) -> Result<(), sqlx::Error> {
        let audit = self.pool.clone();
        sqlx::query("INSERT INTO audit VALUES (1)").execute(&audit).await?;
        sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
        Ok(())
    }
}

#[transaction(tx = pool)]
async fn begins_itself(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("DELETE FROM entries").execute(&mut *tx).await?;
    tx.commit().await
}

#[transaction(tx = pool)]
async fn hides_tx(pool: &PgPool) -> Result<(), sqlx::Error> {
    let (tx, rx) = std::sync::mpsc::channel();
    tx.send(1).unwrap();
    let _ = rx.recv();
    Ok(())
}

fn main() {}
