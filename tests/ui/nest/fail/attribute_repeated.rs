#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[degrade(fallback = 0)]
#[degrade(fallback = 1)]
#[retry(idempotent)]
#[circuit_breaker]
#[resilience::circuit_breaker(failure_threshold = 2)]
#[retry(idempotent, attempts = 2)]
#[timeout("5s")]
async fn stock() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = stock();
}
