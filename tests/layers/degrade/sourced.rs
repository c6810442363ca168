//! `Sourced<T>`: the caller learns where the value comes from.

use resilience::degrade::Source;
use resilience::{Classification, Sourced, degrade, secs, timeout};
use resilience_test_support::CallError;

#[derive(Debug, Clone, PartialEq)]
struct Stock {
    left: u32,
}

fn cause<T>(sourced: &Sourced<T>) -> &'static str {
    match sourced.source() {
        Source::Fallback { cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn caller_learns_whether_the_value_is_live_or_the_fallback_and_why() {
    #[degrade(fallback = Stock { left: 1 })]
    #[timeout("2s")]
    async fn stock(outcome: Option<Result<u32, CallError>>) -> Result<Sourced<Stock>, CallError> {
        match outcome {
            Some(outcome) => Ok(Sourced::live(Stock { left: outcome? })),
            None => std::future::pending().await,
        }
    }
    let live = stock(Some(Ok(7))).await.unwrap();
    assert!(live.is_live());
    assert_eq!(live.left, 7);

    let fallback = stock(Some(Err(CallError::Busy))).await.unwrap();
    assert_eq!(fallback, Sourced::fallback(Stock { left: 1 }, "BUSY"));
    let fallback = stock(None).await.unwrap();
    assert_eq!((fallback.left, cause(&fallback)), (1, "NETWORK_TIMEOUT"));
    assert_eq!(stock(Some(Err(CallError::Absent))).await, Err(CallError::Absent));
}

#[tokio::test]
async fn fallback_is_a_plain_value_under_any_alias_and_in_generic_functions() {
    type Guess<T> = Sourced<T>;
    type Answer<T> = Result<Sourced<T>, CallError>;
    type Plain = Stock;

    #[degrade(fallback = 1)]
    async fn alias_of_the_value() -> Result<Guess<u8>, CallError> {
        Err(CallError::Busy)
    }
    #[degrade(fallback = 2)]
    fn alias_of_the_result() -> Answer<u8> {
        Err(CallError::Busy)
    }
    #[degrade(fallback = T::default())]
    async fn generic<T: Default>() -> Result<Sourced<T>, CallError> {
        Err(CallError::Busy)
    }
    // Its type is known to the compiler alone.
    #[degrade(fallback = Plain { left: 3 })]
    async fn not_sourced() -> Result<Plain, CallError> {
        Err(CallError::Busy)
    }
    #[degrade(fallback = T::default())]
    async fn generic_and_not_sourced<T: Default>() -> Result<T, CallError> {
        Err(CallError::Busy)
    }
    assert_eq!(alias_of_the_value().await.unwrap().into_inner(), 1);
    assert_eq!(alias_of_the_result().unwrap().into_inner(), 2);
    assert_eq!(generic::<String>().await, Ok(Sourced::fallback(String::new(), "BUSY")));
    assert_eq!(not_sourced().await, Ok(Stock { left: 3 }));
    assert_eq!(generic_and_not_sourced::<u8>().await, Ok(0));
}

/// It isn't `Sync`, and the future is `Send` all the same.
#[tokio::test]
async fn fallback_of_a_sourced_value_may_await_and_fail() {
    use std::cell::Cell;

    async fn cached(cause: &CallError) -> Result<Cell<u32>, CallError> {
        tokio::task::yield_now().await;
        if *cause == CallError::Busy { Ok(Cell::new(4)) } else { Err(CallError::CacheMiss) }
    }
    #[degrade(fallback = |error| cached(error).await?)]
    async fn count(error: CallError) -> Result<Sourced<Cell<u32>>, CallError> {
        tokio::task::yield_now().await;
        Err(error)
    }
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    assert_eq!(is_send(count(CallError::Busy)).await.unwrap().get(), 4);
    assert_eq!(count(CallError::Refused).await, Err(CallError::Refused));
}

#[tokio::test]
async fn cause_is_the_code_that_classify_gives() {
    #[derive(Debug)]
    struct Foreign;
    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("foreign")
        }
    }
    #[degrade(fallback = Stock { left: 0 }, classify = |_| Classification::transient("FOREIGN"))]
    async fn stock() -> Result<Sourced<Stock>, Foreign> {
        Err(Foreign)
    }
    assert_eq!(cause(&stock().await.unwrap()), "FOREIGN");
}

#[test]
fn value_is_reached_through_its_source() {
    let sourced = Sourced::stale("abc".to_owned(), secs(3));
    assert_eq!((sourced.len(), sourced.as_ref().into_inner().as_str()), (3, "abc"));
    assert_eq!(sourced.map(|text| text.len()), Sourced::stale(3, secs(3)));

    let all = [Sourced::live(0), Sourced::stale(0, secs(1)), Sourced::fallback(0, "BUSY")]
        .map(|sourced| sourced.source());
    assert_eq!(all.map(Source::as_str), ["live", "cache", "default"]);
    assert_eq!(all.map(Source::is_stale), [false, true, true]);
}
