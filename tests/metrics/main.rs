//! Metrics, as a Prometheus server reads them.
#![allow(clippy::float_cmp, reason = "counts, and fractions that are exact in binary")]

mod allocations;
mod dashboard;

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_parse::{Scrape, Value};
use resilience::{
    CircuitBreaker, CircuitBreakers, Flag, Rejected, RetryBudget, ServiceError, circuit_breaker,
    degrade, retry, secs, timeout,
};
use tokio::time::sleep;

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error("busy")]
    #[service(unavailable, code = "BUSY")]
    Busy,
    #[error("no such item")]
    #[service(not_found)]
    Unknown,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

/// What a server would read after `work`.
struct Scraped(Vec<(String, BTreeMap<String, String>, f64)>);

impl Scraped {
    /// On a paused clock, with a recorder of its own.
    fn after(work: impl Future<Output = ()>) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        metrics::with_local_recorder(&recorder, || {
            resilience::metrics::describe();
            runtime.block_on(work);
        });
        handle.run_upkeep();
        let lines = handle.render().lines().map(|line| Ok(line.to_owned())).collect::<Vec<_>>();
        let scrape = Scrape::parse(lines.into_iter()).expect("the text format of Prometheus");
        let samples = scrape.samples.into_iter().map(|sample| {
            let labels = sample.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
            let value = match sample.value {
                Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
                Value::Histogram(_) | Value::Summary(_) => f64::NAN,
            };
            (sample.metric, labels.collect(), value)
        });
        Self(samples.collect())
    }

    /// The value of the metric with exactly these labels.
    #[track_caller]
    fn value(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = self.0.iter().find(|sample| sample.0 == metric && sample.1 == labels);
        found.unwrap_or_else(|| panic!("no {metric} {labels:?} in {:#?}", self.0)).2
    }

    /// The sum of a metric over all its labels.
    fn total(&self, metric: &str) -> f64 {
        self.0.iter().filter(|sample| sample.0 == metric).map(|sample| sample.2).sum()
    }
}

/// Labels of a function and one more.
macro_rules! of {
    ($function:literal) => {
        [("service", $function), ("function", $function)]
    };
    ($function:literal $(, $name:literal = $value:expr)+) => {
        [("service", $function), ("function", $function) $(, ($name, $value))+]
    };
}

#[test]
fn retries_are_counted_with_their_causes_and_results() {
    #[retry(idempotent, external_timeout, attempts = 3, budget = "off")]
    async fn stock(failures: &mut u32) -> Result<u32, StockError> {
        if *failures == 0 {
            return Ok(3);
        }
        *failures -= 1;
        Err(StockError::Busy)
    }
    let scraped = Scraped::after(async {
        assert!(stock(&mut 0).await.is_ok());
        assert!(stock(&mut 0).await.is_ok());
        assert!(stock(&mut 2).await.is_ok());
        assert!(stock(&mut 3).await.is_err());
    });
    let calls = "resilience_retry_calls";
    assert_eq!(scraped.value(calls, &of!("stock", "outcome" = "success")), 2.0);
    assert_eq!(scraped.value(calls, &of!("stock", "outcome" = "success_after_retry")), 1.0);
    assert_eq!(scraped.value(calls, &of!("stock", "outcome" = "failed")), 1.0);
    let attempts = "resilience_retry_attempts";
    assert_eq!(scraped.value(attempts, &of!("stock", "outcome" = "success")), 3.0);
    assert_eq!(scraped.value(attempts, &of!("stock", "outcome" = "transient")), 5.0);
    assert_eq!(scraped.value("resilience_retry_scheduled", &of!("stock", "code" = "BUSY")), 4.0);
    let stopped = of!("stock", "reason" = "attempts_exhausted");
    assert_eq!(scraped.value("resilience_retry_stopped", &stopped), 1.0);
}

#[test]
fn budget_is_a_fraction_of_its_capacity() {
    static BUDGET: RetryBudget =
        RetryBudget::new().capacity(20).retry_cost(5).refill_every(secs(60));
    #[retry(idempotent, external_timeout, attempts = 2, budget = BUDGET)]
    async fn price() -> Result<u32, StockError> {
        Err(StockError::Busy)
    }
    let level = |calls| {
        Scraped::after(async move {
            for _ in 0..calls {
                let _ = price().await;
            }
        })
        .value("resilience_retry_budget", &of!("price"))
    };
    assert_eq!(level(1), 0.75);
    assert_eq!(level(2), 0.25);
    assert_eq!(level(9), 0.0);
}

