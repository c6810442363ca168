//! What a function can't have that isn't async, and the opposite.

#![deny(warnings)]

use resilience::{degrade, retry, timeout, transaction};
use resilience_test_support::CallError;

#[timeout("5s")]
fn timed() -> Result<u32, CallError> {
    Ok(1)
}

#[transaction(tx = pool)]
fn in_a_transaction(pool: &sqlx::SqlitePool) -> Result<u32, sqlx::Error> {
    let _ = tx;
    Ok(1)
}

#[degrade(fallback = cached().await)]
fn degraded() -> Result<u32, CallError> {
    Ok(1)
}

async fn cached() -> u32 {
    1
}

#[retry(idempotent, external_timeout, blocking)]
async fn waiting() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (timed(), in_a_transaction, degraded(), cached(), waiting());
}
