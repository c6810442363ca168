//! `#[degrade]`: which errors the fallback replaces, and what it may do.

mod alert_above;
mod coalesce;
mod flag;
mod open_feature;
mod refresh;
mod sourced;
mod stale;

use resilience::{Rejected, degrade, secs, timeout};
use resilience_test_support::{CallError, Events};

fn every_error() -> Vec<CallError> {
    vec![
        CallError::Busy,
        CallError::Refused,
        CallError::Deadlock,
        CallError::CacheMiss,
        CallError::Rejected(Rejected::timed_out("callee", secs(1))),
        CallError::Rejected(Rejected::circuit_open("callee", None)),
        CallError::Absent,
        CallError::Unclassified,
        CallError::Corrupt,
    ]
}

#[tokio::test]
async fn critical_dependency_is_degraded_for_outages_only() {
    #[degrade(fallback = 0)]
    async fn call(error: &CallError) -> Result<u32, CallError> {
        Err(error.clone())
    }
    let degraded = [true, true, true, true, true, true, false, false, false];
    for (error, degraded) in every_error().into_iter().zip(degraded) {
        let expected = if degraded { Ok(0) } else { Err(error.clone()) };
        assert_eq!(call(&error).await, expected, "{error:?}");
    }
}

#[tokio::test]
async fn non_critical_dependency_is_degraded_for_all_but_fatal_errors() {
    #[degrade(non_critical, fallback = 0)]
    async fn call(error: &CallError) -> Result<u32, CallError> {
        Err(error.clone())
    }
    for error in every_error() {
        let expected = if error == CallError::Corrupt { Err(CallError::Corrupt) } else { Ok(0) };
        assert_eq!(call(&error).await, expected, "{error:?}");
    }
}

/// The errors of `every_error` that get the fallback.
async fn replaced<F: Future<Output = Result<u32, CallError>>>(
    call: impl Fn(CallError) -> F,
) -> Vec<CallError> {
    let mut replaced = Vec::new();
    for error in every_error() {
        match call(error.clone()).await {
            Ok(_) => replaced.push(error),
            Err(returned) => assert_eq!(returned, error),
        }
    }
    replaced
}

#[tokio::test]
async fn fallback_replaces_the_kinds_that_on_names() {
    #[degrade(fallback = 0, on = partial)]
    async fn partial(error: CallError) -> Result<u32, CallError> {
        Err(error)
    }
    #[degrade(fallback = 0, on = [rejected, permanent])]
    async fn rejected_or_permanent(error: CallError) -> Result<u32, CallError> {
        Err(error)
    }
    #[degrade(fallback = 0, on = [transient, permanent, partial, unclassified, rejected])]
    async fn all(error: CallError) -> Result<u32, CallError> {
        Err(error)
    }
    #[degrade(fallback = 0, on = unclassified)]
    fn not_async(error: CallError) -> Result<u32, CallError> {
        Err(error)
    }
    let timeout = CallError::Rejected(Rejected::timed_out("callee", secs(1)));
    let open = CallError::Rejected(Rejected::circuit_open("callee", None));
    assert_eq!(replaced(partial).await, [CallError::CacheMiss]);
    assert_eq!(replaced(rejected_or_permanent).await, [timeout, open, CallError::Absent]);
    assert_eq!(replaced(all).await.len(), every_error().len() - 1, "all but the fatal one");
    assert_eq!(not_async(CallError::Unclassified), Ok(0));
    assert_eq!(not_async(CallError::Busy), Err(CallError::Busy));
}

#[tokio::test(start_paused = true)]
async fn fallback_may_await_and_use_question_mark_error_and_arguments() {
    async fn cached(sku: &str, cause: &CallError) -> Result<String, CallError> {
        tokio::time::sleep(secs(1)).await;
        if sku.is_empty() {
            Err(CallError::CacheMiss)
        } else {
            Ok(format!("{sku} after {cause:?}"))
        }
    }
    #[degrade(fallback = |error| cached(sku, error).await?.to_uppercase())]
    async fn stock(sku: &str) -> Result<String, CallError> {
        Err(CallError::Busy)
    }
    let events = Events::capture();
    assert_eq!(stock("abc").await, Ok("ABC AFTER BUSY".to_owned()));
    assert_eq!(events.names(), ["graceful_degradation_activated"]);

    assert_eq!(stock("").await, Err(CallError::Busy), "the original error, not the fallback's");
    let failed = &events.named("degradation_failed")[0];
    assert_eq!(failed.field("fallback_error"), "call failed: CacheMiss");
}

