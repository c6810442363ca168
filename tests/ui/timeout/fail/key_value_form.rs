#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent)]
#[timeout = "5s"]
async fn below() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = below();
}
