//! `coalesce`: concurrent calls of one key share one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

use resilience::{Flag, Sourced, degrade, millis, secs};
use resilience_test_support::{CallError, Events};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{advance, sleep};

/// How a call ends, by its number.
type Ends = fn(u32) -> Result<u32, CallError>;

struct Callee {
    calls: AtomicU32,
    ends: Ends,
}

impl Callee {
    const fn new(ends: Ends) -> Self {
        Self { calls: AtomicU32::new(0), ends }
    }

    async fn call(&self) -> Result<u32, CallError> {
        let number = self.calls.fetch_add(1, Relaxed) + 1;
        sleep(secs(1)).await;
        (self.ends)(number)
    }

    fn calls(&self) -> u32 {
        self.calls.load(Relaxed)
    }
}

#[degrade(stale(max_age = "10m", key = sku, shared(callee), coalesce))]
async fn stock(sku: u32, callee: &Callee) -> Result<Sourced<u32>, CallError> {
    let _ = sku;
    Ok(Sourced::live(callee.call().await?))
}

/// So many concurrent calls, each with a key.
async fn concurrently(
    callee: &Arc<Callee>,
    keys: impl IntoIterator<Item = u32>,
) -> Vec<Result<Sourced<u32>, CallError>> {
    let mut calls = JoinSet::new();
    for key in keys {
        let callee = Arc::clone(callee);
        calls.spawn(async move { stock(key, &callee).await });
    }
    calls.join_all().await
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_of_a_key_share_one_call() {
    let callee = Arc::new(Callee::new(Ok));
    let answers = concurrently(&callee, [1; 100]).await;
    assert_eq!(callee.calls(), 1);
    assert!(answers.iter().all(|answer| *answer == Ok(Sourced::live(1))), "{answers:?}");
    assert_eq!(stock(1, &callee).await, Ok(Sourced::live(2)), "the next call is another");
    concurrently(&callee, [2, 3, 2, 3]).await;
    assert_eq!(callee.calls(), 4, "one for each key");
}

/// As errors can't be copied, each asks for its own.
#[tokio::test(start_paused = true)]
async fn each_caller_gets_its_own_error() {
    let callee = Arc::new(Callee::new(|_| Err(CallError::Absent)));
    let answers = concurrently(&callee, [4; 3]).await;
    assert_eq!(answers, [const { Err(CallError::Absent) }; 3]);
    assert_eq!(callee.calls(), 3, "the first one, and then the other two at once");
}

#[tokio::test(start_paused = true)]
async fn stale_value_answers_for_all_callers_of_a_failed_call() {
    let callee =
        Arc::new(Callee::new(|number| if number == 1 { Ok(7) } else { Err(CallError::Busy) }));
    stock(5, &callee).await.unwrap();
    let events = Events::capture();
    let started = tokio::time::Instant::now();
    let answers = concurrently(&callee, [5; 4]).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Sourced::stale(7, secs(1)))), "{answers:?}");
    assert_eq!((callee.calls(), started.elapsed()), (2, secs(1)));
    assert_eq!(events.named("graceful_degradation_activated").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_call_is_taken_over_by_one_that_waits() {
    let callee = Arc::new(Callee::new(Ok));
    let mut calls: Vec<_> = (0..4)
        .map(|_| {
            let callee = Arc::clone(&callee);
            tokio::spawn(async move { stock(6, &callee).await })
        })
        .collect();
    yield_now().await;
    advance(millis(500)).await;
    calls.remove(0).abort();
    yield_now().await;
    advance(millis(500)).await;
    calls.remove(0).abort();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(Sourced::live(3)));
    }
    assert_eq!(callee.calls(), 3, "each of the first two was dropped");
}

