#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, attempts = 3, attempts = 4, idempotent)]
#[timeout("5s")]
async fn duplicate() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent = true, attempts, base(1), jitter =, max_delay "3s", clone)]
#[circuit_breaker(shared(yes))]
#[timeout("5s" "6s")]
async fn wrong_form() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, service = 5)]
#[retry(idempotent, service = "", clone(order, stock))]
#[timeout("5s", service = "inventory", rejected, clone(5))]
async fn wrong_value(order: String) -> Result<usize, CallError> {
    Ok(order.len())
}

fn main() {
    let _ = (duplicate(), wrong_form(), wrong_value(String::new()));
}
