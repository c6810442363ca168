#![deny(warnings)]

use resilience::{retry as again, timeout};
use resilience_test_support::CallError;

#[timeout("5s")]
#[again(idempotent)]
async fn stock() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = stock();
}
