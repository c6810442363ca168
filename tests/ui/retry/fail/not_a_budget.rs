#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent, budget = "none")]
#[timeout("5s")]
async fn by_word() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = none)]
#[timeout("5s")]
async fn by_bare_word() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = 10)]
#[timeout("5s")]
async fn by_number() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = resilience::RetryBudget::standard())]
#[timeout("5s")]
async fn in_place() -> Result<u32, CallError> {
    Ok(1)
}

fn made() -> resilience::RetryBudget {
    resilience::RetryBudget::standard()
}

#[retry(idempotent, budget = made())]
#[timeout("5s")]
async fn by_function() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = &made())]
#[timeout("5s")]
async fn by_reference() -> Result<u32, CallError> {
    Ok(1)
}

const BUDGET: resilience::RetryBudget = resilience::RetryBudget::standard();

#[retry(idempotent, budget = BUDGET)]
#[timeout("5s")]
async fn by_constant() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (by_function(), by_reference(), by_constant());
    let _ = (by_word(), by_number(), in_place());
}
