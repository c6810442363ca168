//! What the feature `metrics` costs on the success path, in nanoseconds: without a recorder, and
//! with one for Prometheus. Without the feature, it costs nothing; the rows of
//! `cargo bench -p resilience-benches --bench overhead` are built so.
//!
//!     cargo bench -p resilience-metrics-tests --bench success_path
//!
//! Each line is the fastest of many short samples: other load only makes a sample slower.

use std::env;
use std::hint::black_box;
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use metrics_exporter_prometheus::PrometheusBuilder;
use resilience::{CircuitBreaker, Rejected, circuit_breaker, degrade, retry, secs, timeout};

const SAMPLES: u32 = 2_000;
const CALLS: u32 = 1_000;

/// A breaker keeps what it has found in the recorder, so each one is measured in its own process.
const WITH_RECORDER: &str = "--with-recorder";

static CLOSED: CircuitBreaker = CircuitBreaker::new("closed");
static TIME: CircuitBreaker = CircuitBreaker::new("time").failure_rate(50).window_time(secs(10));
static NEST: CircuitBreaker = CircuitBreaker::new("nest");

async fn bare(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

#[retry(idempotent, external_timeout)]
async fn retried(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

#[timeout("5s")]
async fn limited(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

#[circuit_breaker(CLOSED)]
async fn guarded(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

#[circuit_breaker(TIME)]
async fn guarded_over_time(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[circuit_breaker(NEST)]
#[timeout("5s")]
async fn full_nest(input: u64) -> Result<u64, Rejected> {
    Ok(input)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    if env::args().any(|argument| argument == WITH_RECORDER) {
        PrometheusBuilder::new().install_recorder().expect("no other recorder");
        resilience::metrics::describe();
        return measure_all("Prometheus");
    }
    measure_all("no recorder");
    let this = env::current_exe().expect("its own path");
    let status = Command::new(this).arg(WITH_RECORDER).status().expect("it can be started");
    assert!(status.success(), "{status}");
}

fn measure_all(recorder: &str) {
    measure(recorder, "bare", bare);
    measure(recorder, "retry", retried);
    measure(recorder, "timeout", limited);
    measure(recorder, "breaker (consecutive)", guarded);
    measure(recorder, "breaker (rate over time)", guarded_over_time);
    measure(recorder, "full nest", full_nest);
}

fn measure<F: Future<Output = Result<u64, Rejected>>>(
    recorder: &str,
    case: &str,
    call: impl Fn(u64) -> F,
) {
    let mut fastest = f64::INFINITY;
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..SAMPLES {
        let start = Instant::now();
        for _ in 0..CALLS {
            let polled = black_box(pin!(call(black_box(7))).poll(&mut cx));
            assert_eq!(polled, Poll::Ready(Ok(7)));
        }
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    println!("{case:<26} {recorder:<12} {fastest:6.1} ns");
}
