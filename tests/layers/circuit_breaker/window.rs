//! Failure rates and slow calls.

use std::time::Duration;

use resilience::circuit_breaker::CircuitState::{Closed, HalfOpen, Open};
use resilience::circuit_breaker::{ChangeReason, Permit, WindowCounts};
use resilience::{CircuitBreaker, Classification, millis, secs};
use resilience_test_support::Events;
use tokio::time::advance;

use super::{BUSY, RECOVERY};

fn succeed(breaker: &CircuitBreaker, times: usize) {
    (0..times).for_each(|_| breaker.acquire().unwrap().succeeded());
}

fn fail(breaker: &CircuitBreaker, times: usize) {
    (0..times).for_each(|_| breaker.acquire().unwrap().failed(&BUSY));
}

/// Calls, failures and slow calls in the window.
fn counts(breaker: &CircuitBreaker) -> (u64, u64, u64) {
    let WindowCounts { calls, failures, slow, .. } = breaker.metrics().window.unwrap();
    (calls, failures, slow)
}

/// A call that takes so long.
async fn taking<'a>(
    breaker: &'a CircuitBreaker,
    duration: Duration,
    finish: impl FnOnce(Permit<'a>),
) {
    let permit = breaker.acquire().unwrap();
    advance(duration).await;
    finish(permit);
}

#[tokio::test(start_paused = true)]
async fn opens_at_the_rate_and_not_below() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).window(100).min_calls(20);
    succeed(&breaker, 10);
    fail(&breaker, 9);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (19, 9, 0)));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), Open);
    assert_eq!(breaker.metrics().counted_failures, 10);
}

