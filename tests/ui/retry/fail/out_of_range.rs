#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, attempts = 0)]
#[timeout("5s")]
async fn never() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, attempts = -1, base = "1m", max_delay = "10s")]
#[timeout("5s")]
async fn negative() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, attempts = 99999999999, base = "45s")]
#[timeout("5s")]
async fn enormous() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, attempts = "3", max_delay = "100ms")]
#[timeout("5s")]
async fn text() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, attempts = 2.5, jitter = "1m", max_delay = "10s")]
#[timeout("5s")]
async fn fraction() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, jitter = "sometimes", base = 5, max_delay = "100ms")]
#[timeout("5s")]
async fn unknown_jitter() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, jitter = 5)]
#[timeout("5s")]
async fn jitter_without_unit() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (never(), negative(), enormous(), text(), fraction(), unknown_jitter(), jitter_without_unit());
}
