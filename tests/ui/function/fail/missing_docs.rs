//! A missing doc comment is reported at the head of the function.
#![deny(missing_docs)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, blocking)]
pub fn sync() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("5s")]
pub async fn asynchronous() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {}
