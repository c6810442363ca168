#![deny(warnings)]

use resilience::{circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

#[retry(attempts: 3, base => "1s", max_delay == "2s", jitter := "full", idempotent: true)]
#[timeout("5s")]
async fn wrong_operator() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(maxDelay = "1s", max-attempts = 3, resilience4j.retry.waitDuration = "1s", "attempts": 3, non-idempotent)]
#[timeout("5s")]
async fn wrong_case() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent = false, clone = order, attempts(3), max_delay "3s", max_delay_ms = 500)]
#[timeout("5s")]
async fn wrong_form(order: String) -> Result<usize, CallError> {
    Ok(order.len())
}

#[circuit_breaker(shared = false, failure_threshold = 5s, probes = 3x, recovery_jitter = 20%, recovery_timeout = 1.5s)]
async fn wrong_unit() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, attempts = 3.0, jitter = true, budget = false, base = "1,5s")]
async fn wrong_kind() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (wrong_operator(), wrong_case(), wrong_form(String::new()), wrong_unit(), wrong_kind());
}
