#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[degrade(fallback = 0, noncritical)]
#[retry(idempotent, atempts = 3, backof(1, 2), true)]
#[circuit_breaker(inventory)]
#[timeout("5s", sevice = "inventory", color = "red")]
async fn stock() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = stock();
}
