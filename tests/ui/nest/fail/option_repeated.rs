#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, service = "inventory", rejected = CallError::Rejected)]
#[timeout("5s", service = "stock", rejected = |rejected| CallError::Rejected(rejected))]
async fn stock() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = stock();
}
