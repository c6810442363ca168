#![deny(warnings)]

use resilience::{Retry, retry, timeout};
use resilience_test_support::CallError;

const STANDARD: Retry = Retry::new().idempotent();

#[retry(idempotent, non_idempotent, idempotency_key)]
#[timeout("5s")]
async fn idempotent_and_not() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(3)]
#[timeout("5s")]
async fn option_without_name() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(STANDARD, CAREFUL)]
#[timeout("5s")]
async fn two_policies() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("300ms")]
#[retry(idempotent, base = "500ms", jitter = "none")]
#[timeout("100ms")]
async fn first_delay_is_too_long() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("500ms")]
#[retry(idempotent)]
async fn default_delay_is_too_long() -> Result<u32, CallError> {
    Ok(1)
}

// These may wait for less, or not at all.
#[timeout("300ms")]
#[retry(idempotent, jitter = "full")]
async fn random_delay() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("300ms")]
#[retry(idempotent, attempts = 1)]
async fn one_attempt() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (first_delay_is_too_long(), default_delay_is_too_long(), random_delay(), one_attempt());
    let _ = (idempotent_and_not(), option_without_name(), two_policies(), STANDARD);
}
