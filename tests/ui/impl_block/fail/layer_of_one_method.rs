#![deny(warnings)]

use resilience::{degrade, retry, timeout, transaction};
use resilience_test_support::CallError;

struct Orders {
    pool: sqlx::SqlitePool,
}

#[degrade(fallback = Vec::new())]
#[retry(idempotent)]
#[timeout("5s")]
impl Orders {
    async fn find(&self) -> Result<Vec<u32>, CallError> {
        Ok(Vec::new())
    }
}

#[retry(idempotent)]
#[timeout("5s")]
#[transaction(tx = self.pool)]
impl Orders {
    async fn insert(&self) -> Result<u32, sqlx::Error> {
        Ok(1)
    }
}

fn main() {
    let find = |orders: &Orders| drop((orders.find(), orders.insert(), &orders.pool));
    let _ = find;
}
