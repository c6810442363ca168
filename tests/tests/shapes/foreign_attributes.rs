//! Other macros on the same function, written below ours.

use resilience::{retry, timeout};

use crate::support::{Callee, ShopError, hang};

#[retry(idempotent)]
#[timeout("5s")]
#[tracing::instrument(skip(callee))]
async fn instrumented(callee: &Callee, text: String) -> Result<usize, ShopError> {
    callee.call()?;
    Ok(text.len())
}

#[tokio::test(start_paused = true)]
async fn instrument_below() {
    assert_eq!(instrumented(&Callee::answering_at(2), "four".to_owned()).await, Ok(4));
}

#[timeout("1m")]
#[tokio::test(start_paused = true)]
async fn a_test_with_a_timeout() -> Result<(), ShopError> {
    tokio::time::sleep(resilience::secs(59)).await;
    Ok(())
}

#[retry(idempotent, attempts = 2)]
#[timeout("1m")]
#[tokio::test(start_paused = true)]
async fn a_test_with_a_second_chance() -> Result<(), ShopError> {
    if resilience::context().attempt == 1 { Err(ShopError::Busy) } else { Ok(()) }
}

#[timeout("1m")]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn runs_itself() -> Result<u32, ShopError> {
    hang().await;
    Ok(1)
}

#[test]
fn a_function_that_starts_a_runtime() {
    assert!(runs_itself().unwrap_err().is_timed_out());
}

#[deny(clippy::all)]
#[inline]
#[must_use = "it may have failed"]
#[retry(idempotent)]
#[allow(clippy::unused_async)]
#[timeout("5s")]
#[cfg(not(any()))]
#[doc(hidden)]
pub async fn with_attributes_between(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn attributes_between() {
    assert_eq!(with_attributes_between(&Callee::answering_at(2)).await, Ok(2));
}
