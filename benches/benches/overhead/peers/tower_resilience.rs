//! tower-resilience: tower layers, one box per layer and call.

use std::time::Duration;

use tower::{Layer, service_fn};
use tower_resilience::circuitbreaker::{
    CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier,
};
use tower_resilience::fallback::FallbackLayer;
use tower_resilience::retry::RetryLayer;
use tower_resilience::timelimiter::{FixedTimeout, TimeLimiterError, TimeLimiterLayer};

use super::{A_DAY, BASE, LIMIT, RECOVERY};
use crate::body::{CallError, Large, large, small};
use crate::harness::{Case, Contender};

/// What comes out of timeout and breaker.
type Nested = CircuitBreakerError<TimeLimiterError<CallError>>;

fn retry<T, E>() -> RetryLayer<u64, T, E> {
    RetryLayer::builder().max_attempts(3).exponential_backoff(BASE).build()
}

fn breaker(recovery: Duration) -> CircuitBreakerLayer<DefaultClassifier> {
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(5)
        .wait_duration_in_open(recovery)
        .build();
    layer.expect("valid settings")
}

fn over_calls() -> CircuitBreakerLayer<DefaultClassifier> {
    let layer = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .minimum_number_of_calls(20)
        .wait_duration_in_open(RECOVERY)
        .build();
    layer.expect("valid settings")
}

fn timeout() -> TimeLimiterLayer<FixedTimeout> {
    TimeLimiterLayer::builder().timeout_duration(LIMIT).build()
}

pub(super) fn contenders() -> Vec<Contender> {
    const NAME: &str = "tower-resilience";
    let nest = breaker(RECOVERY).layer(timeout().layer(service_fn(small)));
    let nest = FallbackLayer::<u64, u64, Nested>::value(0).layer(retry().layer(nest));
    let large_nest = breaker(RECOVERY).layer(timeout().layer(service_fn(large)));
    let large_nest =
        FallbackLayer::<u64, Large, Nested>::value([0; 1024]).layer(retry().layer(large_nest));
    // A caller who finds the lock of an open breaker taken sleeps for a millisecond, so two threads
    // are no contest.
    vec![
        Contender::tower(Case::Retry, NAME, retry().layer(service_fn(small))),
        Contender::tower(Case::Timeout, NAME, timeout().layer(service_fn(small))),
        Contender::tower(Case::Breaker, NAME, breaker(RECOVERY).layer(service_fn(small))),
        // Its window of time keeps every call, which is too many here.
        Contender::tower(Case::BreakerRate, NAME, over_calls().layer(service_fn(small))),
        Contender::tower(Case::FullNest, NAME, nest),
        Contender::tower(Case::FullNestLarge, NAME, large_nest),
        Contender::tower(Case::Rejected, NAME, breaker(A_DAY).layer(service_fn(small))).alone(),
    ]
}
