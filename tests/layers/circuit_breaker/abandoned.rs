//! Calls that are dropped before they end, by a caller that doesn't want to wait any longer.

use std::time::Duration;

use resilience::circuit_breaker::{CircuitMetrics, CircuitState};
use resilience::{CircuitBreaker, circuit_breaker, retry, secs, timeout};
use resilience_test_support::{CallError, Event, Events};
use tokio::time::timeout as wait_at_most;

async fn hang() -> Result<u32, CallError> {
    std::future::pending().await
}

struct Client {
    breaker: CircuitBreaker,
}

impl Client {
    fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker }
    }

    #[circuit_breaker(self.breaker)]
    #[timeout("60s")]
    async fn timeout_inside(&self) -> Result<u32, CallError> {
        hang().await
    }

    #[timeout("60s")]
    #[circuit_breaker(self.breaker)]
    async fn timeout_outside(&self) -> Result<u32, CallError> {
        hang().await
    }

    #[timeout("90s")]
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("60s")]
    async fn all(&self) -> Result<u32, CallError> {
        hang().await
    }

    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    #[timeout("60s")]
    async fn retried_inside(&self) -> Result<u32, CallError> {
        hang().await
    }

    #[circuit_breaker(self.breaker)]
    async fn without_timeout(&self) -> Result<u32, CallError> {
        hang().await
    }

    async fn called(&self) -> Result<u32, CallError> {
        self.breaker.call(hang()).await
    }

    fn metrics(&self) -> CircuitMetrics {
        self.breaker.metrics()
    }
}

/// Waits for a call for so long, and drops it. Returns the event about that.
async fn abandon(after: Duration, call: impl Future<Output = Result<u32, CallError>>) -> Event {
    let events = Events::capture();
    assert!(wait_at_most(after, call).await.is_err(), "the call hangs");
    let all = events.named("call_abandoned");
    let [event] = &all[..] else { panic!("{:?}", events.names()) };
    event.clone()
}

#[tokio::test(start_paused = true)]
async fn dropped_call_is_told_and_counted_but_no_failure() {
    let client = Client::new(CircuitBreaker::new("search").failure_threshold(1));
    let known = [
        (abandon(secs(3), client.timeout_inside()).await, "timeout_inside"),
        (abandon(secs(3), client.timeout_outside()).await, "timeout_outside"),
        (abandon(secs(3), client.all()).await, "all"),
    ];
    for (event, function) in &known {
        assert_eq!(event.level, tracing::Level::DEBUG);
        assert_eq!((event.field("function"), event.field("dependency")), (*function, "search"));
        assert_eq!(event.field("waited_ms"), "3000", "{event:?}");
        assert_eq!(event.field("counts_as_failure"), "false", "{event:?}");
    }
    let unknown = [
        abandon(secs(3), client.without_timeout()).await,
        abandon(secs(3), client.retried_inside()).await,
        abandon(secs(3), client.called()).await,
    ];
    for event in unknown {
        assert_eq!(event.field("waited_ms"), "", "the clock wasn't read");
    }
    let metrics = client.metrics();
    assert_eq!((metrics.abandoned, metrics.counted_failures), (6, 0));
    assert_eq!(metrics.state, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn call_that_had_waited_longer_than_the_limit_is_a_failure() {
    let breaker = || CircuitBreaker::new("search").failure_threshold(100).abandoned_after(secs(2));
    let client = Client::new(breaker());
    macro_rules! abandons {
        ($($function:ident),*) => {$(
            let failures = client.metrics().counted_failures;
            let event = abandon(Duration::from_millis(1999), client.$function()).await;
            assert_eq!(event.field("waited_ms"), "1999", stringify!($function));
            assert_eq!(client.metrics().counted_failures, failures, stringify!($function));
            let event = abandon(secs(2), client.$function()).await;
            assert_eq!(event.field("counts_as_failure"), "true", stringify!($function));
            assert_eq!(client.metrics().counted_failures, failures + 1, stringify!($function));
        )*};
    }
    abandons!(timeout_inside, timeout_outside, all, without_timeout, retried_inside, called);
    assert_eq!(client.metrics().abandoned, 12);
}

#[tokio::test(start_paused = true)]
async fn slow_callee_with_impatient_clients_opens_the_circuit() {
    #[circuit_breaker(failure_threshold = 3, abandoned_after = "2s", service = "search")]
    #[timeout("60s")]
    async fn search() -> Result<u32, CallError> {
        hang().await
    }
    for _ in 0..3 {
        wait_at_most(secs(5), search()).await.unwrap_err();
    }
    let rejected = search().await.unwrap_err();
    assert!(matches!(rejected, CallError::Rejected(rejected) if rejected.is_circuit_open()));
}

#[tokio::test(start_paused = true)]
async fn abandoned_probe_that_had_waited_too_long_opens_the_circuit_again() {
    let breaker = CircuitBreaker::new("search").failure_threshold(1).recovery_timeout(secs(10));
    let client = Client::new(breaker.abandoned_after(secs(2)));
    abandon(secs(2), client.timeout_inside()).await;
    assert_eq!(client.metrics().state, CircuitState::Open);
    tokio::time::advance(secs(10)).await;
    abandon(secs(1), client.timeout_inside()).await;
    assert_eq!(client.metrics().state, CircuitState::HalfOpen, "it has only freed its slot");
    abandon(secs(2), client.timeout_inside()).await;
    assert_eq!(client.metrics().state, CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_the_function_and_ended_calls_are_not_abandoned() {
    let client = Client::new(CircuitBreaker::new("search").abandoned_after(secs(1)));
    let events = Events::capture();
    client.timeout_inside().await.unwrap_err();
    client.timeout_outside().await.unwrap_err();
    client.all().await.unwrap_err();
    client.breaker.call(async { Ok::<_, CallError>(1) }).await.unwrap();
    client.breaker.call(async { Err::<u32, _>(CallError::Absent) }).await.unwrap_err();
    assert_eq!(client.metrics().abandoned, 0);
    assert!(events.named("call_abandoned").is_empty(), "{:?}", events.names());
}

#[tokio::test]
async fn panic_is_not_abandoned() {
    #[circuit_breaker(breaker)]
    async fn panics(breaker: &CircuitBreaker) -> Result<u32, CallError> {
        tokio::task::yield_now().await;
        panic!("of the body")
    }
    static BREAKER: CircuitBreaker = CircuitBreaker::new("search");
    tokio::spawn(panics(&BREAKER)).await.unwrap_err();
    assert_eq!(BREAKER.metrics().abandoned, 0);
}
