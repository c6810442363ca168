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

fn main() {
    let _ = (idempotent_and_not(), option_without_name(), two_policies(), STANDARD);
}
