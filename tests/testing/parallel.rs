//! Fifty tests of one annotated function, at once.

use std::thread;

use resilience::circuit_breaker::CircuitState;
use resilience::testing::{self, Recorder, Script};
use resilience::{CircuitBreaker, circuit_breaker, degrade, retry, timeout};

use crate::isolated::CallError;

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory").failure_threshold(6);

#[degrade(fallback = 0)]
#[retry(idempotent, attempts = 3, base = "1s")]
#[circuit_breaker(INVENTORY)]
#[timeout("2s")]
async fn stock(inventory: &Script<u32, CallError>) -> Result<u32, CallError> {
    inventory.call().await
}

/// Two calls that fail completely open the circuit; those before and after it would be influenced by
/// any other test. Each number has its own course.
async fn test(number: usize) {
    let log = Recorder::start();
    let outages = number % 3;
    for _ in 0..outages {
        let inventory = Script::new().fails(3);
        assert_eq!(stock(&inventory).await.unwrap(), 0);
        inventory.assert_exhausted();
        tokio::task::yield_now().await;
    }
    log.assert_retried(2 * outages);
    if outages == 2 {
        log.assert_opened("inventory");
        assert_eq!(INVENTORY.state(), CircuitState::Open);
        let inventory = Script::new().answers(7);
        assert_eq!(stock(&inventory).await.unwrap(), 0);
        inventory.assert_calls(0);
        tokio::time::sleep(resilience::secs(31)).await;
    } else {
        log.assert_not_opened("inventory");
    }
    let inventory = Script::new().fails(1).answers(7);
    if outages == 2 {
        // A failed probe.
        assert_eq!(stock(&inventory).await.unwrap(), 0);
    } else {
        assert_eq!(stock(&inventory).await.unwrap(), 7);
        assert_eq!(log.of("stock").named("retry_scheduled").len(), 2 * outages + 1);
    }
    assert_eq!(
        log.named("graceful_degradation_activated").len(),
        if outages == 2 { 4 } else { outages }
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

#[test]
fn fifty_tests_on_threads_do_not_influence_each_other() {
    thread::scope(|scope| {
        for number in 0..50 {
            scope.spawn(move || {
                let _guard = testing::isolate();
                runtime().block_on(test(number));
            });
        }
    });
}

#[test]
fn fifty_futures_on_one_thread_do_not_influence_each_other() {
    runtime().block_on(async {
        let tests: Vec<_> =
            (0..50).map(|number| tokio::spawn(testing::isolated(test(number)))).collect();
        for test in tests {
            test.await.unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_tasks_on_four_threads_do_not_influence_each_other() {
    async fn quick(number: usize) {
        let log = Recorder::start();
        let fails = number % 2;
        let inventory = Script::new().fails(fails).answers(7);
        let outcome = resilience::spawn(async move { stock(&inventory).await.unwrap() });
        assert_eq!(outcome.await.unwrap(), 7);
        log.assert_retried(fails);
    }
    let tests: Vec<_> =
        (0..50).map(|number| tokio::spawn(testing::isolated(quick(number)).no_wait())).collect();
    for test in tests {
        test.await.unwrap();
    }
}

/// What isolation prevents: the second call opens the circuit, and the third isn't made.
#[test]
fn without_isolation_the_tests_influence_each_other() {
    static SHARED: CircuitBreaker = CircuitBreaker::new("shared");

    #[retry(idempotent, attempts = 3, base = "1s", max_delay = "2s")]
    #[circuit_breaker(SHARED)]
    #[timeout("2s")]
    async fn shared(inventory: &Script<u32, CallError>) -> Result<u32, CallError> {
        inventory.call().await
    }

    let runtime = runtime();
    let calls = || {
        runtime.block_on(async {
            let inventory = Script::new().fails(1).forever();
            shared(&inventory).await.unwrap_err();
            inventory.calls()
        })
    };
    let calls: Vec<_> = (0..3).map(|_| calls()).collect();
    assert_eq!(calls, [3, 2, 0]);
}
