#![deny(warnings)]

use resilience::{degrade, retry, timeout};
use resilience_test_support::CallError;

async fn send(order: String) -> Result<u32, CallError> {
    Ok(order.len() as u32)
}

#[retry(idempotent)]
#[timeout("5s")]
async fn retried(order: String) -> Result<u32, CallError> {
    send(order).await
}

#[retry(idempotent)]
fn not_async(order: String) -> Result<String, CallError> {
    Ok(order)
}

#[degrade(fallback = order.len() as u32)]
#[timeout("5s")]
async fn degraded(order: String) -> Result<u32, CallError> {
    send(order).await
}

fn main() {
    let _ = (retried(String::new()), not_async(String::new()), degraded(String::new()));
}
