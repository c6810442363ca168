//! A closed breaker: what counts, and what doesn't.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use resilience::__private::circuit_breaker::fire;
use resilience::__private::{Deadline, acquire};
use resilience::circuit_breaker::CircuitState::{Closed, HalfOpen, Open};
use resilience::{CircuitBreaker, Classification, Classify, Rejected, circuit_breaker::Permit};
use tokio::time::advance;

use super::{BUSY, Error, RECOVERY, call, due, fail, retry_after};

#[tokio::test(start_paused = true)]
async fn breaker_goes_from_closed_to_open_to_half_open_and_back() {
    let breaker = CircuitBreaker::new("inventory");
    fail(&breaker, 4).await;
    assert_eq!(breaker.state(), Closed);
    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), Open);

    advance(RECOVERY.mul_f64(0.5)).await;
    assert_eq!(retry_after(&breaker), Some(Duration::from_secs(15)));
    advance(Duration::from_millis(14_999)).await;
    assert_eq!(retry_after(&breaker), Some(Duration::from_millis(1)));
    assert!(breaker.would_reject());
    advance(Duration::from_millis(1)).await;
    assert!(!breaker.would_reject());

    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), Open, "the first failed probe opens it again");
    assert_eq!(retry_after(&breaker), Some(RECOVERY));
    advance(RECOVERY).await;
    assert_eq!(call(&breaker, Ok(())).await, Ok(()));
    assert_eq!(breaker.state(), Closed);
    fail(&breaker, 4).await;
    assert_eq!(breaker.state(), Closed, "closing forgets the failures");
}

#[tokio::test(start_paused = true)]
async fn open_circuit_does_not_reach_the_callee() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    fail(&breaker, 1).await;
    let reached = AtomicUsize::new(0);
    let outcome = breaker.call(async {
        reached.fetch_add(1, Relaxed);
        Ok::<_, Error>(())
    });
    assert_eq!(
        outcome.await,
        Err(Error::Rejected(Rejected::circuit_open("inventory", Some(RECOVERY))))
    );
    assert_eq!(reached.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn success_resets_consecutive_failures() {
    let breaker = CircuitBreaker::new("inventory");
    for _ in 0..10 {
        fail(&breaker, 4).await;
        call(&breaker, Ok(())).await.unwrap();
    }
    assert_eq!(breaker.state(), Closed);
    assert_eq!(breaker.metrics().consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn closed_breaker_counts_transient_and_unclassified_failures_only() {
    let timed_out = Rejected::timed_out("inventory", RECOVERY).classify();
    let open_below = Rejected::circuit_open("stock", None).classify();
    let table = [
        (BUSY, true),
        (Classification::unclassified(), true),
        (timed_out, true),
        (
            Classification::permanent("GAVE_UP")
                .with_rejected(Rejected::timed_out("inventory", RECOVERY)),
            true,
        ),
        (Classification::permanent("NOT_FOUND"), false),
        (Classification::partial("CACHE_MISS"), false),
        (Classification::fatal("CORRUPT_STATE"), false),
        (open_below, false),
    ];
    for (error, counts) in table {
        let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
        fail(&breaker, 1).await;
        let _ = call(&breaker, Err(error)).await;
        assert_eq!(breaker.state() == Open, counts, "{error:?}");
        let before = u64::from(!counts);
        assert_eq!(
            breaker.metrics().consecutive_failures,
            before,
            "what isn't a failure isn't a success: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn late_result_from_an_earlier_state_is_not_counted() {
    let breaker = CircuitBreaker::new("inventory");
    let permits = [(); 4].map(|()| breaker.acquire().unwrap());
    let [success, failure, in_half_open, in_closed] = permits;
    due(&breaker).await;
    success.succeeded();
    failure.failed(&BUSY);
    assert_eq!((breaker.state(), breaker.metrics().counted_failures), (Open, 5));
    let probe = breaker.acquire().unwrap();
    in_half_open.failed(&BUSY);
    assert_eq!(breaker.state(), HalfOpen);
    probe.succeeded();
    in_closed.failed(&BUSY);
    assert_eq!(breaker.metrics().consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_timed_out_by_an_outer_timeout_open_the_breaker() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(10);
    for hang in 0..10 {
        assert_eq!(breaker.state(), Closed, "after {hang}");
        let deadline = Deadline::new(Duration::from_secs(5));
        let permit = acquire(&breaker, &deadline, None).unwrap();
        // A timeout marks its deadline before it drops the body.
        fire(&deadline);
        drop(permit);
    }
    assert_eq!(breaker.state(), Open);

    advance(RECOVERY).await;
    let deadline = Deadline::new(Duration::from_secs(5));
    let total = Deadline::under(Duration::from_secs(5), &deadline);
    let permit = acquire(&breaker, &total, None).unwrap();
    fire(&deadline);
    drop(permit);
    assert_eq!(breaker.state(), Open, "a probe that hangs under the outer of two is one as well");
}

#[tokio::test(start_paused = true)]
async fn call_dropped_before_its_timeout_is_not_counted() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    let deadline = Deadline::new(Duration::from_secs(5));
    drop(acquire(&breaker, &deadline, None).unwrap());
    let settled = acquire(&breaker, &deadline, None).unwrap();
    fire(&deadline);
    settled.succeeded();
    assert_eq!(breaker.metrics().counted_failures, 0);
}

#[test]
fn permit_and_call_future_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let breaker = CircuitBreaker::new("inventory");
    // Even with a result that isn't: it isn't held across an await.
    drop(is_send(breaker.call(pending::<Result<std::rc::Rc<()>, Error>>())));
    is_send(breaker.acquire().unwrap()).succeeded();
    assert!(size_of::<Permit<'_>>() <= 24);
}
