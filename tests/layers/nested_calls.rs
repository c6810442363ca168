//! Annotated functions that call annotated functions: deadlines, causes and repeated retries.

use std::fmt;

use resilience::{
    Rejected, Retry, ServiceError, Timeout, circuit_breaker, context, degrade, millis, retry,
    retry::Jitter, secs, timeout,
};
use resilience_test_support::{Answer, CallError, Events, Script};
use tokio::time::{Instant, sleep};

/// Retries after 1, 2, 4 … seconds.
#[retry(idempotent, external_timeout, attempts = 10, base = "1s", jitter = "none")]
async fn inner(script: &Script) -> Result<u32, CallError> {
    script.call().await
}

fn busy() -> Script {
    Script::failures(std::iter::repeat_n(CallError::Busy, 40))
}

#[tokio::test(start_paused = true)]
async fn wait_that_would_end_after_the_callers_timeout_is_not_begun() {
    #[timeout("5s")]
    async fn timeout_only(script: &Script) -> Result<u32, CallError> {
        sleep(millis(1)).await;
        inner(script).await
    }
    #[timeout("5s")]
    #[circuit_breaker(failure_threshold = 100)]
    async fn above_a_breaker(script: &Script) -> Result<u32, CallError> {
        inner(script).await
    }
    #[circuit_breaker(failure_threshold = 100)]
    #[timeout("5s")]
    async fn below_a_breaker(script: &Script) -> Result<u32, CallError> {
        inner(script).await
    }
    #[retry(idempotent)]
    #[timeout("5s")]
    async fn below_a_retry(script: &Script) -> Result<u32, CallError> {
        inner(script).await
    }
    #[timeout("5s")]
    #[retry(idempotent)]
    async fn above_a_retry(script: &Script) -> Result<u32, CallError> {
        inner(script).await
    }
    #[timeout("5s")]
    #[degrade(fallback = 0)]
    async fn above_a_fallback(script: &Script) -> Result<u32, CallError> {
        inner(script).await?;
        Ok(1)
    }
    async fn by_hand(script: &Script) -> Result<u32, CallError> {
        Timeout::new("by_hand", secs(5)).run(inner(script)).await
    }
    #[timeout("5s")]
    async fn two_levels(script: &Script) -> Result<u32, CallError> {
        async fn between(script: &Script) -> Result<u32, CallError> {
            #[timeout("1h")]
            async fn longer(script: &Script) -> Result<u32, CallError> {
                inner(script).await
            }
            longer(script).await
        }
        between(script).await
    }
    macro_rules! each {
        ($($call:ident -> $outcome:expr),* $(,)?) => {$(
            let (events, script, start) = (Events::capture(), busy(), Instant::now());
            assert_eq!($call(&script).await, $outcome, "{}", stringify!($call));
            // After 1 and 2 seconds, another 4 would end too late.
            assert_eq!(script.calls(), 3, "{}", stringify!($call));
            assert!(start.elapsed() < secs(4), "{}", stringify!($call));
            assert_eq!(events.named("retry_stopped")[0].field("reason"), "deadline");
        )*};
    }
    let busy = Err(CallError::Busy);
    each! {
        timeout_only -> busy,
        above_a_breaker -> busy,
        below_a_breaker -> busy,
        below_a_retry -> busy,
        above_a_retry -> busy,
        above_a_fallback -> Ok(0),
        by_hand -> busy,
        two_levels -> busy,
    }
}

#[tokio::test(start_paused = true)]
async fn remaining_time_is_that_of_the_earliest_caller() {
    #[timeout("5s")]
    async fn outer() -> Result<(), CallError> {
        sleep(secs(2)).await;
        longer().await?;
        shorter().await
    }
    #[timeout("1h")]
    async fn longer() -> Result<(), CallError> {
        assert_eq!(context().remaining(), Some(secs(3)));
        Ok(())
    }
    #[timeout("1s")]
    async fn shorter() -> Result<(), CallError> {
        assert_eq!(context().remaining(), Some(secs(1)));
        Ok(())
    }
    outer().await.unwrap();
    assert_eq!(context().remaining(), None);
}

