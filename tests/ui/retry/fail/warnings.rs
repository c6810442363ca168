#![deny(warnings)]

use async_trait::async_trait;
use resilience::{Retry, circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

const SILENT: Retry = Retry::new().attempts(4);

#[retry]
async fn says_nothing() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker]
#[retry(idempotent)]
async fn without_timeout() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout("20s")]
#[retry(attempts = 3)]
async fn without_idempotence() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(SILENT)]
#[timeout("5s")]
async fn with_a_policy_that_does_not_say() -> Result<u32, CallError> {
    Ok(1)
}

macro_rules! with_policy {
    ($policy:expr) => {
        #[retry($policy)]
        #[timeout("5s")]
        async fn with_the_policy_of_a_macro() -> Result<u32, CallError> {
            Ok(1)
        }
    };
}

with_policy!(SILENT);

#[retry]
fn not_async() -> Result<u32, CallError> {
    Ok(1)
}

#[async_trait]
trait Catalogue {
    #[retry(idempotent)]
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[retry(idempotent, external_timeout)]
async fn without_fault() -> Result<u32, CallError> {
    Ok(1)
}

impl Catalogue for () {}

fn main() {
    let _ = (says_nothing(), without_timeout(), without_idempotence(), with_a_policy_that_does_not_say(), not_async());
    let _ = (().find(), without_fault(), with_the_policy_of_a_macro());
}
