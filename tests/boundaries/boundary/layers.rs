//! A boundary above other layers, and the alerts that it ends.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{
    CircuitBreaker, RequestContext,
    alert::{AlertNotice, AlertPhase},
    boundary, circuit_breaker, degrade, on_alert, report, retry, timeout,
};
use resilience_test_support::Records;

use super::{UserError, only_report, reports};

#[boundary]
#[retry(idempotent, attempts = 3, external_timeout)]
async fn retried(calls: &AtomicU32, good: u32) -> Result<u32, UserError> {
    let call = calls.fetch_add(1, Relaxed) + 1;
    if call >= good { Ok(call) } else { Err(UserError::Away) }
}

#[tokio::test(start_paused = true)]
async fn failed_retry_is_reported_once_after_the_last_attempt() {
    let records = Records::capture();
    let calls = AtomicU32::new(0);
    assert_eq!(retried(&calls, 9).await, Err(UserError::Away));
    assert_eq!(calls.load(Relaxed), 3);
    assert_eq!(
        records.names(),
        ["retry_scheduled", "retry_scheduled", "retry_stopped", "expected_error"]
    );
    let report = only_report(&records);
    assert_eq!(report.text("operation"), "retried");
    // The events of the layers have the request id too.
    for record in records.all() {
        assert_eq!(
            record["span"]["request_id"].as_str(),
            Some(report.text("request_id")),
            "{record:?}"
        );
    }
}

#[tokio::test]
async fn records_and_events_of_a_request_have_the_same_fields_to_search_by() {
    static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
    #[boundary]
    #[circuit_breaker(INVENTORY)]
    async fn reserve() -> Result<(), UserError> {
        Ok(())
    }
    #[boundary]
    async fn order() -> Result<(), UserError> {
        reserve().await
    }
    INVENTORY.force_open();
    let records = Records::capture();
    let context = RequestContext::new();
    context.clone().scope(order()).await.unwrap_err();
    let logged = records.all();
    let names = ["circuit_breaker_rejected", "expected_error", "already_reported"];
    assert_eq!(records.names(), names);
    for (record, function) in logged.iter().zip(["reserve", "reserve", "order"]) {
        assert_eq!(record.text("request_id"), context.request_id().as_str(), "{record:?}");
        assert_eq!(record.text("function"), function, "{record:?}");
        assert_eq!(record.text("dependency"), "inventory", "{record:?}");
    }
    assert_eq!(logged[1].text("service"), "inventory");
    assert_eq!(logged[1].text("error.type"), "CIRCUIT_OPEN");
}

#[test]
fn long_names_are_cut_and_escaped() {
    let records = Records::capture();
    let context = RequestContext::new();
    context.set_user(format!("u\n{}", "x".repeat(10_000)));
    context.set_tenant("t".repeat(10_000));
    context.set_operation("o".repeat(10_000));
    context.sync_scope(|| report(&UserError::Away));
    let record = only_report(&records);
    assert_eq!(record.text("user_id"), format!("u\\n{}…", "x".repeat(253)));
    assert_eq!(record.text("tenant_id"), format!("{}…", "t".repeat(256)));
    assert_eq!(record.text("operation"), format!("{}…", "o".repeat(256)));
}

#[tokio::test(start_paused = true)]
async fn successful_retry_is_not_reported() {
    let records = Records::capture();
    assert_eq!(retried(&AtomicU32::new(0), 3).await, Ok(3));
    assert!(reports(&records).is_empty(), "{:?}", records.names());
}

#[boundary]
#[degrade(fallback = 0)]
#[timeout("1s")]
async fn degraded(id: u64) -> Result<u64, UserError> {
    if id == 0 {
        std::future::pending::<()>().await;
    }
    Err(UserError::Unknown(id))
}

#[tokio::test(start_paused = true)]
async fn failure_replaced_by_a_fallback_is_not_reported() {
    let records = Records::capture();
    assert_eq!(degraded(0).await, Ok(0));
    assert_eq!(records.names(), ["call_timed_out", "graceful_degradation_activated"]);
    assert_eq!(degraded(1).await, Err(UserError::Unknown(1)));
    assert_eq!(only_report(&records).text("exception.message"), "no row for user 1");
}

#[boundary]
#[retry(idempotent, attempts = 2, base = "1ms", jitter = "none", blocking)]
fn retried_and_not_async(calls: &Cell<u32>) -> Result<(), UserError> {
    calls.set(calls.get() + 1);
    Err(UserError::Away)
}

#[test]
fn sync_function_can_be_retried_below_a_boundary() {
    let records = Records::capture();
    let calls = Cell::new(0);
    assert_eq!(retried_and_not_async(&calls), Err(UserError::Away));
    assert_eq!(calls.get(), 2);
    assert_eq!(only_report(&records).text("operation"), "retried_and_not_async");
}

#[tokio::test(start_paused = true)]
async fn successful_call_resets_the_alert_count() {
    static NOTICES: Mutex<Vec<AlertNotice>> = Mutex::new(Vec::new());

    #[boundary(operation = "flaky")]
    async fn flaky(works: bool) -> Result<(), UserError> {
        if works { Ok(()) } else { Err(UserError::Away) }
    }

    on_alert(|notice| {
        if &*notice.operation == "flaky" {
            NOTICES.lock().unwrap().push(notice.clone());
        }
    });

    // At most four consecutive failures.
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(flaky(false).await.is_err());
        }
        assert!(flaky(true).await.is_ok());
    }
    assert!(NOTICES.lock().unwrap().is_empty());
    for _ in 0..5 {
        assert!(flaky(false).await.is_err());
    }
    assert!(flaky(true).await.is_ok());
    let phases: Vec<_> = NOTICES.lock().unwrap().iter().map(|notice| notice.phase).collect();
    assert_eq!(phases, [AlertPhase::Began, AlertPhase::Over]);
}
