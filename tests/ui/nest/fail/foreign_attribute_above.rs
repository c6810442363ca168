#![deny(warnings)]

use resilience::{boundary, circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

#[tracing::instrument]
#[retry(idempotent)]
#[timeout("5s")]
async fn instrumented() -> Result<u32, CallError> {
    Ok(1)
}

#[tracing::instrument]
#[circuit_breaker]
fn instrumented_too() -> Result<u32, CallError> {
    Ok(1)
}

#[tokio::test]
#[timeout("5s")]
async fn tested() -> Result<(), CallError> {
    Ok(())
}

#[tracing::instrument]
#[boundary]
async fn observed() -> Result<(), CallError> {
    Ok(())
}

#[tokio::test]
#[boundary]
async fn tested_as_well() -> Result<(), CallError> {
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
#[retry(idempotent)]
#[timeout("5s")]
async fn main() -> Result<(), CallError> {
    let _ = (instrumented(), instrumented_too(), observed());
    Ok(())
}