#[tokio::test(start_paused = true)]
async fn call_that_panics_is_taken_over_by_one_that_waits() {
    let callee = Arc::new(Callee::new(|number| match number {
        1 => std::panic::resume_unwind(Box::new(())),
        number => Ok(number),
    }));
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let callee = Arc::clone(&callee);
            tokio::spawn(async move { stock(7, &callee).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.map_err(|panic| panic.is_panic()));
    }
    let shared = Ok(Ok(Sourced::live(2)));
    assert_eq!(answers, [Err(true), shared.clone(), shared]);
}

/// Without a value, those that have waited make their own call, and are answered by their own
/// fallback.
#[tokio::test(start_paused = true)]
async fn fallback_answers_for_each_caller_by_itself() {
    static CALLEE: Callee = Callee::new(|_| Err(CallError::Busy));
    #[degrade(fallback = number, stale(max_age = "10m", shared(number), coalesce))]
    async fn count(number: u32) -> Result<u32, CallError> {
        let _ = number;
        CALLEE.call().await
    }
    let (one, two, three) = tokio::join!(count(1), count(2), count(3));
    assert_eq!((one, two, three), (Ok(1), Ok(2), Ok(3)));
    assert_eq!(CALLEE.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn switched_off_calls_do_not_wait() {
    static FLAG: Flag = Flag::new("coalesce");
    static CALLEE: Callee = Callee::new(Ok);
    #[degrade(flag = FLAG, fallback = 9, stale(max_age = "10m", coalesce))]
    async fn count() -> Result<u32, CallError> {
        CALLEE.call().await
    }
    let first = tokio::spawn(count());
    yield_now().await;
    FLAG.set(false);
    assert_eq!(count().await, Ok(9));
    assert_eq!(first.await.unwrap(), Ok(1), "it had begun");
}

/// A caller that finds no value any more waits for the refresh.
#[tokio::test(start_paused = true)]
async fn calls_share_a_refresh_too() {
    static CALLEE: Callee = Callee::new(Ok);
    #[degrade(stale(max_age = "1m", refresh = background, coalesce))]
    async fn count() -> Result<Sourced<u32>, CallError> {
        Ok(Sourced::live(CALLEE.call().await?))
    }
    count().await.unwrap();
    advance(millis(59_500)).await;
    assert_eq!(count().await, Ok(Sourced::stale(1, millis(59_500))));
    yield_now().await;
    advance(millis(600)).await;
    assert_eq!(count().await, Ok(Sourced::live(2)), "the value was too old by now");
    assert_eq!(CALLEE.calls(), 2);
}

/// Callers on many threads, some of which give up.
#[test]
fn callers_on_many_threads_share_calls_and_none_waits_for_ever() {
    static RUNNING: AtomicU32 = AtomicU32::new(0);
    static CALLS: AtomicU32 = AtomicU32::new(0);
    const ROUNDS: u32 = if cfg!(miri) { 20 } else { 2_000 };

    #[degrade(stale(max_age = "10m", coalesce))]
    async fn count() -> Result<u32, CallError> {
        struct Running;
        impl Drop for Running {
            fn drop(&mut self) {
                RUNNING.fetch_sub(1, SeqCst);
            }
        }
        assert_eq!(RUNNING.fetch_add(1, SeqCst), 0, "one call at a time");
        let _running = Running;
        yield_now().await;
        Ok(CALLS.fetch_add(1, Relaxed))
    }

    let threads: Vec<_> = (0..4_u32)
        .map(|thread| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for round in 0..ROUNDS {
                        let mut calls = JoinSet::new();
                        for _ in 0..3 {
                            calls.spawn(count());
                        }
                        if (round + thread) % 3 == 0 {
                            // Whoever makes the call, and whoever waits, may be among them.
                            yield_now().await;
                            calls.abort_all();
                        }
                        while let Some(answer) = calls.join_next().await {
                            assert!(
                                answer.is_ok_and(|answer| answer.is_ok())
                                    || (round + thread) % 3 == 0
                            );
                        }
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(RUNNING.load(SeqCst), 0);
    assert!(CALLS.load(Relaxed) < 4 * 3 * ROUNDS);
}
