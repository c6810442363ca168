//! Strict lints: the expansion of a block raises none of them.

#![deny(
    missing_docs,
    unreachable_code,
    unused,
    unused_qualifications,
    unused_results,
    single_use_lifetimes,
    elided_lifetimes_in_paths,
    non_local_definitions,
    let_underscore_drop,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::let_underscore_untyped,
    clippy::items_after_statements,
    clippy::semicolon_inside_block
)]
#![allow(clippy::redundant_pub_crate)]
// An `allow` in the expansion would be an error here.
#![forbid(dead_code, non_upper_case_globals, unused_variables, unused_imports)]

use resilience::{boundary, circuit_breaker, retry, timeout};
use resilience_test_support::CallError;
use tokio::task::yield_now;

use super::Callee;

/// A value.
#[derive(Debug, Default)]
pub(crate) struct Answer(u32);

/// Documented.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    callee: Callee,
}

/// All of it.
#[boundary(user = self.callee.calls("find"))]
#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
impl Shop {
    /// A method.
    pub(crate) async fn find(&self) -> Result<u32, CallError> {
        yield_now().await;
        self.callee.call("find")
    }

    /// Another, of which the compiler finds out that it returns no `Result`.
    pub(crate) async fn answer(&self) -> Answer {
        yield_now().await;
        Answer(self.find().await.unwrap_or_default())
    }
}

/// Nothing is left of the block's breaker and budget.
#[derive(Debug, Default)]
pub(crate) struct Own;

#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
impl Own {
    /// A method.
    #[retry(non_idempotent)]
    #[circuit_breaker]
    pub(crate) async fn find(&self, callee: &Callee) -> Result<u32, CallError> {
        yield_now().await;
        callee.call("find")
    }
}

#[tokio::test(start_paused = true)]
async fn expansion_of_a_block_raises_no_lint() {
    let shop = Shop::default();
    assert_eq!(shop.find().await, Ok(1));
    assert_eq!(shop.answer().await.0, 2);
    assert_eq!(Own.find(&shop.callee).await, Ok(3));
}
