#![deny(warnings)]

use std::time::Duration;

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, attempts = many, base = seconds)]
#[timeout(seconds)]
async fn options(many: usize, seconds: u64) -> Result<u32, CallError> {
    Ok(1)
}

#[retry(policy)]
#[timeout("5s")]
async fn policy(policy: Duration) -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = missing)]
#[timeout("5s")]
async fn no_such_budget() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (options(3, 5), policy(Duration::ZERO), no_such_budget());
}