#[tokio::test(start_paused = true)]
async fn success_that_completes_the_minimum_opens_too() {
    let breaker = CircuitBreaker::new("search").failure_rate(60).min_calls(5);
    fail(&breaker, 3);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Closed);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn window_of_calls_slides_after_any_number_of_successes() {
    let breaker = CircuitBreaker::new("search").failure_rate(100).window(10);
    succeed(&breaker, 10_000);
    fail(&breaker, 9);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (10, 9, 0)));
    succeed(&breaker, 1);
    assert_eq!(counts(&breaker), (10, 9, 0));
    fail(&breaker, 9);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (10, 9, 0)));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn window_of_time_forgets_a_tenth_at_a_time() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).window_time(secs(10)).min_calls(4);
    fail(&breaker, 1);
    advance(secs(5)).await;
    fail(&breaker, 2);
    assert_eq!(counts(&breaker), (3, 3, 0));
    // The first failure is more than 9 s old, and in the tenth bucket before this one or in none.
    advance(secs(5)).await;
    assert_eq!(counts(&breaker), (2, 2, 0));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Closed);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn window_of_time_is_empty_after_a_pause() {
    let breaker = CircuitBreaker::new("search").failure_rate(1).window_time(secs(1)).min_calls(2);
    fail(&breaker, 1);
    advance(secs(86_400)).await;
    assert_eq!(counts(&breaker), (0, 0, 0));
    succeed(&breaker, 100);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (100, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_counts_as_nothing_is_not_in_the_window() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).min_calls(1);
    breaker.acquire().unwrap().failed(&Classification::permanent("NOT_FOUND"));
    breaker.acquire().unwrap().failed(&Classification::fatal("OUT_OF_MEMORY"));
    breaker.acquire().unwrap().ignore();
    drop(breaker.acquire().unwrap());
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn minimum_is_twenty_calls_or_the_window() {
    for (breaker, least) in [
        (CircuitBreaker::new("search").failure_rate(50), 20),
        (CircuitBreaker::new("search").failure_rate(50).window(7), 7),
        (CircuitBreaker::new("search").failure_rate(50).window_time(secs(1)), 20),
    ] {
        fail(&breaker, least - 1);
        assert_eq!(breaker.state(), Closed, "{least}");
        fail(&breaker, 1);
        assert_eq!(breaker.state(), Open, "{least}");
    }
}

#[tokio::test(start_paused = true)]
async fn rate_of_all_probes_decides() {
    for (failures, expected) in [(1, Closed), (2, Open)] {
        let breaker = CircuitBreaker::new("search").failure_rate(50).min_calls(1).probes(4);
        fail(&breaker, 1);
        advance(RECOVERY).await;
        fail(&breaker, failures);
        succeed(&breaker, 3 - failures);
        assert_eq!(breaker.state(), HalfOpen);
        // An answer ends a probe as well.
        breaker.acquire().unwrap().failed(&Classification::permanent("NOT_FOUND"));
        assert_eq!(breaker.state(), expected);
        if expected == Closed {
            assert_eq!(counts(&breaker), (0, 0, 0), "the probes aren't in the new window");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_probe_gives_its_slot_back() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).min_calls(1);
    fail(&breaker, 1);
    advance(RECOVERY).await;
    drop(breaker.acquire().unwrap());
    breaker.acquire().unwrap().ignore();
    assert_eq!(breaker.state(), HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn hung_probe_is_lost_after_its_lease() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).min_calls(1);
    fail(&breaker, 1);
    advance(RECOVERY).await;
    let hung = breaker.acquire().unwrap();
    advance(RECOVERY).await;
    assert!(breaker.acquire().is_err());
    assert_eq!(breaker.state(), Open);
    hung.succeeded();
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn late_results_do_not_enter_a_new_window() {
    for breaker in [
        CircuitBreaker::new("search").failure_rate(50).min_calls(1),
        CircuitBreaker::new("search").failure_rate(50).min_calls(1).window_time(secs(60)),
    ] {
        let late = [1, 2].map(|_| breaker.acquire().unwrap());
        fail(&breaker, 1);
        breaker.reset();
        let [failed, succeeded] = late;
        failed.failed(&BUSY);
        succeeded.succeeded();
        assert_eq!((breaker.state(), counts(&breaker)), (Closed, (0, 0, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn forced_closed_counts_and_stays_closed() {
    let breaker =
        CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(1), 50).min_calls(1);
    breaker.force_closed();
    fail(&breaker, 3);
    taking(&breaker, secs(2), Permit::succeeded).await;
    assert_eq!(counts(&breaker), (4, 3, 1));
    breaker.disable();
    fail(&breaker, 3);
    breaker.reset();
    assert_eq!(counts(&breaker), (0, 0, 0));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn slow_is_strictly_longer() {
    let breaker =
        CircuitBreaker::new("search").failure_rate(100).slow_calls(secs(2), 50).min_calls(4);
    taking(&breaker, secs(2), Permit::succeeded).await;
    taking(&breaker, secs(2), Permit::succeeded).await;
    taking(&breaker, millis(2_001), Permit::succeeded).await;
    assert_eq!(counts(&breaker), (3, 0, 1));
    taking(&breaker, millis(2_001), |permit| permit.failed(&BUSY)).await;
    assert_eq!(breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn slow_probe_reopens() {
    let breaker =
        CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 80).min_calls(1);
    taking(&breaker, secs(3), Permit::succeeded).await;
    assert_eq!(breaker.state(), Open);
    advance(RECOVERY).await;
    taking(&breaker, secs(3), Permit::succeeded).await;
    assert_eq!(breaker.state(), Open);
    advance(RECOVERY).await;
    taking(&breaker, secs(2), Permit::succeeded).await;
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn call_dropped_after_the_limit_was_slow() {
    let breaker =
        CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 80).min_calls(10);
    taking(&breaker, secs(2), drop).await;
    assert_eq!(counts(&breaker), (0, 0, 0));
    taking(&breaker, secs(3), drop).await;
    assert_eq!(counts(&breaker), (1, 0, 1));
    taking(&breaker, secs(3), Permit::ignore).await;
    assert_eq!(counts(&breaker), (1, 0, 1), "what the caller ignores says nothing");
    let call = breaker.call(std::future::pending::<Result<(), resilience::Rejected>>());
    tokio::time::timeout(secs(3), call).await.unwrap_err();
    assert_eq!(counts(&breaker), (2, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn abandoned_call_is_a_failure_and_slow() {
    let breaker = CircuitBreaker::new("search")
        .failure_rate(50)
        .slow_calls(secs(2), 80)
        .min_calls(10)
        .abandoned_after(secs(1));
    for wait in [millis(1_500), secs(3)] {
        let call = breaker.call(std::future::pending::<Result<(), resilience::Rejected>>());
        tokio::time::timeout(wait, call).await.unwrap_err();
    }
    assert_eq!(counts(&breaker), (2, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn hanging_calls_are_noticed_before_they_end() {
    let watching = |breaker: CircuitBreaker| breaker.slow_calls(secs(2), 80).slow_while_running();
    for breaker in [
        watching(CircuitBreaker::new("search").failure_rate(50).window(20)),
        watching(CircuitBreaker::new("search").failure_rate(50).window_time(secs(10))),
    ] {
        let hanging: Vec<_> = (0..20).map(|_| breaker.acquire().unwrap()).collect();
        advance(secs(2)).await;
        let on_time = breaker.acquire().unwrap();
        assert_eq!(breaker.state(), Closed);
        advance(millis(500)).await;
        assert!(breaker.acquire().unwrap_err().is_circuit_open());
        assert_eq!(breaker.state(), Open);
        // What hung belongs to the generation that is over.
        on_time.succeeded();
        drop(hanging);
        breaker.reset();
        succeed(&breaker, 20);
        advance(secs(60)).await;
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_have_ended_are_not_running() {
    let breaker = CircuitBreaker::new("search")
        .failure_rate(50)
        .window(20)
        .slow_calls(secs(2), 80)
        .slow_while_running();
    for round in 0..100 {
        let calls: Vec<_> = (0..20).map(|_| breaker.acquire().unwrap()).collect();
        advance(secs(1)).await;
        for (number, permit) in calls.into_iter().enumerate() {
            match number % 3 {
                0 => permit.succeeded(),
                1 => permit.ignore(),
                _ => drop(permit),
            }
        }
        advance(secs(round)).await;
    }
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn running_calls_displace_the_oldest_of_a_full_window() {
    let breaker = CircuitBreaker::new("search")
        .failure_rate(50)
        .window(100)
        .slow_calls(secs(2), 80)
        .slow_while_running();
    succeed(&breaker, 10_000);
    let hanging: Vec<_> = (0..79).map(|_| breaker.acquire().unwrap()).collect();
    advance(secs(3)).await;
    let next = breaker.acquire().unwrap();
    advance(secs(3)).await;
    assert!(breaker.acquire().is_err());
    drop((hanging, next));
}

#[tokio::test(start_paused = true)]
async fn events_metrics_and_listeners_have_the_counts() {
    let events = Events::capture();
    let breaker =
        CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 60).min_calls(3);
    let changes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&changes);
    breaker.on_state_change(move |change| heard.lock().unwrap().push(*change));
    succeed(&breaker, 1);
    taking(&breaker, secs(3), Permit::succeeded).await;
    taking(&breaker, secs(3), |permit| permit.failed(&BUSY)).await;
    let expected = [
        r#"DEBUG circuit_breaker_failure service="search" dependency="search" code="BUSY" window_calls=3 window_failures=1"#,
        r#"WARN circuit_breaker_state_change service="search" dependency="search" old_state="closed" new_state="open" reason="slow_call_rate" window_calls=3 window_failures=1 window_slow_calls=2"#,
    ];
    let lines: Vec<String> = events.all().into_iter().map(|event| event.line).collect();
    assert_eq!(lines, expected);
    let change = changes.lock().unwrap()[0];
    assert_eq!(change.reason, ChangeReason::SlowCallRate);
    let rates = change.window.map(|window| (window.failure_rate(), window.slow_rate()));
    assert_eq!(rates, Some((100.0 / 3.0, 200.0 / 3.0)));
    assert_eq!(counts(&breaker), (0, 0, 0), "the window belongs to the closed circuit");
    let debug = format!("{breaker:?}");
    assert!(debug.contains("failure_rate: 50") && debug.contains("window: Some"), "{debug}");
}

#[test]
fn many_threads_leave_exact_counts() {
    let breaker = CircuitBreaker::new("search").failure_rate(100).window(1_000).min_calls(1_000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let breaker = &breaker;
            scope.spawn(move || {
                for call in 0..20_000 {
                    let permit = breaker.acquire().unwrap();
                    if (call + thread) % 3 == 0 { permit.failed(&BUSY) } else { permit.succeeded() }
                }
            });
        }
    });
    assert_eq!(counts(&breaker).0, 1_000);
    succeed(&breaker, 1_000);
    assert_eq!(counts(&breaker), (1_000, 0, 0));
}

#[test]
fn many_threads_leave_exact_counts_over_time() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).window_time(secs(3_600));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for call in 1..=20_000 {
                    let permit = breaker.acquire().unwrap();
                    if call % 100 == 0 { permit.failed(&BUSY) } else { permit.succeeded() }
                }
            });
        }
    });
    assert_eq!(counts(&breaker), (80_000, 800, 0));
}

#[tokio::test(start_paused = true)]
async fn success_opens_when_earlier_ones_have_left_the_window_of_time() {
    let breaker =
        CircuitBreaker::new("search").failure_rate(50).window_time(secs(10)).min_calls(20);
    succeed(&breaker, 100);
    advance(secs(5)).await;
    succeed(&breaker, 8);
    fail(&breaker, 11);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (119, 11, 0)));
    advance(secs(5)).await;
    assert_eq!(counts(&breaker), (19, 11, 0));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), Open, "the twentieth call");
}

#[tokio::test(start_paused = true)]
async fn success_in_a_judged_bucket_is_counted() {
    let breaker = CircuitBreaker::new("search").failure_rate(50).window_time(secs(10)).min_calls(2);
    succeed(&breaker, 50);
    assert_eq!(counts(&breaker), (50, 0, 0));
    fail(&breaker, 49);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (99, 49, 0)));
    succeed(&breaker, 3);
    fail(&breaker, 3);
    assert_eq!((breaker.state(), counts(&breaker)), (Closed, (105, 52, 0)));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), Open);
}

#[test]
#[should_panic(expected = "either `failure_threshold` or `failure_rate` opens the circuit")]
fn threshold_contradicts_a_rate() {
    let _ = CircuitBreaker::new("search").failure_rate(50).failure_threshold(5);
}

#[test]
#[should_panic(expected = "`min_calls` must not be larger than `window`")]
fn minimum_must_fit_into_the_window() {
    let _ = CircuitBreaker::new("search").failure_rate(50).min_calls(50).window(49);
}

#[test]
#[should_panic(expected = "`slow_calls` needs a rate; call `failure_rate` first")]
fn slow_calls_need_a_rate() {
    let _ = CircuitBreaker::new("search").slow_calls(secs(1), 50);
}
