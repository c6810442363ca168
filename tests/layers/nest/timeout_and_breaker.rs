//! A timeout and a circuit breaker on one function.

use std::pin::pin;
use std::sync::Arc;

use resilience::{circuit_breaker::CircuitState, secs};
use resilience_test_support::{Answer, CallError, poll_once};
use tokio::time::Instant;

use super::{Client, breaker, half_open};

#[tokio::test(start_paused = true)]
async fn calls_timed_out_above_the_breaker_open_it() {
    let client = Client::new(breaker().failure_threshold(10), (0..10).map(|_| Answer::Hang));
    for _ in 0..10 {
        assert_eq!(client.breaker.state(), CircuitState::Closed);
        let outcome = client.breaker_in_timeout().await;
        assert!(
            matches!(outcome, Err(CallError::Rejected(rejected)) if rejected.is_timed_out()),
            "{outcome:?}"
        );
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn calls_timed_out_below_the_breaker_open_it() {
    let client = Client::new(breaker(), (0..3).map(|_| Answer::Hang));
    let start = Instant::now();
    for _ in 0..3 {
        assert!(client.timeout_in_breaker().await.is_err());
    }
    assert_eq!((client.breaker.state(), start.elapsed()), (CircuitState::Open, secs(15)));
}

/// A probe as slow as its timeouts allow, while another call arrives every second: it isn't given
/// up before it can have timed out.
#[tokio::test(start_paused = true)]
async fn probe_lease_covers_the_timeouts_of_the_nest() {
    async fn slow_probe(client: &Client, probe: impl Future<Output = Result<u32, CallError>>) {
        half_open(client).await;
        let mut probe = pin!(probe);
        for _ in 0..85 {
            assert!(poll_once(probe.as_mut()).is_pending());
            assert!(client.alone().await.is_err(), "the slot is taken");
            assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
            tokio::time::advance(secs(1)).await;
        }
        assert!(probe.await.is_ok());
        assert_eq!(client.breaker.state(), CircuitState::Closed);
    }
    let client = Client::new(breaker(), [Answer::After(secs(85), Ok(1))]);
    slow_probe(&client, client.limited_above()).await;
    // 25 s, a wait of 5 s, 25 s, a wait of 10 s, 20 s.
    for limits in [1, 2] {
        let client =
            Client::new(breaker(), [Answer::Hang, Answer::Hang, Answer::After(secs(20), Ok(3))]);
        if limits == 1 {
            slow_probe(&client, client.limited_per_attempt()).await;
        } else {
            slow_probe(&client, client.limited_twice()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_probe_expires_under_an_unlimited_timeout() {
    let client = Arc::new(Client::new(breaker(), [Answer::Hang]));
    half_open(&client).await;
    let probing = Arc::clone(&client);
    let mut probe = Box::pin(async move { probing.without_end().await });
    assert!(poll_once(probe.as_mut()).is_pending());
    // Its permit is never dropped.
    std::mem::forget(probe);
    tokio::time::advance(secs(86_399)).await;
    assert!(client.without_end().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
    tokio::time::advance(secs(1)).await;
    assert!(client.without_end().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.without_end().await, Ok(2));
}
