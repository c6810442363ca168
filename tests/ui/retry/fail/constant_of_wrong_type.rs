#![deny(warnings)]

use resilience::{CircuitBreaker, RetryBudget, retry, timeout};
use resilience_test_support::CallError;

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
const BUDGET: RetryBudget = RetryBudget::standard();

#[retry(INVENTORY)]
#[timeout("5s")]
async fn breaker_as_a_policy() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(INVENTORY, idempotent, attempts = 2)]
#[timeout("5s")]
async fn breaker_as_a_policy_with_options() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, budget = BUDGET)]
#[timeout("5s")]
async fn budget_that_is_no_static() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (breaker_as_a_policy(), breaker_as_a_policy_with_options(), budget_that_is_no_static());
}
