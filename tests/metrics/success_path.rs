//! What a success costs with metrics.

use resilience::{CircuitBreaker, Rejected, circuit_breaker, retry, timeout};
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

#[test]
fn success_allocates_nothing_after_the_first() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            // The labels are built once, and the recorder creates its counters.
            assert_eq!(balance().await, Ok(7));
            let before = so_far();
            for _ in 0..100 {
                assert_eq!(balance().await, Ok(7));
            }
            assert_eq!(so_far() - before, 0);
        });
    });
}
