//! Strict lints: the expansion raises none of them.

#![deny(
    missing_docs,
    unreachable_code,
    unused,
    unused_qualifications,
    unused_results,
    single_use_lifetimes,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    trivial_casts,
    trivial_numeric_casts,
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    variant_size_differences,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::shadow_unrelated,
    clippy::absolute_paths,
    clippy::exhaustive_structs,
    clippy::let_underscore_untyped,
    clippy::semicolon_inside_block,
    clippy::pattern_type_mismatch
)]
#![allow(clippy::redundant_pub_crate)]
// An `allow` in the expansion would be an error here.
#![forbid(
    unreachable_code,
    non_upper_case_globals,
    unused_variables,
    unused_qualifications,
    clippy::needless_question_mark,
    clippy::unit_arg,
    clippy::let_unit_value,
    clippy::empty_loop
)]

use std::time::Duration;

use resilience::{CircuitBreaker, Retry, boundary, circuit_breaker, degrade, retry, timeout};

use super::support::{Callee, ShopError};

const POLICY: Retry = Retry::new().idempotent();

pub(crate) struct Client {
    breaker: CircuitBreaker,
    limit: Duration,
}

impl Client {
    #[boundary(operation = "at_the_edge", request_id = sku, user = self.limit.as_secs(), tenant = sku.len())]
    #[timeout(self.limit)]
    pub(crate) async fn at_the_edge(&self, callee: &Callee, sku: &str) -> Result<u32, ShopError> {
        callee.call()
    }

    #[allow(clippy::unused_self, reason = "true without the attribute, too")]
    #[boundary]
    pub(crate) fn at_the_edge_at_once(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[degrade(fallback = 0)]
    #[timeout("20s")]
    #[retry(POLICY)]
    #[circuit_breaker(self.breaker)]
    #[timeout(self.limit)]
    pub(crate) async fn method(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[degrade(fallback = ())]
    #[retry(idempotency_key)]
    #[timeout("1s")]
    pub(crate) async fn unit(&self, callee: &Callee) -> Result<(), ShopError> {
        callee.call().map(|_| ())?;
        Ok(())
    }
}

#[degrade(fallback = |error| if error.is_timed_out() { 1 } else { 2 }, non_critical)]
#[retry(idempotent, attempts = attempts)]
#[circuit_breaker(failure_threshold = 3)]
#[timeout("1s")]
pub(crate) async fn function(callee: &Callee, attempts: u32) -> Result<u32, ShopError> {
    callee.call()
}

#[degrade(fallback = look_elsewhere(callee).await?)]
#[timeout("1s")]
pub(crate) async fn fallible(callee: &Callee) -> Result<(), ShopError> {
    callee.call().map(drop)
}

async fn look_elsewhere(callee: &Callee) -> Result<(), ShopError> {
    fallible_too(callee).await
}

#[degrade(fallback = nothing())]
#[timeout("1s")]
async fn fallible_too(callee: &Callee) -> Result<(), ShopError> {
    callee.call().map(drop)
}

const fn nothing() {}

#[degrade(fallback = 0)]
#[retry(POLICY, blocking)]
#[circuit_breaker]
pub(crate) fn not_async(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

// Bodies on one line, which `unused_braces` checks.

#[rustfmt::skip]
#[retry(idempotent)]
#[timeout("5s")]
pub(crate) async fn on_one_line(callee: &Callee) -> Result<u32, ShopError> { callee.call() }

#[rustfmt::skip]
#[retry(idempotent, blocking)]
pub(crate) fn on_one_line_and_not_async(callee: &Callee) -> Result<u32, ShopError> { callee.call() }

#[rustfmt::skip]
#[degrade(fallback = callee.call()?)]
#[circuit_breaker]
pub(crate) async fn on_one_line_with_a_fallback(callee: &Callee) -> Result<u32, ShopError> { callee.call() }

#[tokio::test(start_paused = true)]
async fn expansion_raises_no_strict_lint() {
    let client = Client { breaker: CircuitBreaker::new("strict"), limit: Duration::from_secs(1) };
    assert_eq!(client.method(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(client.at_the_edge(&Callee::answering_at(1), "sku").await, Ok(1));
    assert_eq!(client.at_the_edge_at_once(&Callee::answering_at(1)), Ok(1));
    assert_eq!(client.unit(&Callee::answering_at(2)).await, Ok(()));
    assert_eq!(function(&Callee::answering_at(2), 2).await, Ok(2));
    assert_eq!(fallible(&Callee::answering_at(0)).await, Ok(()));
    assert_eq!(not_async(&Callee::answering_at(1)), Ok(1));
    assert_eq!(on_one_line(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(on_one_line_and_not_async(&Callee::answering_at(1)), Ok(1));
    assert_eq!(on_one_line_with_a_fallback(&Callee::answering_at(2)).await, Ok(2));
}
