//! Forced states, listeners, sites and settings.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use resilience::__private::{acquire, listed};
use resilience::circuit_breaker::CircuitBreakerRef;
use resilience::circuit_breaker::CircuitState::{Closed, Disabled, ForcedClosed, ForcedOpen, Open};
use resilience::registry::{Site, registry};
use resilience::{
    CircuitBreaker, Classification, Rejected, circuit_breaker, circuit_breaker::ChangeReason,
};
use tokio::time::advance;

use super::{BUSY, RECOVERY, call, fail, retry_after};

static SITE: Site = Site::new("inventory", "stock", module_path!(), file!(), line!());

#[tokio::test(start_paused = true)]
async fn forced_states_hold_until_reset() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    breaker.force_open();
    advance(Duration::from_secs(86_400)).await;
    assert_eq!(
        (breaker.state(), retry_after(&breaker), breaker.would_reject()),
        (ForcedOpen, None, true)
    );

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
async fn listeners_get_every_state_change_and_counted_failure() {
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (changes, failures) = (Arc::clone(&heard), Arc::clone(&heard));
    breaker.on_state_change(move |change| {
        let line = format!("{} -> {}: {}", change.old, change.new, change.reason.as_str());
        changes.lock().unwrap().push(line);
    });
    breaker.on_failure(move |failure| {
        failures
            .lock()
            .unwrap()
            .push(format!("{} {} {}", failure.service, failure.code, failure.consecutive));
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
async fn panic_payload_of_a_listener_may_panic_on_drop() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }
    let breaker = CircuitBreaker::new("inventory");
    breaker.on_failure(|_| std::panic::panic_any(Bomb));
    breaker.acquire().unwrap().failed(&BUSY);
    assert_eq!(breaker.metrics().counted_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn listener_may_panic_or_use_the_breaker() {
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
async fn sites_list_a_static_breaker_once_from_its_first_call_on() {
    static LISTED: CircuitBreaker = CircuitBreaker::new("listed").failure_threshold(1);
    let listed = || registry().circuit_breakers_named("listed").count();
    assert_eq!(listed(), 0);
    for _ in 0..3 {
        acquire(|| (&LISTED, &SITE), (), None).unwrap().succeeded();
    }
    LISTED.register();
    assert_eq!(listed(), 1);

    registry().circuit_breaker("listed").unwrap().force_open();
    assert!(acquire(|| (&LISTED, &SITE), (), None).is_err());
    LISTED.reset();
    acquire(|| (&LISTED, &SITE), (), None).unwrap().failed(&BUSY);
    advance(RECOVERY).await;
    acquire(|| (&LISTED, &SITE), (), None).unwrap().succeeded();
    assert_eq!((listed(), LISTED.state()), (1, Closed), "no change of state lists it again");
}

#[test]
fn sites_list_a_static_breaker_first_used_while_open() {
    static FORCED: CircuitBreaker = CircuitBreaker::new("forced at the start");
    FORCED.force_open();
    assert!(acquire(|| (&FORCED, &SITE), (), None).is_err());
    assert!(registry().circuit_breaker("forced at the start").is_some());
}

#[test]
fn sites_list_a_watched_breaker_as_long_as_it_lives() {
    let named = || registry().circuit_breakers_named("watched").count();
    let breakers: Vec<_> = (0..100).map(|_| Arc::new(CircuitBreaker::new("watched"))).collect();
    for breaker in breakers.iter().chain(&breakers) {
        registry().watch(breaker);
    }
    assert_eq!(named(), 100);
    let found = registry().circuit_breaker("watched").unwrap();
    drop(breakers);
    assert_eq!(named(), 1, "what was found is held");
    drop(found);
    assert_eq!(named(), 0);
}

struct Owner {
    breaker: CircuitBreaker,
}

impl Owner {
    fn new(name: &'static str) -> Self {
        Self { breaker: CircuitBreaker::new(name).failure_threshold(2) }
    }

    #[circuit_breaker(self.breaker)]
    async fn answer(&self, outcome: Result<(), Rejected>) -> Result<(), Rejected> {
        outcome
    }
}

fn named(name: &str) -> Vec<CircuitBreakerRef> {
    registry().circuit_breakers_named(name).collect()
}

#[tokio::test(start_paused = true)]
async fn sites_list_a_breaker_in_a_field_from_its_first_call_until_it_is_dropped() {
    let owner = Owner::new("field");
    assert!(named("field").is_empty());
    for _ in 0..3 {
        owner.answer(Ok(())).await.unwrap();
    }
    assert_eq!(named("field").len(), 1);

    let moved = vec![owner];
    named("field")[0].force_open();
    assert!(moved[0].answer(Ok(())).await.unwrap_err().is_circuit_open());
    assert!(call(&moved[0].breaker, Ok(())).await.is_err(), "`call` sees the same state");
    assert_eq!(moved[0].breaker.state(), ForcedOpen);
    moved[0].breaker.reset();
    assert_eq!((named("field")[0].state(), named("field")[0].metrics().rejected), (Closed, 2));
    let opened = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&opened);
    named("field")[0].on_state_change(move |_| {
        counter.fetch_add(1, Relaxed);
    });
    let timed_out = Rejected::timed_out("field", Duration::from_secs(1));
    for _ in 0..2 {
        moved[0].answer(Err(timed_out)).await.unwrap_err();
    }
    assert_eq!((named("field")[0].state(), opened.load(Relaxed)), (Open, 1));
    advance(RECOVERY).await;
    moved[0].answer(Ok(())).await.unwrap();
    assert_eq!((moved[0].breaker.state(), named("field").len()), (Closed, 1));

    let two = [Owner::new("field"), Owner::new("field")];
    for owner in &two {
        owner.answer(Ok(())).await.unwrap();
    }
    assert_eq!(named("field").len(), 3, "names are labels");
    named("field")[1].force_open();
    assert!(two[0].answer(Ok(())).await.is_err() && two[1].answer(Ok(())).await.is_ok());
    drop((moved, two));
    assert!(named("field").is_empty());
}

#[tokio::test(start_paused = true)]
async fn breaker_that_was_used_before_keeps_its_state_when_it_is_listed() {
    let owner = Owner::new("used before");
    fail(&owner.breaker, 1).await;
    let (success, failure) = (owner.breaker.acquire().unwrap(), owner.breaker.acquire().unwrap());
    assert!(named("used before").is_empty());
    owner.answer(Err(Rejected::timed_out("used before", RECOVERY))).await.unwrap_err();
    let metrics = named("used before")[0].metrics();
    assert_eq!((metrics.state, metrics.counted_failures, metrics.opened), (Open, 2, 1));
    assert_eq!(owner.breaker.metrics(), metrics);
    success.succeeded();
    failure.failed(&BUSY);
    assert_eq!(owner.breaker.metrics(), metrics, "the results are too late");

    let owner = Owner::new("called before");
    fail(&owner.breaker, 1).await;
    let (success, failure) = (owner.breaker.acquire().unwrap(), owner.breaker.acquire().unwrap());
    owner.answer(Err(Rejected::circuit_open("another", None))).await.unwrap_err();
    success.succeeded();
    assert_eq!(named("called before")[0].metrics().consecutive_failures, 0);
    failure.failed(&BUSY);
    assert_eq!(named("called before")[0].metrics().consecutive_failures, 1);

    let opened = Owner::new("opened before");
    opened.breaker.force_open();
    assert!(opened.answer(Ok(())).await.is_err());
    assert_eq!(named("opened before")[0].state(), ForcedOpen);
}

#[test]
fn concurrent_first_calls_list_a_breaker_once() {
    for _ in 0..200 {
        let breaker = CircuitBreaker::new("contended").failure_threshold(1000);
        let ready = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    ready.wait();
                    for _ in 0..50 {
                        acquire(listed(&breaker, &SITE), (), None).unwrap().failed(&BUSY);
                    }
                });
            }
        });
        let listed = named("contended");
        assert_eq!((listed.len(), listed[0].metrics().consecutive_failures), (1, 200));
        assert_eq!(breaker.metrics(), listed[0].metrics());
    }
}

