//! seatbelt: layers around a service that is called through a shared reference.

use std::time::Duration;

use layered::{Execute, Service, Stack};
use resilience::Rejected;
use seatbelt::breaker::{Breaker, BreakerId, BreakerLayer};
use seatbelt::fallback::{Fallback, FallbackLayer};
use seatbelt::retry::{Retry, RetryLayer};
use seatbelt::timeout::{Timeout, TimeoutLayer};
use seatbelt::typestates::Set;
use seatbelt::{RecoveryInfo, ResilienceContext};
use tick::Clock;

use super::{A_DAY, BASE, LIMIT, LONGEST, MIN_CALLS, RECOVERY, WINDOW};
use crate::body::{CallError, Large, large, small};
use crate::harness::{Case, Contender};

type Outcome<T> = Result<T, CallError>;
type Setting<T> = ResilienceContext<u64, Outcome<T>>;

fn recovery<T>(outcome: &Outcome<T>) -> RecoveryInfo {
    match outcome {
        Err(error) if error.is_transient() => RecoveryInfo::retry(),
        _ => RecoveryInfo::never(),
    }
}

fn fallback<T: Clone + Send + Sync + 'static>(
    setting: &Setting<T>,
    value: T,
) -> FallbackLayer<u64, Outcome<T>, Set, Set> {
    Fallback::layer("fallback", setting)
        .should_fallback(Result::is_err)
        .fallback(move |_, _| Ok(value.clone()))
}

fn retry<T: Send + 'static>(setting: &Setting<T>) -> RetryLayer<u64, Outcome<T>, Set, Set> {
    let retry =
        Retry::layer("retry", setting).clone_input().recovery_with(|outcome, _| recovery(outcome));
    retry.max_retry_attempts(2).base_delay(BASE).max_delay(LONGEST)
}

fn breaker<T: Send + 'static>(
    setting: &Setting<T>,
    stays_open: Duration,
) -> BreakerLayer<u64, Outcome<T>, Set, Set> {
    Breaker::layer("breaker", setting)
        .recovery_with(|outcome, _| recovery(outcome))
        .rejected_input_error(|_, _| Rejected::circuit_open("service", None).into())
        .break_duration(stays_open)
}

fn over_time<T: Send + 'static>(setting: &Setting<T>) -> BreakerLayer<u64, Outcome<T>, Set, Set> {
    let breaker = breaker(setting, RECOVERY);
    breaker.failure_threshold(0.5).min_throughput(MIN_CALLS).sampling_duration(WINDOW)
}

fn by_key(setting: &Setting<u64>) -> BreakerLayer<u64, Outcome<u64>, Set, Set> {
    breaker(setting, RECOVERY).breaker_id(|input| BreakerId::from(*input))
}

fn timeout<T: Send + 'static>(setting: &Setting<T>) -> TimeoutLayer<u64, Outcome<T>, Set, Set> {
    Timeout::layer("timeout", setting)
        .timeout_error(|_| Rejected::timed_out("service", LIMIT).into())
        .timeout(LIMIT)
}

fn call<T: 'static>(
    case: Case,
    service: impl Service<u64, Out = Outcome<T>> + 'static,
) -> Contender {
    let service: &'static _ = Box::leak(Box::new(service));
    Contender::new(case, "seatbelt", move |input| service.execute(input))
}

pub(super) fn contenders() -> Vec<Contender> {
    let clock = Clock::new_tokio();
    let setting = &Setting::<u64>::new(&clock);
    let nest = (
        fallback(setting, 0),
        retry(setting),
        breaker(setting, RECOVERY),
        timeout(setting),
        Execute::new(small),
    );
    let setting_large = &Setting::<Large>::new(&clock);
    let large_nest = (
        fallback(setting_large, [0; 1024]),
        retry(setting_large),
        breaker(setting_large, RECOVERY),
        timeout(setting_large),
        Execute::new(large),
    );
    vec![
        call(Case::Retry, (retry(setting), Execute::new(small)).into_service()),
        call(Case::Timeout, (timeout(setting), Execute::new(small)).into_service()),
        call(Case::Breaker, (breaker(setting, RECOVERY), Execute::new(small)).into_service()),
        call(Case::BreakerTime, (over_time(setting), Execute::new(small)).into_service()),
        call(Case::BreakerKeyed, (by_key(setting), Execute::new(small)).into_service()),
        call(Case::FullNest, nest.into_service()),
        call(Case::FullNestLarge, large_nest.into_service()),
        call(Case::Rejected, (breaker(setting, A_DAY), Execute::new(small)).into_service()),
    ]
}
