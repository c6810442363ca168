//! The events of the circuit breaker, with all their fields.

use std::time::Duration;

use resilience::{CircuitBreaker, Classification, Rejected};
use resilience_test_support::Events;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn state_changes_failures_and_rejections_are_logged() {
    let events = Events::capture();
    let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    let busy = Classification::transient("BUSY");
    breaker.acquire().unwrap().failed(&busy);
    breaker.call(async { Ok::<_, Rejected>(()) }).await.unwrap_err();
    advance(Duration::from_secs(30)).await;
    breaker.acquire().unwrap().failed(&Classification::permanent("NOT_FOUND"));
    breaker.acquire().unwrap().failed(&busy);
    breaker.force_open();
    assert!(breaker.acquire().is_err());
    let expected = [
        r#"DEBUG circuit_breaker_failure service="inventory" dependency="inventory" code="BUSY" consecutive_failures=1"#,
        r#"WARN circuit_breaker_state_change service="inventory" dependency="inventory" old_state="closed" new_state="open" reason="failure_threshold""#,
        r#"DEBUG circuit_breaker_rejected service="inventory" dependency="inventory" retry_after_ms=30000"#,
        r#"WARN circuit_breaker_state_change service="inventory" dependency="inventory" old_state="open" new_state="half_open" reason="recovery_timeout""#,
        r#"WARN circuit_breaker_state_change service="inventory" dependency="inventory" old_state="half_open" new_state="closed" reason="probes_succeeded""#,
        r#"DEBUG circuit_breaker_failure service="inventory" dependency="inventory" code="BUSY" consecutive_failures=1"#,
        r#"WARN circuit_breaker_state_change service="inventory" dependency="inventory" old_state="closed" new_state="open" reason="failure_threshold""#,
        r#"WARN circuit_breaker_state_change service="inventory" dependency="inventory" old_state="open" new_state="forced_open" reason="control""#,
        r#"DEBUG circuit_breaker_rejected service="inventory" dependency="inventory""#,
    ];
    let lines: Vec<String> = events.all().into_iter().map(|event| event.line).collect();
    assert_eq!(lines, expected);
}
