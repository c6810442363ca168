#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, crate = resilience)]
#[timeout("5s")]
async fn relative() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("5s", crate = "::resilience")]
async fn text() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (relative(), text());
}
