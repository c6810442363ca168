use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::errors::ServiceUnavailable;
use resilience::testing::{self, Recorder, Script, isolated};
use resilience::{
    CircuitBreaker, Classification, circuit_breaker, degrade, report, retry, secs, timeout,
};

use crate::isolated::CallError;

static BREAKER: CircuitBreaker = CircuitBreaker::new("inventory").failure_threshold(1);

#[degrade(fallback = 1)]
#[circuit_breaker(BREAKER)]
#[timeout("2s")]
async fn stock(inventory: &Script<u32, CallError>) -> Result<u32, CallError> {
    inventory.call().await
}

#[retry(idempotent, external_timeout)]
async fn prices(search: &Script<u32, CallError>) -> Result<u32, CallError> {
    search.call().await
}

fn failure(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a text")
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn assertions_hold_for_what_happened_and_fail_for_the_rest() {
    let log = Recorder::start();
    log.assert_not_retried();
    log.assert_retried(0);
    log.assert_not_degraded();
    log.assert_nothing_logged();
    log.assert_not_opened("inventory");
    assert!(log.events().is_empty());

    let inventory = Script::new().hangs().answers(7);
    assert_eq!(stock(&inventory).await.unwrap(), 1);
    assert_eq!(stock(&inventory).await.unwrap(), 1);
    log.assert_timed_out("stock");
    log.assert_timed_out("inventory");
    log.assert_opened("inventory");
    log.assert_rejected("inventory");
    log.assert_degraded("stock");
    log.assert_degraded("inventory");
    assert!(failure(|| log.assert_not_degraded()).contains("expected no degradation; recorded:"));
    assert!(failure(|| log.assert_not_opened("inventory")).contains("not to open"));
    assert!(failure(|| log.assert_opened("search")).starts_with("expected the breaker `search`"));
    assert!(failure(|| log.assert_closed("inventory")).contains("to close"));

    tokio::time::sleep(secs(31)).await;
    assert_eq!(stock(&inventory).await.unwrap(), 7);
    log.assert_closed("inventory");
    log.assert_event("circuit_breaker_state_change", &[("new_state", "half_open")]);

    let search = Script::new().fails(3);
    let error = prices(&search).await.unwrap_err();
    log.assert_retried(2);
    log.of("prices").assert_retried(2);
    log.of("inventory").assert_not_retried();
    log.assert_stopped("attempts_exhausted");
    assert!(failure(|| log.assert_not_retried()).contains("expected no retry, but there were 2"));
    assert!(failure(|| log.assert_stopped("budget")).contains("reason=\"attempts_exhausted\""));

    report(&error);
    log.assert_logged("SERVICE_UNAVAILABLE");
    let records = log.named("expected_error");
    assert_eq!(records[0].target(), "resilience::report");
    assert_eq!(records[0].field("exception.message"), Some("callee is unavailable"));
    assert!(failure(|| log.assert_logged("NOT_FOUND")).contains("the code `NOT_FOUND`"));
    assert!(failure(|| log.assert_nothing_logged()).contains("expected no error in the log"));

    log.clear();
    log.assert_nothing_logged();
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn failed_assertion_lists_the_events() {
    let log = Recorder::start();
    let search = Script::named("search").fails(1).answers(7);
    prices(&search).await.unwrap();
    let delay = log.named("retry_scheduled")[0].field("delay_ms").unwrap().to_owned();
    assert_eq!(
        failure(|| log.of("prices").assert_retried(2)),
        format!(
            "expected 2 retries, but there was 1 retry, of `prices`; recorded:\
             \n  INFO retry_scheduled service=\"prices\" function=\"prices\" dependency=\"search\" \
             attempt=\"1\" max_attempts=\"3\" delay_ms=\"{delay}\" code=\"SERVICE_UNAVAILABLE\" \
             error=\"search is unavailable\"\
             \n  DEBUG retry_succeeded service=\"prices\" function=\"prices\" attempts=\"2\""
        )
    );
    assert_eq!(
        failure(|| log.of("nothing").assert_retried(1)),
        "expected 1 retry, but there was no retry, of `nothing`; no event was recorded"
    );
}

#[test]
fn recorder_outside_of_an_isolated_test_says_what_to_write() {
    let message = failure(|| drop(Recorder::start()));
    assert!(message.contains("write `#[isolated]` below"), "{message}");
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn spent_budget_names_the_remedy() {
    let log = Recorder::start();
    for _ in 0..20 {
        prices(&Script::new().fails(1).forever()).await.unwrap_err();
    }
    log.assert_stopped("budget");
    let stopped = log.named("retry_stopped").pop().unwrap();
    assert!(stopped.field("help").unwrap().contains("resilience::testing"), "{stopped}");
    assert_eq!(log.named("retry_stopped")[0].field("help"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawned_tasks_are_recorded() {
    isolated(async {
        let log = Recorder::start();
        let search = Script::new().fails(2).answers(7);
        resilience::spawn(async move { prices(&search).await.unwrap() }).await.unwrap();
        log.assert_retried(2);
    })
    .no_wait()
    .await;
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn only_the_own_scope_is_recorded() {
    let log = Recorder::start();
    std::thread::spawn(|| {
        let _guard = testing::isolate();
        let other = Recorder::start();
        BREAKER.force_open();
        other.assert_opened("inventory");
    })
    .join()
    .unwrap();
    std::thread::spawn(|| BREAKER.register()).join().unwrap();
    assert!(log.events().is_empty());
}

/// Tracing remembers for the whole process what the thread that first meets an event says.
#[test]
fn event_that_is_first_met_without_a_recorder_is_recorded_later() {
    let _guard = testing::isolate();
    let log = Recorder::start();
    std::thread::spawn(|| {
        static OTHER: CircuitBreaker = CircuitBreaker::new("other").failure_threshold(1);
        OTHER.acquire().unwrap().failed(&Classification::transient("BUSY"));
    })
    .join()
    .unwrap();
    BREAKER.acquire().unwrap().failed(&Classification::transient("BUSY"));
    log.assert_opened("inventory");
    log.assert_event("circuit_breaker_failure", &[("code", "BUSY")]);
}

#[test]
fn dropped_recorder_records_no_more_and_another_begins_anew() {
    let _guard = testing::isolate();
    let first = Recorder::start();
    BREAKER.force_open();
    let second = Recorder::start();
    BREAKER.reset();
    assert_eq!((first.events().len(), second.events().len()), (2, 1));
    drop(first);
    BREAKER.force_open();
    assert_eq!(second.events().len(), 2);
}

/// Counts the events and spans that it gets.
struct Counting {
    events: Arc<AtomicU32>,
    spans: AtomicU32,
}

impl tracing::Subscriber for Counting {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() || *metadata.level() <= tracing::Level::INFO
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(u64::from(self.spans.fetch_add(1, Relaxed)) + 1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.events.fetch_add(1, Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn everything_also_reaches_the_subscriber_around() {
    let events = Arc::new(AtomicU32::new(0));
    let subscriber = Counting { events: Arc::clone(&events), spans: AtomicU32::new(0) };
    tracing::subscriber::with_default(subscriber, || {
        let _guard = testing::isolate();
        let log = Recorder::start();
        let span = tracing::info_span!("test");
        assert_eq!(span.id(), Some(tracing::span::Id::from_u64(1)));
        span.in_scope(|| tracing::info!("an event of the test"));
        tracing::debug!("not enabled");
        BREAKER.force_open();
        BREAKER.acquire().unwrap_err();
        assert_eq!(log.events().len(), 2, "with one at DEBUG");
        assert_eq!(events.load(Relaxed), 2, "with one of the test");
    });
}

#[tokio::test]
#[isolated]
async fn each_report_is_recorded_by_its_name() {
    let log = Recorder::start();
    let error = ServiceUnavailable::new("inventory");
    for number in 0..5 {
        report(&error);
        assert_eq!(log.events().len(), number + 1);
    }
    let names: Vec<_> = log.events().iter().map(|event| event.name().to_owned()).collect();
    assert!(names.iter().all(|name| name == "expected_error"), "{names:?}");
}
