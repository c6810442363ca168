//! Functions that aren't async: each layer that can serve them.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use resilience::{
    CircuitBreaker, Rejected, RetryBudget, circuit_breaker, context, degrade, millis, retry, secs,
};
use resilience_test_support::{CallError, Events};

/// A callee that gives these errors, and then succeeds with the number of the call.
#[derive(Default)]
struct Callee {
    errors: RefCell<Vec<CallError>>,
    calls: Cell<u32>,
}

impl Callee {
    fn failing(errors: impl IntoIterator<Item = CallError>) -> Self {
        let mut errors: Vec<_> = errors.into_iter().collect();
        errors.reverse();
        Self { errors: RefCell::new(errors), calls: Cell::new(0) }
    }

    fn call(&self) -> Result<u32, CallError> {
        self.calls.set(self.calls.get() + 1);
        match self.errors.borrow_mut().pop() {
            Some(error) => Err(error),
            None => Ok(self.calls.get()),
        }
    }
}

fn is_open(outcome: &Result<u32, CallError>) -> bool {
    matches!(outcome, Err(CallError::Rejected(Rejected::CircuitOpen { .. })))
}

#[test]
fn retry_waits_between_the_attempts() {
    #[retry(idempotent, attempts = 3, base = "2ms", jitter = "none", blocking)]
    fn find(callee: &Callee) -> Result<u32, CallError> {
        callee.call()
    }
    let start = Instant::now();
    assert_eq!(find(&Callee::failing([CallError::Busy, CallError::Busy])), Ok(3));
    assert!(start.elapsed() >= millis(6), "2 ms and 4 ms");

    let start = Instant::now();
    assert_eq!(find(&Callee::failing([CallError::BusyFor(millis(9))])), Ok(2));
    assert!(start.elapsed() >= millis(9), "as the callee asked");
}

#[test]
fn retry_stops_for_the_same_reasons() {
    static EMPTY: RetryBudget = RetryBudget::grpc(1, 0.1);

    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", blocking)]
    fn twice(callee: &Callee) -> Result<u32, CallError> {
        callee.call()
    }
    #[retry(idempotent, base = "0s", jitter = "none", budget = EMPTY, blocking)]
    fn without_budget(callee: &Callee) -> Result<u32, CallError> {
        callee.call()
    }
    #[retry(non_idempotent, base = "0s", jitter = "none", blocking)]
    fn once(callee: &Callee, first: bool) -> Result<u32, CallError> {
        if first {
            context().mark_sent();
        }
        callee.call()
    }
    let reasons = |call: &dyn Fn(&Callee) -> Result<u32, CallError>, error: CallError| {
        let events = Events::capture();
        let callee = Callee::failing(vec![error; 9]);
        call(&callee).unwrap_err();
        let reason = events.named("retry_stopped")[0].field("reason").to_owned();
        (reason, callee.calls.get())
    };
    let because = |reason: &str, calls| (reason.to_owned(), calls);
    assert_eq!(reasons(&twice, CallError::Busy), because("attempts_exhausted", 2));
    assert_eq!(reasons(&twice, CallError::Absent), because("permanent", 1));
    assert_eq!(reasons(&without_budget, CallError::Busy), because("budget", 1));
    assert_eq!(reasons(&|it| once(it, false), CallError::Busy), because("not_idempotent", 1));
    assert_eq!(reasons(&|it| once(it, true), CallError::Refused), because("not_idempotent", 1));
    assert_eq!(once(&Callee::failing([CallError::Refused]), false), Ok(2));
}

#[test]
fn all_attempts_have_the_same_idempotency_key() {
    #[retry(idempotency_key, base = "0s", jitter = "none", blocking)]
    fn charge(callee: &Callee, keys: &RefCell<Vec<String>>) -> Result<u32, CallError> {
        keys.borrow_mut().push(context().idempotency_key().unwrap());
        callee.call()
    }
    let keys = RefCell::default();
    assert_eq!(charge(&Callee::failing([CallError::Busy]), &keys), Ok(2));
    assert_eq!(charge(&Callee::default(), &keys), Ok(1));
    let keys = keys.into_inner();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2], "of another call");
}

