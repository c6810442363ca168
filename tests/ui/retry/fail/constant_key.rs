#![deny(warnings)]

use resilience::retry;
use resilience_test_support::CallError;

const KEY: &str = "charge";

#[retry(external_timeout, idempotency_key = "charge")]
async fn literal(order_id: u64) -> Result<u64, CallError> {
    Ok(order_id)
}

#[retry(external_timeout, idempotency_key = "charge-{order_id}")]
async fn not_formatted(order_id: u64) -> Result<u64, CallError> {
    Ok(order_id)
}

#[retry(external_timeout, idempotency_key = KEY.to_owned())]
async fn constant_of_a_constant(order_id: u64) -> Result<u64, CallError> {
    Ok(order_id)
}

#[retry(external_timeout, idempotency_key = String::from("charge"))]
async fn no_arguments() -> Result<u64, CallError> {
    Ok(1)
}

fn main() {
    let _ = (literal(1), not_formatted(1), constant_of_a_constant(1), no_arguments());
}
