#![deny(warnings)]

use std::future::Future;
use std::pin::Pin;

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[timeout("5s")]
async fn nothing() {}

#[retry(idempotent)]
#[timeout("5s")]
async fn number() -> u32 {
    1
}

#[degrade(fallback = 0)]
async fn option() -> Option<Vec<u8>> {
    None
}

#[circuit_breaker]
fn future() -> impl Future<Output = Result<u32, CallError>> {
    async { Ok(1) }
}

#[circuit_breaker]
fn boxed() -> Pin<Box<dyn Future<Output = Result<u32, CallError>> + Send>> {
    Box::pin(async { Ok(1) })
}

#[circuit_breaker]
const fn constant() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (nothing(), number(), option(), future(), boxed());
    const _: Result<u32, CallError> = constant();
}
