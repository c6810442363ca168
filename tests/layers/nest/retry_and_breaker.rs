//! A retry and a circuit breaker on one function.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use resilience::{CircuitBreaker, circuit_breaker::CircuitState, millis, retry, secs};
use resilience_test_support::{Answer, CallError, Event, Events, Script, poll_once};
use tokio::time::Instant;

use super::{Client, breaker, busy, fail};

#[tokio::test(start_paused = true)]
async fn breaker_that_opens_stops_the_retry_with_the_last_error() {
    let client = Client::new(breaker().failure_threshold(2), [busy(), busy(), busy()]);
    let (events, start) = (Events::capture(), Instant::now());
    assert_eq!(client.breaker_in_retry().await, Err(CallError::Busy));
    assert_eq!((client.script.calls(), start.elapsed()), (2, secs(1)));
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("circuit_open", "2"));
}

#[tokio::test(start_paused = true)]
async fn open_breaker_costs_no_attempts() {
    let client = Client::new(breaker(), []);
    client.breaker.force_open();
    let (events, start) = (Events::capture(), Instant::now());
    let outcome = client.breaker_in_retry().await;
    assert!(
        matches!(outcome, Err(CallError::Rejected(rejected)) if rejected.is_circuit_open()),
        "{outcome:?}"
    );
    assert_eq!((client.script.calls(), start.elapsed()), (0, Duration::ZERO));
    assert_eq!(events.names(), ["circuit_breaker_rejected"], "the retry has nothing to add");
}

#[tokio::test(start_paused = true)]
async fn inner_breaker_counts_attempts_and_outer_breaker_counts_calls() {
    let below = Client::new(breaker().failure_threshold(100), [busy(), busy(), busy()]);
    assert_eq!(below.breaker_in_retry().await, Err(CallError::Busy));
    assert_eq!(below.breaker.metrics().counted_failures, 3);

    let above = Client::new(breaker().failure_threshold(100), [busy(), busy(), busy()]);
    assert_eq!(above.retry_in_breaker().await, Err(CallError::Busy));
    assert_eq!((above.script.calls(), above.breaker.metrics().counted_failures), (3, 1));
}

