//! A retry between an outer and an inner timeout.

use std::time::Duration;

use resilience::{Rejected, millis, retry, secs, timeout};
use resilience_test_support::{Answer, CallError, Events, Script};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn outer_timeout_cuts_off_the_attempt_in_progress() {
    #[timeout("7s")]
    #[retry(idempotent, attempts = 5, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    let script = Script::new([Answer::Hang, Answer::Hang]);
    let outcome = call(&script).await;
    assert!(
        matches!(outcome, Err(CallError::Rejected(Rejected::TimedOut { after, .. })) if after == secs(7)),
        "{outcome:?}"
    );
    assert_eq!((script.calls(), start.elapsed()), (2, secs(7)));
    assert_eq!(events.named("call_timed_out").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn spinning_body_is_timed_out() {
    #[timeout("5s")]
    async fn spins() -> Result<(), CallError> {
        loop {
            tokio::task::consume_budget().await;
            tokio::time::advance(secs(1)).await;
        }
    }
    assert!(
        spins().await.is_err(),
        "using up the task's budget must not keep the timer from looking"
    );
}

#[tokio::test(start_paused = true)]
async fn time_left_is_that_of_the_nearest_deadline() {
    #[timeout("8s")]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call(left: &mut Vec<Duration>) -> Result<(), CallError> {
        tokio::time::sleep(secs(2)).await;
        left.extend(resilience::context().remaining());
        Err(CallError::Busy)
    }
    let mut left = Vec::new();
    assert!(call(&mut left).await.is_err());
    // At 2 s the attempt has 3 left; at 5 s the whole call has 3 left; a third attempt would start
    // after its end.
    assert_eq!(left, [secs(3), secs(3)]);
    assert_eq!(resilience::context().remaining(), None);
}

#[tokio::test(start_paused = true)]
async fn elapsed_time_includes_a_timed_out_first_attempt() {
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call() -> Result<u32, CallError> {
        std::future::pending().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    assert!(call().await.is_err());
    assert_eq!(start.elapsed(), secs(11));
    assert_eq!(events.named("retry_stopped")[0].field("elapsed_ms"), "11000");
}

#[tokio::test(start_paused = true)]
async fn timeout_beyond_the_end_of_the_clock_never_fires() {
    #[timeout(limit)]
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    async fn call(limit: Duration) -> Result<u32, CallError> {
        tokio::time::sleep(secs(1)).await;
        Err(CallError::Busy)
    }
    // The longest duration that can be added to the current time: the timer rounds up, which must
    // not overflow.
    let now = Instant::now().into_std();
    let (mut fits, mut too_long) = (Duration::ZERO, Duration::MAX);
    while too_long > fits + Duration::from_nanos(1) {
        let middle = fits + too_long.saturating_sub(fits) / 2;
        if now.checked_add(middle).is_some() { fits = middle } else { too_long = middle }
    }
    for limit in [secs(200 * 365 * 86_400), fits, too_long, Duration::MAX] {
        let events = Events::capture();
        assert_eq!(call(limit).await, Err(CallError::Busy));
        assert_eq!(events.named("retry_stopped")[0].field("elapsed_ms"), "3000", "{limit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn wait_that_would_miss_the_deadline_of_the_caller_is_not_started() {
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn caller(script: &Script) -> Result<u32, CallError> {
        callee(script).await
    }
    #[retry(idempotent, external_timeout, attempts = 9, base = "3s", jitter = "none")]
    async fn callee(script: &Script) -> Result<u32, CallError> {
        // Starts the clock of the timeout.
        tokio::time::sleep(millis(1)).await;
        script.call().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    let script = Script::failures(std::iter::repeat_n(CallError::Busy, 9));
    assert_eq!(caller(&script).await, Err(CallError::Busy), "the cause, and not the timeout");
    assert_eq!((script.calls(), start.elapsed()), (2, millis(3002)));
    assert!(events.named("call_timed_out").is_empty());
    let reasons: Vec<_> = events
        .named("retry_stopped")
        .iter()
        .map(|event| event.field("reason").to_owned())
        .collect();
    assert_eq!(reasons, ["deadline", "already_retried"]);
}
