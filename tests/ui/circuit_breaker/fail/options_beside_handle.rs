#![deny(warnings)]

use resilience::{CircuitBreaker, circuit_breaker};
use resilience_test_support::CallError;

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
static NUMBER: u32 = 1;

#[circuit_breaker(INVENTORY, failure_threshold = 5, recovery_timeout = "30s")]
async fn options_of_its_own() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(INVENTORY, NUMBER)]
async fn two_breakers() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (options_of_its_own(), two_breakers());
}
