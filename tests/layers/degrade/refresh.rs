//! `refresh = background`: stale-while-revalidate.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use resilience::degrade::{Source, StaleValues};
use resilience::shutdown::Shutdown;
use resilience::{
    CircuitBreaker, Flag, RequestContext, Sourced, circuit_breaker, context, degrade, millis,
    retry, secs, timeout,
};
use resilience_test_support::{CallError, Events};
use tokio::task::yield_now;
use tokio::time::{advance, sleep};

/// A callee that takes a second, and answers with the number of the call.
#[derive(Clone, Default)]
struct Callee(Arc<State>);

#[derive(Default)]
struct State {
    calls: AtomicU32,
    running: AtomicU32,
    error: Mutex<Option<fn() -> CallError>>,
}

struct Running<'a>(&'a AtomicU32);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Callee {
    async fn call(&self) -> Result<u32, CallError> {
        let number = self.0.calls.fetch_add(1, Relaxed) + 1;
        self.0.running.fetch_add(1, Relaxed);
        let _running = Running(&self.0.running);
        sleep(secs(1)).await;
        let error = *self.0.error.lock().unwrap();
        error.map_or(Ok(number), |error| Err(error()))
    }

    fn calls(&self) -> u32 {
        self.0.calls.load(Relaxed)
    }

    fn running(&self) -> u32 {
        self.0.running.load(Relaxed)
    }

    fn fails_with(&self, error: Option<fn() -> CallError>) {
        *self.0.error.lock().unwrap() = error;
    }

    #[degrade(
        fallback = 0,
        stale(max_age = "10m", key = sku, shared(self), fresh = "30s", refresh = background)
    )]
    async fn stock(&self, sku: &str) -> Result<Sourced<u32>, CallError> {
        assert!(!sku.is_empty());
        Ok(Sourced::live(self.call().await?))
    }
}

const fn stale(value: u32, age: u64) -> Sourced<u32> {
    Sourced::stale(value, secs(age))
}

