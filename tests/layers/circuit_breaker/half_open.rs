//! Recovery: which calls may probe, and the outcome.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use resilience::__private::acquire;
use resilience::circuit_breaker::CircuitState::{Closed, HalfOpen, Open};
use resilience::{CircuitBreaker, Classification, Classify, Rejected};
use tokio::time::advance;

use super::{ALMOST, BUSY, Error, RECOVERY, call, due, fail, retry_after};

#[tokio::test(start_paused = true)]
async fn each_probe_outcome_leads_to_its_state() {
    let table = [
        (BUSY, Open),
        (Classification::unclassified(), Open),
        (Rejected::timed_out("inventory", RECOVERY).classify(), Open),
        // The callee answered. Were this neutral, a callee that answers only 404 would stay
        // half-open for ever.
        (Classification::permanent("NOT_FOUND"), Closed),
        (Classification::partial("CACHE_MISS"), Closed),
        (Classification::fatal("CORRUPT_STATE"), HalfOpen),
        (Rejected::circuit_open("stock", None).classify(), HalfOpen),
    ];
    for (error, state) in table {
        let breaker = CircuitBreaker::new("inventory");
        due(&breaker).await;
        let _ = call(&breaker, Err(error)).await;
        assert_eq!(breaker.state(), state, "{error:?}");
        if state == HalfOpen {
            call(&breaker, Ok(())).await.expect("the slot was given back");
            assert_eq!(breaker.state(), Closed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_or_ignored_probe_releases_its_slot() {
    let breaker = CircuitBreaker::new("inventory");
    due(&breaker).await;
    for _ in 0..100 {
        let probe = breaker.call(pending::<Result<(), Error>>());
        assert!(tokio::time::timeout(Duration::from_millis(1), probe).await.is_err());
        assert_eq!(breaker.state(), HalfOpen);
        breaker.acquire().unwrap().ignore();
        drop(breaker.acquire().unwrap());
    }
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn panicking_probe_releases_its_slot() {
    let breaker = Arc::new(CircuitBreaker::new("inventory"));
    due(&breaker).await;
    let probe = Arc::clone(&breaker);
    let task = tokio::spawn(async move {
        probe.call(async { panic!("in the body") as Result<(), Error> }).await
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(breaker.state(), HalfOpen);

    let classify = |(): &()| panic!("in `classify`");
    let permit = breaker.acquire().unwrap();
    std::panic::catch_unwind(AssertUnwindSafe(|| permit.settle(&Err::<(), ()>(()), classify)))
        .unwrap_err();
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn hanging_probe_loses_its_slot() {
    let breaker = CircuitBreaker::new("inventory");
    due(&breaker).await;
    let hung = breaker.acquire().unwrap();
    advance(ALMOST).await;
    assert_eq!(retry_after(&breaker), None, "it may yet come back");
    assert_eq!(breaker.state(), HalfOpen);
    advance(Duration::from_millis(1)).await;
    assert_eq!(retry_after(&breaker), Some(RECOVERY), "that is a failed probe");
    assert_eq!(breaker.state(), Open);
    hung.succeeded();
    assert_eq!(breaker.state(), Open, "too late");
    advance(RECOVERY).await;
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn probe_lease_is_at_least_twice_the_inner_timeout() {
    let breaker = CircuitBreaker::new("inventory");
    due(&breaker).await;
    let slow = acquire(&breaker, (), Some(Duration::from_secs(40))).unwrap();
    advance(Duration::from_millis(79_999)).await;
    assert!(acquire(&breaker, (), Some(Duration::from_secs(1))).is_err());
    assert_eq!(breaker.state(), HalfOpen, "another function's shorter timeout doesn't matter");
    slow.succeeded();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn only_a_successful_probe_renews_the_lease_of_the_others() {
    let breaker = CircuitBreaker::new("inventory").probes(3);
    due(&breaker).await;
    let [first, second, third] = [(); 3].map(|()| breaker.acquire().unwrap());
    advance(ALMOST).await;
    first.succeeded();
    advance(ALMOST).await;
    assert!(breaker.acquire().is_err());
    assert_eq!(breaker.state(), HalfOpen);
    second.ignore();
    let _fourth = breaker.acquire().expect("the slot was given back");
    advance(Duration::from_millis(1)).await;
    assert!(breaker.acquire().is_err());
    assert_eq!(breaker.state(), Open, "the third has been out for a lease since the last success");
    drop(third);
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_callers_only_the_probes_reach_the_callee() {
    for probes in [1, 3, 10] {
        let breaker = Arc::new(CircuitBreaker::new("inventory").probes(probes));
        due(&breaker).await;
        let reached = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let (breaker, reached) = (Arc::clone(&breaker), Arc::clone(&reached));
                tokio::spawn(async move {
                    let body = async {
                        reached.fetch_add(1, Relaxed);
                        pending::<Result<(), Error>>().await
                    };
                    breaker.call(body).await
                })
            })
            .collect();
        // Ends when every task waits.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(reached.load(Relaxed), probes as usize);
        for call in calls {
            call.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn breaker_closes_after_as_many_successes_as_probes() {
    let breaker = CircuitBreaker::new("inventory").probes(3);
    due(&breaker).await;
    for _ in 0..2 {
        call(&breaker, Ok(())).await.unwrap();
        assert_eq!(breaker.state(), HalfOpen);
    }
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.state(), Closed);

    let breaker = CircuitBreaker::new("inventory").probes(3);
    due(&breaker).await;
    call(&breaker, Ok(())).await.unwrap();
    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn recovery_time_grows_with_failed_probes_and_resets_on_close() {
    let breaker = CircuitBreaker::new("inventory")
        .recovery_growth(2)
        .max_recovery_timeout(Duration::from_secs(100));
    for _ in 0..2 {
        fail(&breaker, 5).await;
        for wait in [30, 60, 100, 100].map(Duration::from_secs) {
            assert_eq!(retry_after(&breaker), Some(wait));
            advance(wait).await;
            fail(&breaker, 1).await;
        }
        advance(Duration::from_secs(100)).await;
        call(&breaker, Ok(())).await.unwrap();
        assert_eq!(breaker.state(), Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn recovery_jitter_stays_within_its_percentage() {
    let mut waits = std::collections::HashSet::new();
    for _ in 0..50 {
        let breaker = CircuitBreaker::new("inventory").failure_threshold(1).recovery_jitter(10);
        fail(&breaker, 1).await;
        let wait = retry_after(&breaker).unwrap();
        assert!((30_000..=33_000).contains(&wait.as_millis()), "{wait:?}");
        waits.insert(wait);
        advance(wait).await;
        call(&breaker, Ok(())).await.unwrap();
    }
    assert!(waits.len() > 5, "{waits:?}");
}

#[test]
fn breaker_recovers_after_the_clock_was_set_back() {
    let paused = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let opened = CircuitBreaker::new("inventory");
    let half_open = CircuitBreaker::new("inventory");
    let hung = paused().block_on(async {
        advance(Duration::from_secs(86_400)).await;
        due(&half_open).await;
        fail(&opened, 5).await;
        half_open.acquire().unwrap()
    });
    // The clock of another runtime, a day earlier.
    paused().block_on(async {
        assert!(!opened.would_reject());
        call(&opened, Ok(())).await.unwrap();
        assert_eq!(opened.state(), Closed);

        assert_eq!(retry_after(&half_open), Some(RECOVERY), "the hung probe's lease is over");
        advance(RECOVERY).await;
        call(&half_open, Ok(())).await.unwrap();
        assert_eq!(half_open.state(), Closed);
    });
    drop(hung);
}

#[tokio::test(start_paused = true)]
async fn breaker_recovers_after_thirty_idle_days() {
    let month = Duration::from_secs(30 * 86_400);
    for half_open in [false, true] {
        let breaker = CircuitBreaker::new("inventory");
        due(&breaker).await;
        let hung = half_open.then(|| breaker.acquire().unwrap());
        advance(month).await;
        if half_open {
            assert_eq!(retry_after(&breaker), Some(RECOVERY));
            advance(month).await;
        }
        call(&breaker, Ok(())).await.unwrap();
        assert_eq!(breaker.state(), Closed);
        drop(hung);
    }
}
