//! The macros check options against copies of the runtime's values; here the two are compared.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use resilience::{CircuitBreaker, Retry, alert::AlertPolicy};

#[path = "../../resilience-macros/src/layer/defaults.rs"]
#[allow(dead_code, reason = "the values of `#[transaction]` are compared where there is sqlx")]
mod macros;

#[test]
fn retry_delays() {
    let delays = macros::RETRY;
    assert_eq!(Retry::new().base(delays.base).max_delay(delays.max_delay), Retry::new());
}

#[test]
fn failures_of_an_alert() {
    assert_eq!(macros::MAX_FREQUENT, AlertPolicy::MAX_FREQUENT);
}

#[test]
fn circuit_breaker_recovery_timeout() {
    let (shortest, longest) = macros::RECOVERY.into_inner();
    let nano = Duration::from_nanos(1);
    for setting in [CircuitBreaker::recovery_timeout, CircuitBreaker::max_recovery_timeout] {
        let accepts = |wait| accepts(|breaker| setting(breaker, wait));
        assert!(accepts(shortest) && !accepts(shortest.saturating_sub(nano)));
        assert!(accepts(longest) && !accepts(longest + nano));
    }
}

#[test]
fn circuit_breaker_probes() {
    let (fewest, most) = macros::PROBES.into_inner();
    let accepts = |calls| accepts(|breaker| breaker.probes(calls));
    assert!(accepts(fewest) && !accepts(fewest - 1));
    assert!(accepts(most) && !accepts(most + 1));
}

#[test]
fn circuit_breaker_recovery_growth() {
    let (least, most) = macros::RECOVERY_GROWTH.into_inner();
    let accepts = |factor| accepts(|breaker| breaker.recovery_growth(factor));
    assert!(accepts(least) && !accepts(least - 1));
    assert!(accepts(most) && !accepts(most + 1));
}

#[test]
fn circuit_breaker_window() {
    let accepts = |window| accepts(|breaker| breaker.failure_rate(50).window(window));
    let (fewest, most) = macros::WINDOW_CALLS.into_inner();
    assert!(accepts(fewest) && !accepts(fewest - 1));
    assert!(accepts(most) && !accepts(most + 1));
}

#[test]
fn circuit_breaker_window_of_time() {
    let accepts = |window| accepts(|breaker| breaker.failure_rate(50).window_time(window));
    let (shortest, longest) = macros::WINDOW_TIME.into_inner();
    let nano = Duration::from_nanos(1);
    assert!(accepts(shortest) && !accepts(shortest.saturating_sub(nano)));
    assert!(accepts(longest) && !accepts(longest + nano));
}

/// Whether the runtime accepts a setting; it panics otherwise.
fn accepts(set: impl FnOnce(CircuitBreaker) -> CircuitBreaker) -> bool {
    catch_unwind(AssertUnwindSafe(|| set(CircuitBreaker::new("inventory")))).is_ok()
}
