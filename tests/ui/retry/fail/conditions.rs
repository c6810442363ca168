#![deny(warnings)]

use resilience::{Retry, retry};
use resilience_test_support::CallError;

#[retry(non_idempotent, external_timeout, retry_ok = |value| *value == 0)]
async fn sent_twice() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, when = "busy", retry_ok = true)]
async fn not_functions() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, when, retry_ok)]
async fn no_values() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, when = CallError::Busy)]
async fn a_variant() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (sent_twice(), not_functions(), no_values(), a_variant(), Retry::new());
}
