#![deny(warnings)]

use resilience::{circuit_breaker, timeout};
use resilience_test_support::CallError;

#[circuit_breaker]
#[timeout("5s")]
fn below() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("5s")]
fn alone() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _: (Result<u32, CallError>, Result<u32, CallError>) = (below(), alone());
}
