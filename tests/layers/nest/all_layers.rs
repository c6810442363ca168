//! All layers on one function.

use std::time::Duration;

use resilience::{circuit_breaker, circuit_breaker::CircuitState, degrade, retry, secs, timeout};
use resilience_test_support::{Answer, CallError, ELSEWHERE, Events};
use tokio::time::Instant;

use super::{Client, breaker, busy};

#[tokio::test(start_paused = true)]
async fn first_call_after_thirty_idle_days_is_immediate() {
    let client = Client::new(breaker(), [busy(), busy(), busy()]);
    assert_eq!(client.full().await, Ok(0));
    tokio::time::advance(secs(30 * 86_400)).await;
    let start = Instant::now();
    assert_eq!(client.full().await, Ok(4));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn all_layers_act_in_order_during_an_outage() {
    let answers = [Answer::Hang, busy(), busy()];
    let client = Client::new(breaker(), answers);
    let (events, start) = (Events::capture(), Instant::now());
    assert_eq!(client.full().await, Ok(0));
    assert_eq!((client.script.calls(), start.elapsed()), (3, secs(5 + 1 + 2)));
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(
        events.names(),
        [
            "call_timed_out",
            "circuit_breaker_failure",
            "retry_scheduled",
            "circuit_breaker_failure",
            "retry_scheduled",
            "circuit_breaker_failure",
            "circuit_breaker_state_change",
            "retry_stopped",
            "graceful_degradation_activated",
        ]
    );
    assert_eq!(client.full().await, Ok(0));
    assert_eq!(client.script.calls(), 3, "the open breaker saves the call");
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.full().await, Ok(4));
}

/// Even if the breaker is defined in another crate.
#[tokio::test(start_paused = true)]
async fn name_of_the_breaker_labels_the_events_of_all_layers() {
    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 2)]
    #[circuit_breaker(ELSEWHERE)]
    #[timeout("5s")]
    async fn stock() -> Result<u32, CallError> {
        std::future::pending().await
    }
    #[circuit_breaker(ELSEWHERE)]
    #[timeout("5s", service = "said otherwise")]
    async fn labelled() -> Result<u32, CallError> {
        std::future::pending().await
    }
    let events = Events::capture();
    assert_eq!(stock().await, Ok(0));
    assert_eq!(events.all().len(), 5, "{:?}", events.names());
    for event in events.all() {
        assert_eq!(event.field("service"), "elsewhere", "{event:?}");
    }
    ELSEWHERE.reset();
    let Err(CallError::Rejected(rejected)) = labelled().await else { panic!("the call hangs") };
    assert_eq!(rejected.service(), "said otherwise");
}
