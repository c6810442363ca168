//! execution-policy: one object with all layers, in a fixed order. The breaker counts a call once,
//! no matter how many attempts it takes.

use std::time::Duration;

use execution_policy::{
    CircuitBreaker, DefaultCore, ExecutionPolicy, ExecutionPolicyBuilder, Retry,
};

use super::{A_DAY, BASE, LIMIT, LONGEST, RECOVERY};
use crate::body::{CallError, Large, large, small};
use crate::harness::{Case, Contender};

type Built<T> = &'static ExecutionPolicy<DefaultCore, T, CallError>;

fn build<T>(layers: ExecutionPolicyBuilder<T, CallError>) -> Built<T> {
    Box::leak(Box::new(layers.build()))
}

fn layers<T>() -> ExecutionPolicyBuilder<T, CallError> {
    ExecutionPolicyBuilder::new()
}

fn retry<T>() -> Retry<T, CallError> {
    Retry::exponential()
        .max_attempts(3)
        .base_delay(BASE)
        .max_delay(LONGEST)
        .when(CallError::is_transient)
}

fn breaker(recovery: Duration) -> CircuitBreaker<CallError> {
    CircuitBreaker::consecutive_failures(5).open_for(recovery)
}

fn nest<T>() -> Built<T> {
    build(layers().retry(retry()).circuit_breaker(breaker(RECOVERY)).attempt_timeout(LIMIT))
}

fn call(case: Case, policy: Built<u64>) -> Contender {
    Contender::new(case, "execution-policy", move |input| {
        policy.run(async move || small(input).await)
    })
}

pub(super) fn contenders() -> Vec<Contender> {
    let large_nest: Built<Large> = nest();
    vec![
        call(Case::Retry, build(layers().retry(retry()))),
        call(Case::Timeout, build(layers().attempt_timeout(LIMIT))),
        call(Case::Breaker, build(layers().circuit_breaker(breaker(RECOVERY)))),
        call(Case::FullNest, nest()),
        Contender::new(Case::FullNestLarge, "execution-policy", move |input| {
            large_nest.run(async move || large(input).await)
        }),
        call(Case::Rejected, build(layers().circuit_breaker(breaker(A_DAY)))),
    ]
}
