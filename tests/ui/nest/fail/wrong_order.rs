#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent)]
#[degrade(fallback = 0)]
#[timeout("5s")]
async fn degrade_below_retry() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker]
#[degrade(fallback = 0)]
async fn degrade_below_circuit_breaker() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("5s")]
#[degrade(fallback = 0)]
#[retry(idempotent)]
async fn degrade_below_timeout() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent)]
#[timeout("20s")]
#[timeout("5s")]
async fn two_timeouts_below() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("20s")]
#[timeout("5s")]
async fn two_timeouts_without_retry() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("5s")]
#[retry(idempotent)]
#[timeout("20s")]
async fn total_shorter_than_an_attempt() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (degrade_below_retry(), degrade_below_circuit_breaker(), degrade_below_timeout());
    let _ = (two_timeouts_below(), two_timeouts_without_retry(), total_shorter_than_an_attempt());
}
