//! What the circuit breaker promises, through its plain API and on a paused clock.

use std::fmt;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resilience::__private::Deadline;
use resilience::__private::circuit_breaker::fire;
use resilience::CircuitState::{Closed, Disabled, ForcedClosed, ForcedOpen, HalfOpen, Open};
use resilience::{ChangeReason, CircuitBreaker, Classification, Classify, Permit, Rejected, sites};
use tokio::time::advance;

const RECOVERY: Duration = Duration::from_secs(30);
const ALMOST: Duration = Duration::from_millis(29_999);

#[derive(Debug, PartialEq)]
enum Error {
    Is(Classification),
    Rejected(Rejected),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Classify for Error {
    fn classify(&self) -> Classification {
        match self {
            Self::Is(classification) => *classification,
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

const BUSY: Classification = Classification::transient("BUSY");

async fn call(breaker: &CircuitBreaker, result: Result<(), Classification>) -> Result<(), Error> {
    breaker.call(async { result.map_err(Error::Is) }).await
}

async fn fail(breaker: &CircuitBreaker, times: usize) {
    for _ in 0..times {
        assert_eq!(call(breaker, Err(BUSY)).await, Err(Error::Is(BUSY)));
    }
}

/// Opens it and waits until a probe is due.
async fn due(breaker: &CircuitBreaker) {
    fail(breaker, 5).await;
    assert_eq!(breaker.state(), Open);
    advance(RECOVERY).await;
}

fn retry_after(breaker: &CircuitBreaker) -> Option<Duration> {
    match breaker.acquire().map(drop) {
        Err(Rejected::CircuitOpen { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn c1_closed_open_half_open_and_back() {
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
async fn c4_an_open_circuit_does_not_reach_the_callee() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    fail(&breaker, 1).await;
    let reached = AtomicUsize::new(0);
    let outcome = breaker.call(async {
        reached.fetch_add(1, Relaxed);
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await, Err(Error::Rejected(Rejected::circuit_open("inventory", Some(RECOVERY)))));
    assert_eq!(reached.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_success_forgets_the_failures_before_it() {
    let breaker = CircuitBreaker::new("inventory");
    for _ in 0..10 {
        fail(&breaker, 4).await;
        call(&breaker, Ok(())).await.unwrap();
    }
    assert_eq!(breaker.state(), Closed);
    assert_eq!(breaker.metrics().consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn c2_what_counts_while_closed() {
    let timed_out = Rejected::timed_out("inventory", RECOVERY).classify();
    let open_below = Rejected::circuit_open("stock", None).classify();
    let table = [
        (BUSY, true),
        (Classification::unclassified(), true),
        (timed_out, true),
        (Classification::permanent("GAVE_UP").with_rejected(Rejected::timed_out("inventory", RECOVERY)), true),
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
        assert_eq!(breaker.metrics().consecutive_failures, before, "what isn't a failure isn't a success: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_probe_can_end_with() {
    let table = [
        (BUSY, Open),
        (Classification::unclassified(), Open),
        (Rejected::timed_out("inventory", RECOVERY).classify(), Open),
        // The callee answered: were this nothing, one that answers only 404 would stay half-open for ever.
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
async fn a_cancelled_or_ignored_probe_gives_its_slot_back() {
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
async fn a_panicking_probe_gives_its_slot_back() {
    let breaker = Arc::new(CircuitBreaker::new("inventory"));
    due(&breaker).await;
    let probe = Arc::clone(&breaker);
    let task = tokio::spawn(async move { probe.call(async { panic!("in the body") as Result<(), Error> }).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(breaker.state(), HalfOpen);

    let classify = |(): &()| panic!("in `classify`");
    let permit = breaker.acquire().unwrap();
    std::panic::catch_unwind(AssertUnwindSafe(|| permit.settle(&Err::<(), ()>(()), classify))).unwrap_err();
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_loses_its_slot() {
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
async fn a_probe_gets_twice_the_timeout_below_if_that_is_longer() {
    let breaker = CircuitBreaker::new("inventory");
    due(&breaker).await;
    let slow = breaker.acquire_for(Some(Duration::from_secs(40))).unwrap();
    advance(Duration::from_millis(79_999)).await;
    assert!(breaker.acquire_for(Some(Duration::from_secs(1))).is_err());
    assert_eq!(breaker.state(), HalfOpen, "another function's shorter timeout doesn't matter");
    slow.succeeded();
    assert_eq!(breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn each_success_gives_the_other_probes_a_new_lease_and_a_neutral_end_does_not() {
    let breaker = CircuitBreaker::new("inventory").probes(3);
    due(&breaker).await;
    let [first, second, third] = [(); 3].map(|()| breaker.acquire().unwrap());
    advance(ALMOST).await;
    first.succeeded();
    advance(ALMOST).await;
    assert!(breaker.acquire().is_err());
    assert_eq!(breaker.state(), HalfOpen);
    drop(second);
    let _fourth = breaker.acquire().expect("the slot was given back");
    advance(Duration::from_millis(1)).await;
    assert!(breaker.acquire().is_err());
    assert_eq!(breaker.state(), Open, "the third has been out for a lease since the last success");
    drop(third);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_at_half_open() {
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
        // Over when every task waits.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(reached.load(Relaxed), probes as usize);
        for call in calls {
            call.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_closes_after_as_many_successes_as_there_are_probes() {
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
async fn a_result_of_another_state_counts_for_nothing() {
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
async fn ten_hangs_under_a_timeout_above_open_it() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(10);
    for hang in 0..10 {
        assert_eq!(breaker.state(), Closed, "after {hang}");
        let deadline = Deadline::new(Duration::from_secs(5));
        let permit = breaker.acquire().unwrap().under(&deadline);
        // A timeout marks itself before it drops the body.
        fire(&deadline);
        drop(permit);
    }
    assert_eq!(breaker.state(), Open);

    advance(RECOVERY).await;
    let deadline = Deadline::new(Duration::from_secs(5));
    let total = Deadline::under(Duration::from_secs(5), &deadline);
    let permit = breaker.acquire().unwrap().under(&total);
    fire(&deadline);
    drop(permit);
    assert_eq!(breaker.state(), Open, "a probe that hangs under the outer of two is one as well");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_under_a_timeout_that_has_not_run_out_is_neutral() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    let deadline = Deadline::new(Duration::from_secs(5));
    drop(breaker.acquire().unwrap().under(&deadline));
    let settled = breaker.acquire().unwrap().under(&deadline);
    fire(&deadline);
    settled.succeeded();
    assert_eq!(breaker.metrics().counted_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn forced_states_hold_until_reset() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    breaker.force_open();
    advance(Duration::from_secs(86_400)).await;
    assert_eq!((breaker.state(), retry_after(&breaker), breaker.would_reject()), (ForcedOpen, None, true));

    breaker.force_closed();
    fail(&breaker, 5).await;
    assert_eq!((breaker.state(), breaker.metrics().consecutive_failures), (ForcedClosed, 5));
    call(&breaker, Ok(())).await.unwrap();
    assert_eq!(breaker.metrics().consecutive_failures, 0);

    breaker.disable();
    fail(&breaker, 5).await;
    assert_eq!((breaker.state(), breaker.metrics().counted_failures), (Disabled, 5));

    let earlier = breaker.acquire().unwrap();
    breaker.reset();
    fail(&breaker, 1).await;
    let before_reset = breaker.acquire().unwrap();
    breaker.reset();
    earlier.failed(&BUSY);
    before_reset.failed(&BUSY);
    assert_eq!((breaker.state(), breaker.metrics().consecutive_failures), (Closed, 0));
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), Open);
    breaker.reset();
    call(&breaker, Ok(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_while_probes_fail_and_starts_again_once_closed() {
    let breaker = CircuitBreaker::new("inventory").recovery_growth(2).max_recovery_timeout(Duration::from_secs(100));
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
async fn jitter_lengthens_the_wait_by_no_more_than_was_said() {
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

#[tokio::test(start_paused = true)]
async fn c5_listeners_hear_of_every_change_and_every_counted_failure() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (changes, failures) = (Arc::clone(&heard), Arc::clone(&heard));
    breaker.on_state_change(move |change| {
        let line = format!("{} -> {}: {}", change.old, change.new, change.reason.as_str());
        changes.lock().unwrap().push(line);
    });
    breaker.on_failure(move |failure| {
        failures.lock().unwrap().push(format!("{} {} {}", failure.service, failure.code, failure.consecutive));
    });
    fail(&breaker, 2).await;
    advance(RECOVERY).await;
    let hung = breaker.acquire().unwrap();
    advance(RECOVERY).await;
    assert!(breaker.acquire().is_err());
    advance(RECOVERY).await;
    call(&breaker, Err(Classification::permanent("NOT_FOUND"))).await.unwrap_err();
    breaker.force_open();
    breaker.force_open();
    breaker.reset();
    breaker.reset();
    drop(hung);
    let expected = [
        "inventory BUSY 1",
        "inventory BUSY 2",
        "closed -> open: failure_threshold",
        "open -> half_open: recovery_timeout",
        "inventory NETWORK_TIMEOUT 1",
        "half_open -> open: probe_lost",
        "open -> half_open: recovery_timeout",
        "half_open -> closed: probes_succeeded",
        "closed -> forced_open: control",
        "forced_open -> closed: control",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
    let metrics = breaker.metrics();
    assert_eq!((metrics.counted_failures, metrics.opened, metrics.rejected), (3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_or_uses_the_breaker_breaks_nothing() {
    let breaker = Arc::new(CircuitBreaker::new("inventory").failure_threshold(1));
    breaker.on_failure(|_| panic!("a listener"));
    breaker.on_state_change(|_| panic!("another"));
    let (again, count) = (Arc::downgrade(&breaker), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    breaker.on_state_change(move |change| {
        counted.fetch_add(1, Relaxed);
        if change.reason == ChangeReason::FailureThreshold {
            again.upgrade().unwrap().force_closed();
        }
    });
    fail(&breaker, 1).await;
    assert_eq!((breaker.state(), count.load(Relaxed)), (ForcedClosed, 2));
    breaker.on_state_change(|_| ());
}

#[tokio::test(start_paused = true)]
async fn sites_list_a_static_with_its_first_call_and_only_once() {
    static LISTED: CircuitBreaker = CircuitBreaker::new("listed").failure_threshold(1);
    let listed = || sites().circuit_breakers_named("listed").count();
    assert_eq!(listed(), 0);
    for _ in 0..3 {
        LISTED.acquire_static(None).unwrap().succeeded();
    }
    LISTED.register();
    assert_eq!(listed(), 1);

    sites().circuit_breaker("listed").unwrap().force_open();
    assert!(LISTED.acquire_static(None).is_err());
    LISTED.reset();
    LISTED.acquire_static(None).unwrap().failed(&BUSY);
    advance(RECOVERY).await;
    LISTED.acquire_static(None).unwrap().succeeded();
    assert_eq!((listed(), LISTED.state()), (1, Closed), "no change of state lists it again");
}

#[test]
fn sites_list_a_static_also_when_it_is_first_used_while_open() {
    static FORCED: CircuitBreaker = CircuitBreaker::new("forced at the start");
    FORCED.force_open();
    assert!(FORCED.acquire_static(None).is_err());
    assert!(sites().circuit_breaker("forced at the start").is_some());
}

#[test]
fn sites_list_a_watched_breaker_as_long_as_it_lives() {
    let named = || sites().circuit_breakers_named("watched").count();
    let breakers: Vec<_> = (0..100).map(|_| Arc::new(CircuitBreaker::new("watched"))).collect();
    for breaker in breakers.iter().chain(&breakers) {
        sites().watch(breaker);
    }
    assert_eq!(named(), 100);
    let found = sites().circuit_breaker("watched").unwrap();
    drop(breakers);
    assert_eq!(named(), 1, "what was found is held");
    drop(found);
    assert_eq!(named(), 0);
}

#[test]
fn everything_is_send_where_the_future_is() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let breaker = CircuitBreaker::new("inventory");
    // The result needn't be: it isn't held across a wait.
    drop(is_send(breaker.call(pending::<Result<std::rc::Rc<()>, Error>>())));
    is_send(breaker.acquire().unwrap()).succeeded();
    assert!(size_of::<Permit<'_>>() <= 24);
}

#[test]
fn a_clock_that_is_put_back_wedges_nothing() {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let opened = CircuitBreaker::new("inventory");
    let half_open = CircuitBreaker::new("inventory");
    let hung = paused().block_on(async {
        advance(Duration::from_secs(86_400)).await;
        due(&half_open).await;
        fail(&opened, 5).await;
        half_open.acquire().unwrap()
    });
    // The clock of another runtime: a day earlier.
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
async fn after_thirty_idle_days() {
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

type Build = fn(CircuitBreaker) -> CircuitBreaker;

#[test]
fn out_of_range_settings_name_the_option_and_its_range() {
    let secs = Duration::from_secs;
    let table: [(&str, Build); 8] = [
        ("`failure_threshold` must be at least 1", |b| b.failure_threshold(0)),
        ("`recovery_timeout` must be between 1 ms and 1 day", |b| b.recovery_timeout(Duration::ZERO)),
        ("`recovery_timeout` must be between 1 ms and 1 day", |b| b.recovery_timeout(Duration::from_secs(86_401))),
        ("`max_recovery_timeout` must be between 1 ms and 1 day", |b| b.max_recovery_timeout(Duration::MAX)),
        ("`probes` must be between 1 and 65535", |b| b.probes(0)),
        ("`probes` must be between 1 and 65535", |b| b.probes(65_536)),
        ("`recovery_growth` must be between 1 and 10", |b| b.recovery_growth(0)),
        ("`recovery_jitter` must be between 0 and 100 percent", |b| b.recovery_jitter(101)),
    ];
    for (message, build) in table {
        let panic = std::panic::catch_unwind(|| build(CircuitBreaker::new("inventory")).name()).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&message));
    }
    let widest =
        CircuitBreaker::new("inventory").failure_threshold(u32::MAX).probes(65_535).recovery_timeout(secs(86_400));
    let widest = widest.recovery_growth(10).max_recovery_timeout(Duration::from_millis(1)).recovery_jitter(100);
    assert_eq!(widest.state(), Closed);
}