/// Drops the call at its first, second, third … poll.
#[tokio::test(start_paused = true)]
async fn breaker_recovers_after_a_call_was_dropped_at_any_poll() {
    for probing in [false, true] {
        for polls in 1.. {
            let answers = (0..3).map(|_| Answer::After(millis(10), Err(CallError::Busy)));
            let client =
                Client::new(breaker().failure_threshold(50).recovery_timeout(secs(1)), answers);
            if probing {
                for _ in 0..50 {
                    fail(&client.breaker);
                }
                tokio::time::advance(secs(1)).await;
            }
            let before = client.breaker.metrics().counted_failures;
            let mut done = false;
            {
                let mut call = pin!(client.breaker_in_retry());
                for _ in 0..polls {
                    if poll_once(call.as_mut()).is_ready() {
                        done = true;
                        break;
                    }
                    tokio::time::advance(millis(5)).await;
                }
            }
            let finished = before + u64::from(client.script.calls());
            let counted = client.breaker.metrics().counted_failures;
            assert!(
                counted == finished || counted + 1 == finished,
                "a dropped attempt isn't counted"
            );
            tokio::time::advance(secs(60)).await;
            // From every state the breaker recovers with the next successes.
            let client = Client { breaker: Arc::clone(&client.breaker), script: Script::new([]) };
            assert_eq!(client.breaker_in_retry().await, Ok(1), "dropped at poll {polls}");
            assert_eq!(client.breaker.state(), CircuitState::Closed, "dropped at poll {polls}");
            if done {
                assert!(
                    polls > if probing { 2 } else { 100 },
                    "attempts and waits take several polls"
                );
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attempt_rejected_further_inside_counts_as_made() {
    #[retry(idempotent, external_timeout)]
    async fn order(inventory: &Client) -> Result<u32, CallError> {
        inventory.alone().await
    }
    let client = Client::new(breaker(), []);
    client.breaker.force_open();
    let events = Events::capture();
    assert!(order(&client).await.is_err());
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("circuit_open", "1"));
}

/// An outer and an inner breaker of one name, and the retry around the outer.
struct Namesakes {
    outer: CircuitBreaker,
    inner: CircuitBreaker,
}

impl Namesakes {
    fn new() -> Self {
        Self {
            outer: CircuitBreaker::new("get").failure_threshold(1),
            inner: CircuitBreaker::new("get"),
        }
    }

    #[resilience::retry(idempotent, external_timeout, attempts = 1)]
    #[resilience::circuit_breaker(self.outer)]
    async fn outer(&self, calls: &Cell<u32>) -> Result<u32, CallError> {
        calls.set(calls.get() + 1);
        self.inner().await
    }

    #[resilience::circuit_breaker(self.inner)]
    async fn inner(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[tokio::test(start_paused = true)]
async fn rejection_by_another_breaker_of_the_same_name_is_an_attempt() {
    let (both, calls, events) = (Namesakes::new(), Cell::new(0), Events::capture());
    both.inner.force_open();
    assert!(both.outer(&calls).await.is_err());
    assert_eq!(calls.get(), 1);
    assert_eq!(events.named("retry_stopped")[0].field("attempts"), "1");
}

/// Three functions of one breaker, which opens while the body runs.
struct OneBreaker {
    breaker: CircuitBreaker,
    calls: Cell<u32>,
}

impl OneBreaker {
    #[retry(idempotent, external_timeout)]
    #[resilience::circuit_breaker(self.breaker)]
    async fn outer(&self) -> Result<u32, CallError> {
        self.open();
        self.between().await
    }

    #[retry(idempotent, blocking)]
    #[resilience::circuit_breaker(self.breaker)]
    fn outer_that_is_not_async(&self) -> Result<u32, CallError> {
        self.open();
        self.inner()
    }

    #[retry(idempotent, attempts = 1, external_timeout)]
    async fn between(&self) -> Result<u32, CallError> {
        self.inner()
    }

    #[resilience::circuit_breaker(self.breaker)]
    fn inner(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    fn open(&self) {
        self.calls.set(self.calls.get() + 1);
        self.breaker.force_open();
    }
}

#[tokio::test(start_paused = true)]
async fn rejection_by_the_same_breaker_inside_the_body_is_an_attempt() {
    let client = OneBreaker { breaker: breaker(), calls: Cell::new(0) };
    let events = Events::capture();
    let stopped = || -> Vec<_> {
        let field = |event: &Event, name| event.field(name).to_owned();
        let stopped = events.named("retry_stopped");
        stopped.iter().map(|event| (field(event, "function"), field(event, "attempts"))).collect()
    };
    let event = |function: &str, attempts: &str| (function.to_owned(), attempts.to_owned());
    assert!(client.outer().await.is_err());
    assert_eq!(stopped(), [event("between", "1"), event("outer", "1")]);
    assert!(client.outer().await.is_err());
    assert_eq!((stopped().len(), client.calls.get()), (2, 1), "rejected outside: no attempt");

    client.breaker.reset();
    assert!(client.outer_that_is_not_async().is_err());
    assert_eq!(stopped()[2..], [event("outer_that_is_not_async", "1")]);
    assert!(client.outer_that_is_not_async().is_err());
    assert_eq!((stopped().len(), client.calls.get()), (3, 2), "rejected outside: no attempt");
}

#[tokio::test(start_paused = true)]
async fn rejection_by_another_breaker_of_the_same_name_adds_no_probe() {
    let (both, calls) = (Namesakes::new(), Cell::new(0));
    fail(&both.outer);
    assert_eq!(both.outer.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
    both.inner.force_open();
    // Each is a probe whose slot is free again, and none adds one.
    for _ in 0..3 {
        assert!(both.outer(&calls).await.is_err());
    }
    assert_eq!(calls.get(), 3);
    let first = both.outer.acquire().expect("the only slot");
    assert!(both.outer.acquire().is_err(), "a second probe at once");
    first.succeeded();
    assert_eq!(both.outer.state(), CircuitState::Closed);
}
