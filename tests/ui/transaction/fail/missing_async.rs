use resilience::transaction;
use sqlx::SqlitePool;

#[transaction(tx = pool)]
fn order(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
