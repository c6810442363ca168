#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[timeout(20)]
#[degrade(falback = 0, fallback = 1)]
#[retry(attempts = 0, idempotent, non_idempotent)]
#[circuit_breaker(name = "inventory", probes = 0)]
#[timeout]
pub(crate) fn stock(sku: &str) -> u32 {
    sku.len() as u32
}

/// Nothing is wrong with this one.
#[degrade(fallback = 0)]
#[timeout("20s")]
#[retry(idempotent)]
#[circuit_breaker]
async fn without_fault() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _: u32 = stock("a");
    let _ = without_fault();
}
