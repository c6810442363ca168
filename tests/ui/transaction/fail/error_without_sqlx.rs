//! An error that can't hold an error of BEGIN or COMMIT.
use resilience::{ServiceError, transaction};
use sqlx::SqlitePool;

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("no such order")]
    #[service(not_found)]
    NoSuchOrder,
}

#[transaction(tx = pool)]
async fn order(pool: &SqlitePool) -> Result<(), OrderError> {
    let _ = tx;
    Err(OrderError::NoSuchOrder)
}

fn main() {}
