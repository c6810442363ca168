#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

#[circuit_breaker(ignore = CallError::Busy)]
async fn a_variant() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(ignore = "permanent")]
async fn a_category() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (a_variant(), a_category());
}
