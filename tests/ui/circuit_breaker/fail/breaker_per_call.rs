#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

#[circuit_breaker("inventory")]
async fn by_name() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(resilience::CircuitBreaker::new("inventory").failure_threshold(3))]
async fn in_place() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(std::sync::Arc::new(resilience::CircuitBreaker::new("inventory")))]
async fn in_an_arc() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (by_name(), in_place(), in_an_arc());
}