#[tokio::test(start_paused = true)]
async fn timeout_says_what_failed_last_inside() {
    #[retry(idempotent, external_timeout, base = "1s", jitter = "none")]
    async fn stock(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    #[timeout("5s")]
    async fn checkout(script: &Script) -> Result<u32, CallError> {
        stock(script).await
    }
    #[timeout("5s")]
    #[retry(idempotent, base = "1s", jitter = "none")]
    async fn in_one_nest(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    #[timeout("3s")]
    async fn two_replicas(script: &Script) -> Result<u32, CallError> {
        #[timeout("2s")]
        async fn replica(script: &Script) -> Result<u32, CallError> {
            script.call().await
        }
        match replica(script).await {
            Ok(value) => Ok(value),
            Err(_) => replica(script).await,
        }
    }
    #[timeout("5s")]
    async fn asks_twice(script: &Script) -> Result<u32, CallError> {
        let _ = stock(script).await;
        stock(script).await
    }
    fn text(outcome: Result<u32, CallError>) -> String {
        match outcome {
            Err(CallError::Rejected(rejected)) => rejected.to_string(),
            other => panic!("{other:?}"),
        }
    }
    let events = Events::capture();
    let busy_then_hangs = || Script::new([Answer::Now(Err(CallError::Busy)), Answer::Hang]);
    assert_eq!(
        text(checkout(&busy_then_hangs()).await),
        "checkout timed out after 5s; the last failure was BUSY of stock"
    );
    assert_eq!(events.named("call_timed_out")[0].field("last_failure"), "BUSY of stock");
    assert_eq!(
        text(in_one_nest(&busy_then_hangs()).await),
        "in_one_nest timed out after 5s; the last failure was BUSY of in_one_nest"
    );
    assert_eq!(
        text(two_replicas(&Script::new([Answer::Hang, Answer::Hang])).await),
        "two_replicas timed out after 3s; the last failure was NETWORK_TIMEOUT of replica"
    );
    // What was permanent isn't why the call took long.
    let absent_then_hangs = Script::new([Answer::Now(Err(CallError::Absent)), Answer::Hang]);
    assert_eq!(text(asks_twice(&absent_then_hangs).await), "asks_twice timed out after 5s");
    let outcome = checkout(&Script::new([Answer::Hang])).await;
    assert_eq!(outcome, Err(Rejected::timed_out("checkout", secs(5)).into()));
    let outcome = checkout(&busy_then_hangs()).await;
    assert_eq!(outcome, Err(Rejected::timed_out("checkout", secs(5)).into()), "they are equal");
}

#[retry(idempotent, external_timeout, attempts = 3)]
async fn three(script: &Script) -> Result<u32, CallError> {
    script.call().await
}

#[tokio::test(start_paused = true)]
async fn inner_retry_that_gave_up_is_not_started_again() {
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn outer(script: &Script) -> Result<u32, CallError> {
        middle(script).await
    }
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn middle(script: &Script) -> Result<u32, CallError> {
        three(script).await
    }
    let (events, script) = (Events::capture(), busy());
    assert_eq!(outer(&script).await, Err(CallError::Busy));
    assert_eq!(script.calls(), 3);
    let stopped: Vec<_> = events
        .named("retry_stopped")
        .iter()
        .map(|event| format!("{} {}", event.field("function"), event.field("reason")))
        .collect();
    assert_eq!(
        stopped,
        ["three attempts_exhausted", "middle already_retried", "outer already_retried"]
    );
}

#[tokio::test(start_paused = true)]
async fn inner_retry_is_started_again_if_asked() {
    const TWICE: Retry = Retry::new().attempts(2).jitter(Jitter::None).idempotent().repeat_inner();
    #[retry(TWICE, external_timeout)]
    async fn by_policy(script: &Script) -> Result<u32, CallError> {
        three(script).await
    }
    #[retry(idempotent, repeat_inner, external_timeout, attempts = 2)]
    async fn by_option(script: &Script) -> Result<u32, CallError> {
        three(script).await
    }
    #[retry(idempotent, repeat_inner, external_timeout, attempts = 2, base = base)]
    async fn at_run_time(base: std::time::Duration, script: &Script) -> Result<u32, CallError> {
        three(script).await
    }
    let base = secs(1);
    for which in 0..3 {
        let script = busy();
        let outcome = match which {
            0 => by_policy(&script).await,
            1 => by_option(&script).await,
            _ => at_run_time(base, &script).await,
        };
        assert_eq!((outcome, script.calls()), (Err(CallError::Busy), 6));
    }
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum CheckoutError {
    #[error("the stock isn't known")]
    #[service(transient)]
    Stock(#[source] StockError),
    #[error("the payment failed")]
    #[service(transient)]
    Payment,
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error("busy")]
    #[service(unavailable)]
    Busy,
}

#[tokio::test(start_paused = true)]
async fn wrapped_error_of_an_inner_retry_is_recognised() {
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn stock(script: &Script) -> Result<u32, StockError> {
        script.call().await.map_err(|_| StockError::Busy)
    }
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn checkout(script: &Script) -> Result<u32, CheckoutError> {
        stock(script).await.map_err(CheckoutError::Stock)
    }
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn pay(script: &Script) -> Result<u32, CheckoutError> {
        let _ = stock(script).await;
        Err(CheckoutError::Payment)
    }
    let script = busy();
    let error = checkout(&script).await.unwrap_err();
    assert!(matches!(error, CheckoutError::Stock(_)), "{error:?}");
    assert_eq!(script.calls(), 3);

    // Another error than the one that was retried.
    let script = busy();
    pay(&script).await.unwrap_err();
    assert_eq!(script.calls(), 9);
}

#[tokio::test(start_paused = true)]
async fn failure_that_was_not_retried_inside_is_repeated() {
    #[retry(idempotent, external_timeout, attempts = 1)]
    async fn once(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    #[degrade(fallback = 0)]
    #[retry(idempotent, external_timeout, attempts = 2)]
    async fn degraded(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn of_one_attempt(script: &Script) -> Result<u32, CallError> {
        once(script).await
    }
    #[retry(idempotent, external_timeout, attempts = 3)]
    async fn after_a_fallback(script: &Script) -> Result<u32, CallError> {
        assert_eq!(degraded(script).await, Ok(0));
        script.call().await
    }
    let script = busy();
    of_one_attempt(&script).await.unwrap_err();
    assert_eq!(script.calls(), 3);
    let script = busy();
    after_a_fallback(&script).await.unwrap_err();
    assert_eq!(script.calls(), 9);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_call_inherit_its_deadline() {
    #[timeout("5s")]
    async fn outer(script: std::sync::Arc<Script>) -> Result<u32, CallError> {
        sleep(secs(2)).await;
        resilience::spawn(async move { inner(&script).await }).await.unwrap()
    }
    let script = std::sync::Arc::new(busy());
    assert_eq!(outer(std::sync::Arc::clone(&script)).await, Err(CallError::Busy));
    assert_eq!(script.gaps(), [secs(1)], "another 2 seconds would end too late");
}

/// The futures can be sent to another thread.
#[test]
fn nested_calls_are_send() {
    fn is_send(_: impl Send + fmt::Debug) {}
    fn is_future(_: impl Future + Send) {}
    static SCRIPT: std::sync::LazyLock<Script> = std::sync::LazyLock::new(busy);
    #[timeout("5s")]
    async fn outer() -> Result<u32, CallError> {
        inner(&SCRIPT).await
    }
    is_future(outer());
    is_send(Rejected::timed_out("checkout", secs(5)));
}