#[test]
fn breaker_has_durations_failures_rejections_and_a_state() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("warehouse").failure_threshold(2);
    #[circuit_breaker(BREAKER)]
    async fn shelf(answer: Result<u32, StockError>) -> Result<u32, StockError> {
        sleep(Duration::from_millis(250)).await;
        answer
    }
    let breaker = ("circuit_breaker", "warehouse");
    let scraped = Scraped::after(async {
        assert!(shelf(Ok(1)).await.is_ok());
        assert!(shelf(Ok(1)).await.is_ok());
        assert!(shelf(Err(StockError::Unknown)).await.is_err());
        drop(tokio::time::timeout(Duration::from_millis(50), shelf(Ok(1))).await);
        for _ in 0..2 {
            assert!(shelf(Err(StockError::Busy)).await.is_err());
        }
        for _ in 0..3 {
            assert!(
                shelf(Ok(1)).await.is_err_and(|error| matches!(error, StockError::Rejected(_)))
            );
        }
    });
    let calls = |outcome, part: &str| {
        let metric = format!("resilience_circuit_breaker_call_duration_{part}");
        scraped.value(&metric, &[breaker, ("outcome", outcome)])
    };
    assert_eq!((calls("success", "count"), calls("success", "sum")), (2.0, 0.5));
    assert_eq!((calls("permanent", "count"), calls("permanent", "sum")), (1.0, 0.25));
    assert_eq!((calls("transient", "count"), calls("transient", "sum")), (2.0, 0.5));
    assert_eq!((calls("abandoned", "count"), calls("abandoned", "sum")), (1.0, 0.05));
    assert_eq!(scraped.value("resilience_circuit_breaker_rejected", &[breaker]), 3.0);
    let failures = [breaker, ("code", "BUSY")];
    assert_eq!(scraped.value("resilience_circuit_breaker_failures", &failures), 2.0);
    assert_eq!(scraped.value("resilience_circuit_breaker_state", &[breaker]), 2.0);
    assert_eq!(scraped.value("resilience_circuit_breaker_open", &[breaker]), 1.0);
    let opened = [breaker, ("state", "open"), ("reason", "failure_threshold")];
    assert_eq!(scraped.value("resilience_circuit_breaker_transitions", &opened), 1.0);
}

#[test]
fn set_of_breakers_has_the_number_of_open_ones_and_no_key_in_a_label() {
    static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners").failure_threshold(1);
    #[circuit_breaker(PARTNERS, key = partner)]
    async fn offer(partner: &str, answer: Result<u32, StockError>) -> Result<u32, StockError> {
        answer
    }
    let scraped = Scraped::after(async {
        for partner in ["acme", "globex", "initech"] {
            assert!(offer(partner, Err(StockError::Busy)).await.is_err());
        }
        PARTNERS.get("globex").reset();
        assert!(offer("globex", Ok(1)).await.is_ok());
    });
    let set = ("circuit_breaker", "partners");
    assert_eq!(scraped.value("resilience_circuit_breaker_open", &[set]), 2.0);
    let failures = [set, ("code", "BUSY")];
    assert_eq!(scraped.value("resilience_circuit_breaker_failures", &failures), 3.0);
    assert!(!format!("{:?}", scraped.0).contains("acme"));
}

#[test]
fn timeouts_and_fallbacks_are_counted() {
    #[degrade(fallback = 1)]
    #[timeout("1s")]
    async fn guess(hangs: bool) -> Result<u32, StockError> {
        if hangs {
            sleep(secs(60)).await;
        }
        Ok(3)
    }
    #[degrade(fallback = Err::<u32, _>(StockError::Unknown)?)]
    async fn no_guess() -> Result<u32, StockError> {
        Err(StockError::Busy)
    }
    let scraped = Scraped::after(async {
        assert_eq!(guess(false).await.ok(), Some(3));
        assert_eq!(guess(true).await.ok(), Some(1));
        assert!(no_guess().await.is_err());
    });
    assert_eq!(scraped.value("resilience_timeouts", &of!("guess")), 1.0);
    let degraded = of!("guess", "code" = "NETWORK_TIMEOUT", "source" = "default");
    assert_eq!(scraped.value("resilience_degraded", &degraded), 1.0);
    assert_eq!(scraped.value("resilience_degradation_failed", &of!("no_guess")), 1.0);
}

#[test]
fn answers_in_place_of_the_callee_are_counted_by_source() {
    static COUNT: Flag = Flag::new("metrics-count");
    #[degrade(fallback = 0, flag = COUNT, stale(max_age = "1h", key = sku, shared(fails), coalesce))]
    async fn count(sku: u32, fails: bool) -> Result<u32, StockError> {
        sleep(secs(1)).await;
        if fails { Err(StockError::Busy) } else { Ok(sku) }
    }
    let scraped = Scraped::after(async {
        count(1, false).await.unwrap();
        count(2, true).await.unwrap();
        count(1, true).await.unwrap();
        // Each caller of a shared call is answered.
        let _ = tokio::join!(count(1, true), count(1, true), count(1, true));
        COUNT.set(false);
        count(1, false).await.unwrap();
        count(2, false).await.unwrap();
        count(2, false).await.unwrap();
    });
    let degraded = |code, source| {
        scraped.value("resilience_degraded", &of!("count", "code" = code, "source" = source))
    };
    assert_eq!((degraded("BUSY", "cache"), degraded("BUSY", "default")), (4.0, 1.0));
    let off = "SWITCHED_OFF";
    assert_eq!((degraded(off, "cache"), degraded(off, "default")), (1.0, 2.0));
    assert_eq!(scraped.total("resilience_degraded"), 8.0, "live answers aren't counted");
}

#[test]
fn labels_are_names_of_the_program_and_no_text_of_an_error() {
    #[retry(idempotent, external_timeout, attempts = 1)]
    async fn search(text: &str) -> Result<u32, std::io::Error> {
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, text.to_owned()))
    }
    let scraped = Scraped::after(async {
        for number in 0..100 {
            let _ = search(&format!("secret {number}")).await;
        }
    });
    assert_eq!(scraped.total("resilience_retry_calls"), 100.0);
    assert!(scraped.0.len() < 20, "{:#?}", scraped.0);
    assert!(!format!("{:?}", scraped.0).contains("secret"));
}
