use resilience::transaction;
use sqlx::{PgConnection, PgPool};

#[transaction(tx = pool)]
async fn joins(pool: &PgPool, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    let _ = tx;
    Ok(())
}

#[transaction(tx = tx)]
async fn is_the_pool(tx: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