#[expect(deprecated, reason = "without `blocking`, the attribute warns")]
#[retry(idempotent, base = "1ms", jitter = "none")]
fn without_the_flag(callee: &Callee) -> Result<u32, CallError> {
    callee.call()
}

#[retry(idempotent, base = "1ms", jitter = "none", blocking)]
fn with_the_flag(callee: &Callee) -> Result<u32, CallError> {
    callee.call()
}

#[test]
fn delay_inside_a_runtime_is_reported_once() {
    let count = |events: &Events| events.named("retry_blocks_runtime").len();
    let events = Events::capture();
    assert_eq!(without_the_flag(&Callee::failing([CallError::Busy])), Ok(2));
    assert_eq!(count(&events), 0, "there is no runtime");

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let inside = |call: fn(&Callee) -> Result<u32, CallError>, errors: Vec<CallError>| {
        runtime.block_on(async { call(&Callee::failing(errors)) }).unwrap();
    };
    inside(without_the_flag, vec![]);
    inside(with_the_flag, vec![CallError::Busy]);
    assert_eq!(count(&events), 0);
    inside(without_the_flag, vec![CallError::Busy, CallError::Busy]);
    inside(without_the_flag, vec![CallError::Busy]);
    let reported = events.named("retry_blocks_runtime");
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].field("function"), "without_the_flag");
    assert_eq!(reported[0].field("delay_ms"), "1");
}

#[tokio::test(start_paused = true)]
async fn breaker_opens_and_closes_again() {
    #[circuit_breaker(breaker)]
    fn find(breaker: &CircuitBreaker, callee: &Callee) -> Result<u32, CallError> {
        callee.call()
    }
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2).recovery_timeout(secs(30));
    let callee = Callee::failing([CallError::Busy, CallError::Busy]);
    assert_eq!(find(&breaker, &callee), Err(CallError::Busy));
    assert_eq!(find(&breaker, &callee), Err(CallError::Busy));
    assert!(is_open(&find(&breaker, &callee)));
    tokio::time::advance(secs(30)).await;
    assert_eq!(find(&breaker, &callee), Ok(3), "the probe");
    assert_eq!(find(&breaker, &callee), Ok(4));
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_probe_gives_its_slot_back() {
    #[circuit_breaker(breaker)]
    fn find(breaker: &CircuitBreaker, error: Option<CallError>) -> Result<u32, CallError> {
        Err(error.expect("the callee panics"))
    }
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1).recovery_timeout(secs(30));
    assert_eq!(find(&breaker, Some(CallError::Busy)), Err(CallError::Busy));
    tokio::time::advance(secs(30)).await;
    assert!(catch_unwind(AssertUnwindSafe(|| find(&breaker, None))).is_err());
    assert_eq!(find(&breaker, Some(CallError::Absent)), Err(CallError::Absent), "another probe");
}

#[test]
fn fallback_can_use_the_error_and_fail() {
    #[degrade(fallback = |error| if *error == CallError::Busy { 7 } else { Err(CallError::Absent)? })]
    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", blocking)]
    #[circuit_breaker(failure_threshold = 3)]
    fn find(callee: &Callee) -> Result<u32, CallError> {
        callee.call()
    }
    let callee = Callee::failing(vec![CallError::Busy; 9]);
    assert_eq!(find(&callee), Ok(7));
    assert_eq!(find(&callee), Ok(7), "the third failure opens the circuit");
    let events = Events::capture();
    assert!(is_open(&find(&callee)), "the fallback failed too");
    assert_eq!(events.named("degradation_failed").len(), 1);
    assert_eq!(callee.calls.get(), 3);
}
