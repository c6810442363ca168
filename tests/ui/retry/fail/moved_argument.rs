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

#[retry(idempotent, blocking)]
fn not_async(order: String) -> Result<String, CallError> {
    Ok(order)
}

#[degrade(fallback = order.len() as u32)]
#[timeout("5s")]
async fn degraded(order: String) -> Result<u32, CallError> {
    send(order).await
}

// The loop is that of the retry, even below another attribute.
#[degrade(fallback = 0)]
#[retry(idempotent)]
#[timeout("5s")]
async fn retried_below(order: String) -> Result<u32, CallError> {
    send(order).await
}

struct Order;

#[retry(idempotent, external_timeout, clone(order))]
async fn cloned(order: Order) -> Result<u32, CallError> {
    drop(order);
    Ok(1)
}

fn main() {
    let _ = (retried_below(String::new()), cloned(Order));
    let _ = (retried(String::new()), not_async(String::new()), degraded(String::new()));
}
