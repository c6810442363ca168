//! The rate of fallbacks and stale values above which there is an alert.

use std::sync::{Arc, Mutex};

use resilience::alert::AlertPhase;
use resilience::{degrade, on_alert, secs};
use resilience_test_support::CallError;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn one_alert_begins_above_the_rate_and_one_ends_below_it() {
    #[degrade(fallback = 0, service = "alert_above", alert_above = "5/1m")]
    async fn call(error: CallError) -> Result<u32, CallError> {
        Err(error)
    }
    let phases: Arc<Mutex<Vec<_>>> = Arc::default();
    let sink = Arc::clone(&phases);
    on_alert(move |notice| {
        if &*notice.operation == "alert_above" {
            sink.lock().unwrap().push((notice.phase, notice.failures));
        }
    });
    let phases = || std::mem::take(&mut *phases.lock().unwrap());
    // Whatever their codes and categories.
    for error in [CallError::Busy, CallError::CacheMiss, CallError::Refused] {
        assert_eq!(phases(), []);
        for _ in 0..2 {
            assert_eq!(call(error.clone()).await, Ok(0));
        }
    }
    assert_eq!(phases(), [(AlertPhase::Began, 6)]);
    for _ in 0..20 {
        call(CallError::Busy).await.unwrap();
    }
    assert_eq!(phases(), [], "it has begun");
    sleep(secs(61)).await;
    assert_eq!(phases(), [(AlertPhase::Over, 26)]);

    for _ in 0..5 {
        call(CallError::Busy).await.unwrap();
    }
    assert_eq!(phases(), [], "not above the rate");
    call(CallError::Busy).await.unwrap();
    assert_eq!(phases(), [(AlertPhase::Began, 6)]);
}
