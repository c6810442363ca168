//! What a success and a failure cost with metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use resilience::{
    CircuitBreaker, Rejected, ServiceError, circuit_breaker, degrade, retry, timeout,
};
use resilience_test_support::allocations::{Counting, so_far};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BREAKER: CircuitBreaker = CircuitBreaker::new("ledger");

#[retry(idempotent)]
#[circuit_breaker(BREAKER)]
#[timeout("5s")]
async fn balance() -> Result<u32, Rejected> {
    Ok(7)
}

/// Counts without allocating, as not every recorder does: that of Prometheus stores histograms in
/// blocks.
#[derive(Default)]
struct Counts {
    counters: Arc<AtomicU64>,
    histograms: Arc<Recordings>,
}

#[derive(Default)]
struct Recordings(AtomicU64);

impl HistogramFn for Recordings {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(&self.counters))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.histograms))
    }
}

#[test]
fn success_allocates_nothing_after_the_first() {
    let recorder = Counts::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            // The labels are built once.
            assert_eq!(balance().await, Ok(7));
            let before = so_far();
            for _ in 0..100 {
                assert_eq!(balance().await, Ok(7));
            }
            assert_eq!(so_far() - before, 0);
        });
    });
    assert_eq!(recorder.counters.load(Relaxed), 2 * 101, "calls and attempts");
    assert_eq!(recorder.histograms.0.load(Relaxed), 101);
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum LedgerError {
    #[error("busy")]
    #[service(unavailable)]
    Busy,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

static FAILING: CircuitBreaker = CircuitBreaker::new("archive").failure_threshold(1_000);

#[degrade(fallback = 0)]
#[retry(idempotent, attempts = 2, base = "1ms", budget = "off")]
#[circuit_breaker(FAILING)]
#[timeout("5s")]
async fn archived() -> Result<u32, LedgerError> {
    Err(LedgerError::Busy)
}

#[test]
fn failure_allocates_nothing_after_the_first() {
    let recorder = Counts::default();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let allocated = |calls: u32| {
        let before = so_far();
        runtime.block_on(async {
            for _ in 0..calls {
                assert!(matches!(archived().await, Ok(0)));
            }
        });
        so_far() - before
    };
    metrics::with_local_recorder(&recorder, || {
        // The labels are built once.
        allocated(1);
        assert_eq!(allocated(100), 0);
    });
    // Two failed attempts and breaker failures, a retry, and a call that stopped and degraded.
    assert_eq!(recorder.counters.load(Relaxed), 8 * 101);
    assert_eq!(recorder.histograms.0.load(Relaxed), 2 * 101);
}