type Build = fn(CircuitBreaker) -> CircuitBreaker;

#[test]
fn panic_on_an_out_of_range_setting_names_option_and_range() {
    let secs = Duration::from_secs;
    let table: [(&str, Build); 8] = [
        ("`failure_threshold` must be at least 1", |b| b.failure_threshold(0)),
        ("`recovery_timeout` must be between 1 ms and 1 day", |b| {
            b.recovery_timeout(Duration::ZERO)
        }),
        ("`recovery_timeout` must be between 1 ms and 1 day", |b| {
            b.recovery_timeout(Duration::from_secs(86_401))
        }),
        ("`max_recovery_timeout` must be between 1 ms and 1 day", |b| {
            b.max_recovery_timeout(Duration::MAX)
        }),
        ("`probes` must be between 1 and 65535", |b| b.probes(0)),
        ("`probes` must be between 1 and 65535", |b| b.probes(65_536)),
        ("`recovery_growth` must be between 1 and 10", |b| b.recovery_growth(0)),
        ("`recovery_jitter` must be between 0 and 100 percent", |b| b.recovery_jitter(101)),
    ];
    for (message, build) in table {
        let panic = std::panic::catch_unwind(|| build(CircuitBreaker::new("inventory")).name())
            .unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&message));
    }
    let widest = CircuitBreaker::new("inventory")
        .failure_threshold(u32::MAX)
        .probes(65_535)
        .recovery_timeout(secs(86_400));
    let widest = widest
        .recovery_growth(10)
        .max_recovery_timeout(Duration::from_millis(1))
        .recovery_jitter(100);
    assert_eq!(widest.state(), Closed);
}
