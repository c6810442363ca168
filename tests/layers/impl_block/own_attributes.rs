//! A method's own attributes among those of the block.

use std::time::Duration;

use resilience::{Rejected, boundary, circuit_breaker, degrade, retry, secs, timeout};
use resilience_test_support::{CallError, Events};
use tokio::time::Instant;

use super::Callee;

#[derive(Default)]
struct Shop {
    callee: Callee,
}

#[boundary]
#[retry(idempotent, attempts = 3, base = "0s", jitter = "none", service = "shop")]
#[timeout("1s")]
impl Shop {
    async fn plain(&self) -> Result<u32, CallError> {
        self.callee.call("plain")
    }

    #[retry(idempotent, attempts = 5, base = "0s", jitter = "none")]
    async fn more_attempts(&self) -> Result<u32, CallError> {
        self.callee.call("more_attempts")
    }

    #[timeout("9s")]
    async fn slow(&self) -> Result<u32, CallError> {
        tokio::time::sleep(secs(5)).await;
        self.callee.call("slow")
    }

    #[degrade(fallback = 42)]
    async fn degraded(&self) -> Result<u32, CallError> {
        self.callee.call("degraded")
    }

    #[circuit_breaker(failure_threshold = 1)]
    async fn guarded(&self) -> Result<u32, CallError> {
        self.callee.call("guarded")
    }

    #[timeout("2500ms")]
    #[retry(idempotent, attempts = 9, base = "0s", jitter = "none")]
    #[timeout("1s")]
    async fn in_total(&self) -> Result<u32, CallError> {
        self.callee.call("in_total")?;
        std::future::pending().await
    }

    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", service = "till")]
    async fn own_label(&self) -> Result<u32, CallError> {
        self.callee.call("own_label")
    }

    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", clone(order))]
    async fn with_a_copy(&self, order: String) -> Result<String, CallError> {
        self.callee.call("with_a_copy")?;
        Ok(order)
    }

    /// Its own attribute expands by itself.
    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", blocking)]
    fn not_async(&self) -> Result<u32, CallError> {
        self.callee.call("not_async")
    }

    #[resilience(skip)]
    #[retry(idempotent, attempts = 2, external_timeout, base = "0s", jitter = "none")]
    async fn only_its_own(&self) -> Result<u32, CallError> {
        self.callee.call("only_its_own")
    }
}

#[tokio::test(start_paused = true)]
async fn attribute_of_a_method_replaces_that_of_the_block() {
    let shop = Shop::default();
    for (method, calls) in [("plain", 3), ("more_attempts", 5), ("not_async", 2)] {
        shop.callee.fails(method, 10);
        let outcome = match method {
            "plain" => shop.plain().await,
            "more_attempts" => shop.more_attempts().await,
            _ => shop.not_async(),
        };
        assert_eq!((outcome, shop.callee.calls(method)), (Err(CallError::Busy), calls));
    }
    shop.callee.fails("only_its_own", 10);
    assert_eq!(shop.only_its_own().await, Err(CallError::Busy));
    assert_eq!(shop.callee.calls("only_its_own"), 2);
    assert_eq!(shop.slow().await, Ok(1), "the block's timeout is shorter");
    shop.callee.fails("with_a_copy", 1);
    assert_eq!(shop.with_a_copy("x".to_owned()).await.as_deref(), Ok("x"));
}

#[tokio::test(start_paused = true)]
async fn further_attributes_are_added_where_they_belong() {
    let shop = Shop::default();
    shop.callee.fails("degraded", 10);
    assert_eq!(shop.degraded().await, Ok(42));
    assert_eq!(shop.callee.calls("degraded"), 3, "the fallback is above the retry");

    shop.callee.fails("guarded", 10);
    assert_eq!(shop.guarded().await, Err(CallError::Busy));
    assert_eq!(shop.callee.calls("guarded"), 1, "the breaker is below the retry, and stops it");
}

#[tokio::test(start_paused = true)]
async fn order_of_own_attributes_is_kept() {
    let shop = Shop::default();
    let start = Instant::now();
    let error = shop.in_total().await.unwrap_err();
    assert!(matches!(error, CallError::Rejected(Rejected::TimedOut { .. })), "{error}");
    assert_eq!(start.elapsed(), Duration::from_millis(2500));
    assert_eq!(shop.callee.calls("in_total"), 3, "each attempt has a second");
}

#[tokio::test(start_paused = true)]
async fn options_for_all_layers_are_inherited_and_can_be_replaced() {
    let shop = Shop::default();
    let events = Events::capture();
    for method in ["plain", "more_attempts", "own_label"] {
        shop.callee.fails(method, 10);
    }
    shop.plain().await.unwrap_err();
    shop.more_attempts().await.unwrap_err();
    shop.own_label().await.unwrap_err();
    let labels: Vec<_> = events
        .named("retry_stopped")
        .iter()
        .map(|event| (event.field("service").to_owned(), event.field("function").to_owned()))
        .collect();
    let expected = [("shop", "plain"), ("shop", "more_attempts"), ("till", "own_label")]
        .map(|(service, function)| (service.to_owned(), function.to_owned()));
    assert_eq!(labels, expected);
}
