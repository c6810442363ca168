//! A circuit breaker as an attribute: what counts, and which functions may have one.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{CircuitBreaker, circuit_breaker, circuit_breaker::CircuitState, degrade, secs};
use resilience_test_support::{Answer, CallError, Events, poll_once};

use super::{Client, breaker, busy};

#[tokio::test(start_paused = true)]
async fn unclassified_errors_are_counted_and_logged_once() {
    let events = Events::capture();
    let client = Client::new(breaker(), (0..3).map(|_| Answer::Now(Err(CallError::Unclassified))));
    for _ in 0..3 {
        assert_eq!(client.alone().await, Err(CallError::Unclassified));
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(events.named("unclassified_error").len(), 1);
    assert_eq!(events.named("circuit_breaker_failure").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn permanent_partial_and_fatal_errors_do_not_open_the_breaker() {
    for error in [CallError::Absent, CallError::CacheMiss, CallError::Corrupt] {
        let client = Client::new(breaker(), (0..50).map(|_| Answer::Now(Err(error.clone()))));
        for _ in 0..50 {
            assert_eq!(client.alone().await, Err(error.clone()));
        }
        assert_eq!(client.breaker.state(), CircuitState::Closed, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_errors_count_neither_as_failure_nor_as_success() {
    // A closure without types: they come from the function.
    #[circuit_breaker(breaker, ignore = |error| error.to_string().contains("Refused"))]
    async fn ignoring(breaker: &CircuitBreaker, error: CallError) -> Result<(), CallError> {
        Err(error)
    }
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    for error in [CallError::Refused, CallError::Busy, CallError::Refused, CallError::Refused] {
        ignoring(&breaker, error).await.unwrap_err();
    }
    assert_eq!(
        (breaker.state(), breaker.metrics().consecutive_failures),
        (CircuitState::Closed, 1)
    );
    ignoring(&breaker, CallError::Busy).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn late_success_does_not_close_an_open_breaker() {
    let client = Client::new(breaker(), [Answer::After(secs(1), Ok(1)), busy(), busy(), busy()]);
    let mut late = pin!(client.alone());
    assert!(poll_once(late.as_mut()).is_pending());
    for _ in 0..3 {
        assert_eq!(client.alone().await, Err(CallError::Busy));
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(late.await, Ok(1));
    assert_eq!(client.breaker.state(), CircuitState::Open);
}

#[test]
fn breaker_works_on_a_sync_function() {
    static STORE: CircuitBreaker = CircuitBreaker::new("store").failure_threshold(2);
    static READS: AtomicU32 = AtomicU32::new(0);
    #[degrade(fallback = |error| match error { CallError::Rejected(_) => 1, _ => 2 })]
    #[circuit_breaker(STORE)]
    fn read() -> Result<u32, CallError> {
        READS.fetch_add(1, Relaxed);
        Err(CallError::Busy)
    }
    assert_eq!([read(), read(), read(), read()], [Ok(2), Ok(2), Ok(1), Ok(1)]);
    assert_eq!(READS.load(Relaxed), 2);
    assert!(resilience::registry().circuit_breaker("store").is_some());
}

#[test]
fn sync_method_with_breaker_may_return_a_mutable_borrow() {
    struct Shelf {
        breaker: Arc<CircuitBreaker>,
        counts: Vec<u32>,
    }
    impl Shelf {
        #[circuit_breaker(self.breaker)]
        fn count(&mut self, at: usize) -> Result<&mut u32, CallError> {
            self.counts.get_mut(at).ok_or(CallError::Absent)
        }
    }
    let mut shelf = Shelf { breaker: Arc::new(breaker()), counts: vec![1] };
    *shelf.count(0).expect("it is there") += 1;
    assert_eq!(shelf.count(1), Err(CallError::Absent));
    assert_eq!(shelf.counts, [2]);
}