#[tokio::test(start_paused = true)]
async fn outdated_value_is_served_at_once_and_refreshed_once() {
    let callee = Callee::default();
    assert_eq!(callee.stock("once").await, Ok(Sourced::live(1)), "nothing is kept yet");
    advance(secs(30)).await;
    assert_eq!(callee.stock("once").await, Ok(stale(1, 30)));
    yield_now().await;
    assert_eq!(callee.calls(), 1, "it is fresh");

    advance(secs(1)).await;
    for _ in 0..5 {
        assert_eq!(callee.stock("once").await, Ok(stale(1, 31)));
        yield_now().await;
    }
    assert_eq!((callee.calls(), callee.running()), (2, 1), "one task");
    sleep(millis(1001)).await;
    assert_eq!(callee.running(), 0);
    let refreshed = callee.stock("once").await.unwrap();
    assert_eq!(*refreshed, 2);
    assert!(refreshed.source().age().is_some_and(|age| age < secs(1)), "{refreshed:?}");
    assert_eq!(callee.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_apart() {
    let callee = Callee::default();
    for sku in ["a", "b"] {
        callee.stock(sku).await.unwrap();
    }
    advance(secs(60)).await;
    for sku in ["a", "b", "a", "b"] {
        assert!(callee.stock(sku).await.unwrap().source().is_stale());
        yield_now().await;
    }
    assert_eq!(callee.running(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_old_value_is_not_served() {
    let callee = Callee::default();
    callee.stock("old").await.unwrap();
    advance(secs(601)).await;
    assert_eq!(callee.stock("old").await, Ok(Sourced::live(2)));
}

#[tokio::test(start_paused = true)]
async fn failed_refresh_is_logged_once_and_the_value_stays() {
    let callee = Callee::default();
    callee.stock("failing").await.unwrap();
    callee.fails_with(Some(|| CallError::Busy));
    advance(secs(60)).await;
    let events = Events::capture();
    assert_eq!(callee.stock("failing").await, Ok(stale(1, 60)));
    sleep(secs(2)).await;
    let [failed] = &events.named("stale_refresh_failed")[..] else { panic!("{:?}", events.all()) };
    assert_eq!(["code", "function"].map(|name| failed.field(name)), ["BUSY", "stock"]);
    assert!(events.named("graceful_degradation_activated").is_empty());
    assert_eq!(callee.stock("failing").await, Ok(stale(1, 62)), "and the next refresh begins");
    yield_now().await;
    assert_eq!(callee.calls(), 3);
}

/// "No such item" isn't an outage: the next caller gets it.
#[tokio::test(start_paused = true)]
async fn definite_answer_to_a_refresh_removes_the_value() {
    let callee = Callee::default();
    callee.stock("gone").await.unwrap();
    callee.fails_with(Some(|| CallError::Absent));
    advance(secs(60)).await;
    assert_eq!(callee.stock("gone").await, Ok(stale(1, 60)));
    sleep(secs(2)).await;
    assert_eq!(callee.stock("gone").await, Err(CallError::Absent));
}

#[tokio::test(start_paused = true)]
async fn refresh_goes_on_when_its_caller_is_dropped() {
    let callee = Callee::default();
    callee.stock("dropped").await.unwrap();
    advance(secs(60)).await;
    let dropped = tokio::spawn({
        let callee = callee.clone();
        async move {
            callee.stock("dropped").await.unwrap();
            std::future::pending::<()>().await;
        }
    });
    yield_now().await;
    yield_now().await;
    dropped.abort();
    assert_eq!(callee.running(), 1);
    sleep(secs(2)).await;
    assert_eq!(*callee.stock("dropped").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn refresh_ends_at_shutdown_and_none_begins_after_it() {
    let callee = Callee::default();
    callee.stock("shutdown").await.unwrap();
    advance(secs(60)).await;
    let shutdown = Shutdown::new();
    shutdown
        .clone()
        .scope(async {
            callee.stock("shutdown").await.unwrap();
            yield_now().await;
            assert_eq!(callee.running(), 1);
            shutdown.request("TEST", None);
            yield_now().await;
            assert_eq!(callee.running(), 0);
            assert_eq!(*callee.stock("shutdown").await.unwrap(), 1);
            yield_now().await;
            assert_eq!(callee.calls(), 2);
        })
        .await;
    assert_eq!(*callee.stock("shutdown").await.unwrap(), 1);
    yield_now().await;
    assert_eq!(callee.calls(), 3, "outside of that shutdown");
}

#[tokio::test(start_paused = true)]
async fn refresh_that_panics_makes_room_for_the_next() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[degrade(stale(max_age = "10m", refresh = background))]
    async fn panics() -> Result<u32, CallError> {
        match CALLS.fetch_add(1, Relaxed) {
            1 => std::panic::resume_unwind(Box::new(())),
            number => Ok(number),
        }
    }
    panics().await.unwrap();
    advance(secs(1)).await;
    for _ in 0..2 {
        assert_eq!(panics().await, Ok(0));
        yield_now().await;
    }
    assert_eq!(panics().await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn task_has_the_request_and_not_the_deadline_or_the_attempt_of_its_caller() {
    static SEEN: Mutex<Option<(Option<String>, u32, bool)>> = Mutex::new(None);

    #[degrade(stale(max_age = "10m", refresh = background))]
    async fn inner() -> Result<u32, CallError> {
        let user = RequestContext::current().and_then(|context| context.user());
        let call = context();
        *SEEN.lock().unwrap() =
            Some((user.map(|user| user.to_string()), call.attempt(), call.remaining().is_some()));
        Ok(1)
    }
    #[retry(idempotent, base = "1ms")]
    #[timeout("5s")]
    async fn outer() -> Result<u32, CallError> {
        let value = inner().await?;
        if context().attempt() < 2 { Err(CallError::Busy) } else { Ok(value) }
    }

    outer().await.unwrap();
    advance(secs(1)).await;
    let request = RequestContext::new();
    request.set_user("u-42");
    request.scope(outer()).await.unwrap();
    yield_now().await;
    assert_eq!(*SEEN.lock().unwrap(), Some((Some("u-42".to_owned()), 1, false)));
}

#[tokio::test(start_paused = true)]
async fn layers_below_are_those_of_the_refresh() {
    #[derive(Clone)]
    struct Inventory {
        callee: Callee,
        breaker: Arc<CircuitBreaker>,
        last: StaleValues,
        limit: std::time::Duration,
    }
    impl Inventory {
        #[degrade(stale(
            max_age = "10m",
            key = (sku, &ids[0]),
            shared(order),
            store = self.last,
            refresh = background,
            weight = |stock| u32::try_from(self.limit.as_secs()).unwrap() + stock
        ), fallback = u32::from(order.is_empty()) + 5, clone(order), alert_above = "5/1m")]
        #[retry(idempotent, attempts = 3, base = "500ms", jitter = "none")]
        #[circuit_breaker(self.breaker)]
        #[timeout(self.limit)]
        async fn stock(&self, sku: &str, ids: &[u32], order: String) -> Result<u32, CallError> {
            let Self { callee, .. } = self;
            assert_eq!((sku, ids, order.as_str()), ("42", &[7, 8][..], "order"));
            drop(order);
            callee.call().await
        }
    }
    let inventory = Inventory {
        callee: Callee::default(),
        breaker: Arc::new(CircuitBreaker::new("refresh").failure_threshold(3)),
        last: StaleValues::new(),
        limit: secs(5),
    };
    let stock = || inventory.stock("42", &[7, 8], "order".to_owned());
    assert_eq!(stock().await, Ok(1));
    assert_eq!(inventory.last.len(), 1);
    advance(secs(1)).await;
    inventory.callee.fails_with(Some(|| CallError::Busy));
    let events = Events::capture();
    assert_eq!(stock().await, Ok(1));
    sleep(secs(10)).await;
    assert_eq!(inventory.callee.calls(), 4, "three attempts");
    assert_eq!(events.named("retry_scheduled").len(), 2, "{:?}", events.all());
    assert_eq!(events.named("stale_refresh_failed").len(), 1);
    assert!(inventory.breaker.acquire().is_err(), "the task's calls went through this breaker");
    inventory.last.clear();
    assert_eq!(stock().await, Ok(5), "the fallback");
}

#[tokio::test(start_paused = true)]
async fn switched_off_call_is_not_refreshed() {
    static FLAG: Flag = Flag::new("refresh");
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[degrade(flag = FLAG, stale(max_age = "10m", refresh = background))]
    async fn count() -> Result<Sourced<u32>, CallError> {
        Ok(Sourced::live(CALLS.fetch_add(1, Relaxed)))
    }
    count().await.unwrap();
    advance(secs(5)).await;
    FLAG.set(false);
    assert_eq!(count().await, Ok(Sourced::stale(0, secs(5))));
    yield_now().await;
    assert_eq!(CALLS.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn methods_of_async_trait_and_arc_receivers_are_supported() {
    #[async_trait::async_trait]
    trait Load: Send + Sync {
        async fn load(&self, sku: &str) -> Result<Sourced<u32>, CallError>;
        async fn by_arc(self: Arc<Self>, sku: &'static str) -> Result<Sourced<u32>, CallError>;
    }
    #[async_trait::async_trait]
    impl Load for Callee {
        #[degrade(stale(max_age = "10m", key = sku, shared(self), refresh = background))]
        async fn load(&self, sku: &str) -> Result<Sourced<u32>, CallError> {
            assert_eq!(sku, "trait");
            Ok(Sourced::live(self.call().await?))
        }
        #[degrade(stale(max_age = "10m", key = sku, shared(self), refresh = background))]
        async fn by_arc(self: Arc<Self>, sku: &'static str) -> Result<Sourced<u32>, CallError> {
            assert_eq!(sku, "trait");
            Ok(Sourced::live(self.call().await?))
        }
    }
    let callee = Arc::new(Callee::default());
    callee.load("trait").await.unwrap();
    Arc::clone(&callee).by_arc("trait").await.unwrap();
    advance(secs(60)).await;
    assert!(matches!(callee.load("trait").await.unwrap().source(), Source::Stale { .. }));
    Arc::clone(&callee).by_arc("trait").await.unwrap();
    sleep(secs(2)).await;
    assert_eq!(callee.calls(), 4);
    assert_eq!(*callee.load("trait").await.unwrap(), 3);
}

/// Without a runtime, no task can be started.
#[test]
fn callee_is_asked_first_outside_of_a_runtime() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[degrade(stale(max_age = "10m", refresh = background))]
    async fn count() -> Result<u32, CallError> {
        Ok(CALLS.fetch_add(1, Relaxed))
    }
    for number in 0..2 {
        let call = std::pin::pin!(count());
        let Poll::Ready(value) = call.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it doesn't wait")
        };
        assert_eq!(value, Ok(number));
    }
}
