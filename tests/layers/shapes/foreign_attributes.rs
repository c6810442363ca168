//! Other macros on the same function, written below ours.

use std::time::Duration;

use async_trait::async_trait;
use resilience::{boundary, degrade, retry, secs, timeout};

use super::support::{Callee, ShopError, hang, is_send};

#[boundary(user = text)]
#[retry(idempotent)]
#[timeout("5s")]
#[tracing::instrument(skip(callee))]
async fn instrumented(callee: &Callee, text: String) -> Result<usize, ShopError> {
    callee.call()?;
    Ok(text.len())
}

#[tokio::test(start_paused = true)]
async fn tracing_instrument_may_be_below() {
    assert_eq!(instrumented(&Callee::answering_at(2), "four".to_owned()).await, Ok(4));
}

#[timeout("1m")]
#[tokio::test(start_paused = true)]
async fn tokio_test_may_be_below_a_timeout() -> Result<(), ShopError> {
    tokio::time::sleep(secs(59)).await;
    Ok(())
}

#[retry(idempotent, attempts = 2)]
#[timeout("1m")]
#[tokio::test(start_paused = true)]
async fn tokio_test_may_be_below_a_retry() -> Result<(), ShopError> {
    if resilience::context().attempt() == 1 { Err(ShopError::Busy) } else { Ok(()) }
}

#[timeout("1m")]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn runs_itself() -> Result<u32, ShopError> {
    hang().await;
    Ok(1)
}

#[test]
fn tokio_main_may_be_below_a_timeout() {
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
pub(crate) async fn with_attributes_between(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn other_attributes_may_be_between_layers() {
    assert_eq!(with_attributes_between(&Callee::answering_at(2)).await, Ok(2));
}

#[async_trait]
trait Store {
    async fn save(&self, callee: &Callee, text: String) -> Result<usize, ShopError>;
    async fn forget(&mut self, callee: &Callee) -> Result<(), ShopError>;
}

#[derive(Debug)]
struct Remote {
    limit: Duration,
}

#[async_trait]
impl Store for Remote {
    #[degrade(fallback = 0)]
    #[retry(idempotent, clone(text))]
    #[timeout(self.limit)]
    #[tracing::instrument(skip(callee))]
    async fn save(&self, callee: &Callee, text: String) -> Result<usize, ShopError> {
        callee.call()?;
        Ok(text.into_bytes().len())
    }

    #[retry(idempotent)]
    #[timeout(self.limit)]
    #[tracing::instrument(skip_all)]
    async fn forget(&mut self, callee: &Callee) -> Result<(), ShopError> {
        self.limit += secs(1);
        callee.call().map(drop)
    }
}

#[tokio::test(start_paused = true)]
async fn async_trait_and_instrument_work_together() {
    let mut remote = Remote { limit: secs(1) };
    assert_eq!(is_send(remote.save(&Callee::answering_at(2), "four".to_owned())).await, Ok(4));
    assert_eq!(remote.save(&Callee::answering_at(0), "four".to_owned()).await, Ok(0));
    assert_eq!(remote.forget(&Callee::answering_at(3)).await, Ok(()));
    assert_eq!(remote.limit, secs(4));
}