#[tokio::test]
async fn fallback_is_evaluated_only_when_needed() {
    fn count(calls: &std::cell::Cell<u32>) -> u32 {
        calls.set(calls.get() + 1);
        calls.get()
    }
    #[degrade(fallback = count(calls))]
    async fn call(
        calls: &std::cell::Cell<u32>,
        outcome: Result<u32, CallError>,
    ) -> Result<u32, CallError> {
        outcome
    }
    let calls = std::cell::Cell::new(0);
    assert_eq!(call(&calls, Ok(9)).await, Ok(9));
    assert_eq!(calls.get(), 0);
    assert_eq!(call(&calls, Err(CallError::Busy)).await, Ok(1));
}

#[tokio::test]
async fn event_shows_the_fallback_expression_never_its_value() {
    #[degrade(fallback = secret(), service = "vault")]
    async fn call() -> Result<&'static str, CallError> {
        Err(CallError::Busy)
    }
    fn secret() -> &'static str {
        "hunter2"
    }
    let events = Events::capture();
    assert_eq!(call().await, Ok("hunter2"));
    let event = &events.named("graceful_degradation_activated")[0];
    assert_eq!((event.field("service"), event.field("fallback")), ("vault", "secret()"));
    assert_eq!((event.field("code"), event.field("error")), ("BUSY", "call failed: Busy"));
    assert!(event.field("error_type").ends_with("CallError"));
    assert_eq!(event.level, tracing::Level::WARN);
    assert!(!format!("{event:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn timed_out_call_is_degraded() {
    #[degrade(fallback = Vec::new())]
    #[timeout("2s")]
    async fn recommendations() -> Result<Vec<String>, CallError> {
        std::future::pending().await
    }
    assert_eq!(recommendations().await, Ok(Vec::new()));
}

/// So that a value that isn't `Send` doesn't make the future so, and a large one takes no space.
#[test]
fn outcome_is_dropped_before_the_fallback_is_awaited() {
    use std::rc::Rc;
    #[degrade(fallback = { tokio::task::yield_now().await; Rc::new(0) })]
    async fn shared() -> Result<Rc<u32>, CallError> {
        tokio::task::yield_now().await;
        Ok(Rc::new(1))
    }
    #[degrade(fallback = { tokio::task::yield_now().await; 0 })]
    async fn small() -> Result<u8, CallError> {
        tokio::task::yield_now().await;
        Ok(1)
    }
    #[degrade(fallback = { tokio::task::yield_now().await; [0; 4096] })]
    async fn large() -> Result<[u8; 4096], CallError> {
        tokio::task::yield_now().await;
        Ok([1; 4096])
    }
    fn is_send<T: Send>(_: &T) {}
    is_send(&shared());
    let (small, large) = (size_of_val(&small()), size_of_val(&large()));
    assert!(large < 2 * small, "{small} bytes around a small value, {large} around a large one");
}

/// And rustc doesn't warn about unreachable code around it.
#[tokio::test]
async fn fallback_may_return_early_or_diverge() {
    #![deny(unreachable_code)]
    #[degrade(fallback = return Ok(2))]
    async fn early() -> Result<u32, CallError> {
        Err(CallError::Busy)
    }
    #[degrade(fallback = |error| return Err(error.clone()))]
    fn early_with_an_error() -> Result<u32, CallError> {
        Err(CallError::Busy)
    }
    #[degrade(fallback = unreachable!("the call succeeds"))]
    async fn never() -> Result<u32, CallError> {
        Ok(1)
    }
    assert_eq!(
        (early().await, early_with_an_error(), never().await),
        (Ok(2), Err(CallError::Busy), Ok(1))
    );
}
