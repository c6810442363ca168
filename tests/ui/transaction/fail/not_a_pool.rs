//! A connection, a number, and a pool that hides its database.
use resilience::transaction;
use sqlx::SqliteConnection;

#[transaction(tx = connection)]
async fn connection(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let _ = tx;
    Ok(())
}

struct Store {
    pool: String,
}

impl Store {
    #[transaction(tx = self.pool)]
    async fn text(&self) -> Result<(), sqlx::Error> {
        let _ = tx;
        Ok(())
    }
}

fn main() {}
