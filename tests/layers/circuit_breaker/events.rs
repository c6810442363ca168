//! What the circuit breaker logs, and under which names.
//!
//! Alone in its binary: a log site that another test reaches first, and at the same time, may miss
//! this test's subscriber.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resilience::{CircuitBreaker, Classification, Rejected};
use tokio::time::advance;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "resilience"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn c5_every_change_every_failure_and_every_rejection_is_an_event() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
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
        r#"WARN circuit_breaker_failure service="inventory" code="BUSY" consecutive_failures=1"#,
        r#"WARN circuit_breaker_state_change service="inventory" old_state="closed" new_state="open" reason="failure_threshold""#,
        r#"DEBUG circuit_breaker_rejected service="inventory" retry_after_ms=30000"#,
        r#"WARN circuit_breaker_state_change service="inventory" old_state="open" new_state="half_open" reason="recovery_timeout""#,
        r#"WARN circuit_breaker_state_change service="inventory" old_state="half_open" new_state="closed" reason="probes_succeeded""#,
        r#"WARN circuit_breaker_failure service="inventory" code="BUSY" consecutive_failures=1"#,
        r#"WARN circuit_breaker_state_change service="inventory" old_state="closed" new_state="open" reason="failure_threshold""#,
        r#"WARN circuit_breaker_state_change service="inventory" old_state="open" new_state="forced_open" reason="control""#,
        r#"DEBUG circuit_breaker_rejected service="inventory""#,
    ];
    assert_eq!(*log.0.lock().unwrap(), expected);
}
