use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::circuit_breaker::CircuitState;
use resilience::errors::{MissingConfig, ServiceUnavailable};
use resilience::retry::FailureKind;
use resilience::testing::{self, Script, isolated};
use resilience::{
    CircuitBreaker, CircuitBreakers, Classification, Rejected, Retry, RetryBudget, ServiceError,
    circuit_breaker, on_alert, registry, report, retry, secs, shutdown,
};

#[derive(Debug, thiserror::Error, ServiceError)]
pub(crate) enum CallError {
    #[error(transparent)]
    #[service(transparent)]
    Unavailable(#[from] ServiceUnavailable),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

fn fail(breaker: &CircuitBreaker) {
    breaker.acquire().expect("closed").failed(&Classification::transient("BUSY"));
}

#[tokio::test]
async fn breaker_is_fresh_inside_and_unchanged_outside() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("fresh").failure_threshold(2);
    fail(&BREAKER);
    isolated(async {
        assert_eq!(BREAKER.metrics().consecutive_failures, 0);
        fail(&BREAKER);
        assert_eq!(BREAKER.state(), CircuitState::Closed);
        fail(&BREAKER);
        assert_eq!(BREAKER.state(), CircuitState::Open);
        assert!(BREAKER.would_reject() && BREAKER.acquire().unwrap_err().is_circuit_open());
    })
    .await;
    assert_eq!(BREAKER.metrics().consecutive_failures, 1);
    isolated(async { assert_eq!(BREAKER.state(), CircuitState::Closed) }).await;
}

#[tokio::test]
async fn window_of_a_breaker_is_fresh_inside() {
    static BREAKER: CircuitBreaker =
        CircuitBreaker::new("fresh window").failure_rate(50).min_calls(2).slow_calls(secs(1), 50);
    let failures = || BREAKER.metrics().window.map(|window| window.failures);
    fail(&BREAKER);
    isolated(async {
        assert_eq!(failures(), Some(0));
        fail(&BREAKER);
        assert_eq!(BREAKER.state(), CircuitState::Closed);
        fail(&BREAKER);
        assert_eq!(BREAKER.state(), CircuitState::Open);
    })
    .await;
    assert_eq!((BREAKER.state(), failures()), (CircuitState::Closed, Some(1)));
}

#[tokio::test]
async fn state_of_one_scope_lasts_from_poll_to_poll() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("polls");
    let opens = isolated(async {
        BREAKER.force_open();
        tokio::task::yield_now().await;
        assert_eq!(BREAKER.state(), CircuitState::ForcedOpen);
    });
    let stays_closed = isolated(async {
        for _ in 0..3 {
            assert_eq!(BREAKER.state(), CircuitState::Closed);
            tokio::task::yield_now().await;
        }
    });
    let outside = async {
        for _ in 0..3 {
            assert_eq!(BREAKER.state(), CircuitState::Closed);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(opens, stays_closed, outside);
}

#[test]
#[expect(clippy::float_cmp, reason = "whole tokens are exact")]
fn budget_is_fresh_with_its_own_settings() {
    static BUDGET: RetryBudget = RetryBudget::new().capacity(10).no_refill();
    assert!(BUDGET.try_withdraw(FailureKind::Other).is_some());
    {
        let _guard = testing::isolate();
        assert_eq!(BUDGET.tokens(), 10.0);
        assert!(
            BUDGET.try_withdraw(FailureKind::Other).is_some()
                && BUDGET.try_withdraw(FailureKind::Other).is_some()
        );
        assert!(BUDGET.try_withdraw(FailureKind::Other).is_none());
        BUDGET.on_success(None, true);
        assert_eq!(BUDGET.tokens(), 1.0);
    }
    assert_eq!(BUDGET.tokens(), 5.0);
}

#[retry(idempotent, external_timeout, attempts = 3, base = "10ms")]
async fn with_own_budget(
    callee: &Script<u32, ServiceUnavailable>,
) -> Result<u32, ServiceUnavailable> {
    callee.call().await
}

async fn retries_of_a_failing_call() -> usize {
    let callee = Script::new().fails(3);
    with_own_budget(&callee).await.unwrap_err();
    callee.calls() - 1
}

#[tokio::test(start_paused = true)]
async fn budget_of_a_function_is_spent_only_outside() {
    let mut retries = 0;
    for _ in 0..30 {
        retries += retries_of_a_failing_call().await;
    }
    assert!(retries < 30, "{retries} retries: the budget of the process is spent");
    for _ in 0..30 {
        assert_eq!(isolated(retries_of_a_failing_call()).await, 2);
    }
}

static BY_STATIC: CircuitBreaker = CircuitBreaker::new("by-static").failure_threshold(1);

#[circuit_breaker(BY_STATIC)]
async fn through_static(fails: bool) -> Result<u32, CallError> {
    if fails { Err(ServiceUnavailable::new("callee").into()) } else { Ok(7) }
}

struct Client {
    breaker: CircuitBreaker,
}

impl Client {
    #[circuit_breaker(self.breaker)]
    async fn fetch(&self, fails: bool) -> Result<u32, CallError> {
        if fails { Err(ServiceUnavailable::new("callee").into()) } else { Ok(7) }
    }
}

#[tokio::test]
#[isolated]
async fn registry_lists_the_breakers_of_the_scope() {
    assert_eq!(registry().circuit_breakers().count(), 0);
    through_static(false).await.unwrap();
    let client = Client { breaker: CircuitBreaker::new("by-field") };
    client.fetch(false).await.unwrap();
    let names: Vec<_> = registry().circuit_breakers().map(|found| found.name()).collect();
    assert_eq!(names, ["by-static", "by-field"]);

    for name in ["by-static", "by-field"] {
        registry().circuit_breaker(name).unwrap().force_open();
    }
    assert!(matches!(through_static(false).await, Err(CallError::Rejected(_))));
    assert!(matches!(client.fetch(false).await, Err(CallError::Rejected(_))));
    isolated(async {
        assert!(registry().circuit_breaker("by-static").is_none());
        through_static(false).await.unwrap();
        client.fetch(false).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[isolated]
async fn registry_lists_the_budgets_of_the_scope() {
    static BUDGET: RetryBudget = RetryBudget::new().name("of the scope");

    #[retry(idempotent, budget = BUDGET, external_timeout)]
    async fn call() -> Result<u32, CallError> {
        Ok(7)
    }

    let names = || registry().retry_budgets().map(|found| found.name()).collect::<Vec<_>>();
    assert!(names().is_empty());
    call().await.unwrap();
    assert_eq!(names(), ["of the scope"]);
    isolated(async {
        assert!(names().is_empty());
        call().await.unwrap();
        assert_eq!(names(), ["of the scope"]);
    })
    .await;
}

#[test]
fn found_breaker_refers_to_the_scope_also_outside() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("found");
    let found = {
        let _guard = testing::isolate();
        BREAKER.register();
        let found = registry().circuit_breaker("found").unwrap();
        found.force_open();
        assert_eq!(BREAKER.state(), CircuitState::ForcedOpen);
        found
    };
    assert_eq!(found.state(), CircuitState::ForcedOpen);
    assert_eq!(BREAKER.state(), CircuitState::Closed);
    assert!(registry().circuit_breaker("found").is_none());
}

#[tokio::test]
#[isolated]
async fn field_that_is_shared_by_tests_is_fresh_in_each() {
    static CLIENT: Client =
        Client { breaker: CircuitBreaker::new("shared-client").failure_threshold(1) };
    for _ in 0..3 {
        isolated(async {
            CLIENT.fetch(true).await.unwrap_err();
            assert!(matches!(CLIENT.fetch(false).await, Err(CallError::Rejected(_))));
            assert_eq!(CLIENT.breaker.state(), CircuitState::Open);
        })
        .await;
    }
    CLIENT.fetch(false).await.unwrap();
}

#[tokio::test]
#[isolated]
async fn permit_settles_where_it_was_acquired() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("permit");
    let permit = BREAKER.acquire().unwrap();
    isolated(async {
        permit.failed(&Classification::transient("BUSY"));
        assert_eq!(BREAKER.metrics().counted_failures, 0);
    })
    .await;
    assert_eq!(BREAKER.metrics().counted_failures, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_spawn_stays_inside_on_other_threads() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("spawned");
    isolated(async {
        let tasks: Vec<_> = (0..4).map(|_| resilience::spawn(async { fail(&BREAKER) })).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(BREAKER.metrics().counted_failures, 4);
        tokio::spawn(async { fail(&BREAKER) }).await.unwrap();
        assert_eq!(BREAKER.metrics().counted_failures, 4, "a task of tokio's is outside");
    })
    .await;
    assert_eq!(BREAKER.metrics().counted_failures, 1);
}

#[tokio::test]
#[isolated]
async fn all_tasks_of_the_thread_are_inside_an_isolated_test() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("thread");
    tokio::spawn(async { fail(&BREAKER) }).await.unwrap();
    assert_eq!(BREAKER.metrics().counted_failures, 1);
    std::thread::spawn(|| assert_eq!(BREAKER.metrics().counted_failures, 0)).join().unwrap();
}

#[isolated]
#[tokio::test]
async fn attribute_also_works_above_that_of_tokio() {
    fail(&BY_STATIC);
    assert_eq!(BY_STATIC.state(), CircuitState::Open);
}

#[test]
#[isolated(seed = 3)]
fn attribute_also_works_on_functions_that_are_not_async() -> Result<(), Rejected> {
    BY_STATIC.acquire()?.succeeded();
    fail(&BY_STATIC);
    assert_eq!(BY_STATIC.state(), CircuitState::Open);
    Ok(())
}

#[test]
fn panic_ends_the_isolation() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("panic");
    let panicked = std::panic::catch_unwind(|| {
        let _guard = testing::isolate();
        BREAKER.force_open();
        panic!("the test fails");
    });
    assert!(panicked.is_err());
    assert_eq!(BREAKER.state(), CircuitState::Closed);
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("order");
    let outer = testing::isolate();
    BREAKER.force_open();
    let inner = testing::isolate();
    drop(outer);
    assert_eq!(BREAKER.state(), CircuitState::Closed, "the inner scope is still current");
    BREAKER.disable();
    drop(inner);
    assert_eq!(BREAKER.state(), CircuitState::Closed);
}

#[tokio::test]
#[isolated]
async fn dropped_future_is_dropped_inside() {
    struct Opens(&'static CircuitBreaker);
    impl Drop for Opens {
        fn drop(&mut self) {
            self.0.force_open();
        }
    }
    static BREAKER: CircuitBreaker = CircuitBreaker::new("dropped");
    let opens = Opens(&BREAKER);
    drop(isolated(async move {
        let _opens = opens;
        std::future::pending::<()>().await;
    }));
    assert_eq!(BREAKER.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn alerts_and_their_listeners_are_those_of_the_scope() {
    let notices = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&notices);
    on_alert(move |_| _ = counted.fetch_add(1, Relaxed));
    let error = MissingConfig::new("DATABASE_URL");

    isolated(async { report(&error) }).await;
    assert_eq!(notices.load(Relaxed), 0);
    report(&error);
    assert_eq!(notices.load(Relaxed), 1);
    tokio::time::sleep(secs(301)).await;
    assert_eq!(notices.load(Relaxed), 2, "the alert is over");
}

#[test]
fn fatal_error_asks_only_the_scope_to_shut_down() {
    {
        let _guard = testing::isolate();
        report(&MissingConfig::new("DATABASE_URL"));
        assert_eq!(shutdown::reason().unwrap().code, "MISSING_CONFIG");
    }
    assert_eq!(shutdown::reason(), None);
}

#[test]
fn seed_repeats_jitter_in_this_scope_only() {
    let delays = |seed| {
        let _guard = testing::isolate().seed(seed);
        Retry::new().delays().take(5).collect::<Vec<_>>()
    };
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
    let _guard = testing::isolate();
    let unseeded = || Retry::new().delays().take(5).collect::<Vec<_>>();
    assert_ne!(unseeded(), unseeded());
}

#[tokio::test]
async fn options_of_a_future_hold_while_it_is_polled() {
    let delays = || async { Retry::new().delays().take(5).collect::<Vec<_>>() };
    let one = isolated(delays()).no_wait().seed(7).await;
    assert_eq!(one, isolated(delays()).seed(7).await);
}

/// A label is taken from the breakers that the calls have used.
#[tokio::test]
#[isolated]
async fn label_of_a_function_is_not_shared() {
    let log = testing::Recorder::start();
    for name in ["one", "two"] {
        let log = &log;
        isolated(async move {
            let client = Client { breaker: CircuitBreaker::new(name).failure_threshold(1) };
            client.fetch(true).await.unwrap_err();
            log.assert_event("circuit_breaker_failure", &[("service", name)]);
        })
        .await;
    }
}

/// `unclassified_error` is logged once per function.
#[tokio::test]
async fn warnings_that_are_logged_once_are_logged_in_each_test() {
    #[retry(idempotent, external_timeout, classify = |_| Classification::unclassified())]
    async fn unclassified() -> Result<u32, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    for _ in 0..2 {
        isolated(async {
            let log = testing::Recorder::start();
            unclassified().await.unwrap_err();
            unclassified().await.unwrap_err();
            assert_eq!(log.named("unclassified_error").len(), 1);
        })
        .await;
    }
}

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners").failure_threshold(1);

#[circuit_breaker(PARTNERS, key = partner)]
async fn order(partner: &str, fails: bool) -> Result<(), CallError> {
    if fails { Err(CallError::Rejected(Rejected::timed_out("partners", secs(1)))) } else { Ok(()) }
}

#[tokio::test(start_paused = true)]
async fn keyed_set_is_fresh_inside_and_unchanged_outside() {
    order("outside", true).await.unwrap_err();
    let inside = async |own: &str, other: &str| {
        assert_eq!(PARTNERS.metrics().keys, 0);
        assert!(order("outside", false).await.is_ok());
        order(own, true).await.unwrap_err();
        tokio::task::yield_now().await;
        assert!(matches!(
            order(own, false).await,
            Err(CallError::Rejected(rejected)) if rejected.is_circuit_open()
        ));
        assert_eq!(PARTNERS.get(own).state(), CircuitState::Open);
        assert_eq!(PARTNERS.get(other).state(), CircuitState::Closed);
        assert_eq!((PARTNERS.metrics().keys, PARTNERS.metrics().open), (2, 1));
        let listed = registry().circuit_breaker_sets().find(|set| set.name() == "partners");
        listed.unwrap().reset();
        assert!(order(own, false).await.is_ok());
    };
    tokio::join!(isolated(inside("a", "b")), isolated(inside("b", "a")));
    assert_eq!((PARTNERS.metrics().keys, PARTNERS.metrics().open), (1, 1));
    assert!(order("outside", false).await.is_err() && order("a", false).await.is_ok());
}
