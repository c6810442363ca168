//! `on_alert`: when an alert begins and ends, on a paused clock. Each test has its own operation,
//! since listeners and thresholds belong to the process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resilience::errors::{
    AuthFailed, CacheMiss, Internal, MissingConfig, NetworkTimeout, NotFound, ServiceUnavailable,
    ValidationError,
};
use resilience::{
    Alert, Category, Classification, Classify, Degrade, Rejected, RequestContext, Severity,
    alert::{self, AlertNotice, AlertPhase},
    millis, on_alert,
    registry::Site,
    report,
    report::Report,
    request::RequestId,
    secs,
    shutdown::Shutdown,
};
use resilience_test_support::Records;
use tokio::time::{advance, sleep};

/// Collects the alerts of one operation.
struct Listener {
    operation: &'static str,
    notices: Arc<Mutex<Vec<AlertNotice>>>,
}

impl Listener {
    fn of(operation: &'static str) -> Self {
        let notices = Arc::<Mutex<Vec<AlertNotice>>>::default();
        let listener = Arc::clone(&notices);
        on_alert(move |notice| {
            if &*notice.operation == operation {
                listener.lock().unwrap().push(notice.clone());
            }
        });
        Self { operation, notices }
    }

    fn fail(&self, error: &(impl Classify + ?Sized)) {
        assert!(Report::new(error).operation(self.operation).emit().is_fresh());
    }

    fn succeed(&self) {
        alert::success(self.operation);
    }

    fn take(&self) -> Vec<AlertNotice> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }

    fn phases(&self) -> Vec<(AlertPhase, u64)> {
        self.take().iter().map(|notice| (notice.phase, notice.failures)).collect()
    }
}

use AlertPhase::{Began, Over};

fn timeout() -> NetworkTimeout {
    NetworkTimeout::new("inventory", secs(5))
}

#[tokio::test(start_paused = true)]
async fn transient_alert_begins_after_five_failures_and_ends_with_a_success() {
    let listener = Listener::of("transient");
    for _ in 0..4 {
        listener.fail(&timeout());
    }
    assert_eq!(listener.phases(), []);
    listener.fail(&timeout());
    let [began] = &listener.take()[..] else { panic!("the fifth begins it") };
    assert_eq!(
        (began.phase, began.alert, began.code),
        (Began, Alert::WhenRepeated, "NETWORK_TIMEOUT")
    );
    assert_eq!((began.category, began.severity), (Some(Category::Transient), Severity::Expected));
    assert_eq!((began.failures, began.lasted), (5, Duration::ZERO));

    for _ in 0..20 {
        listener.fail(&timeout());
    }
    assert_eq!(listener.phases(), [], "none in between");
    advance(secs(7)).await;
    listener.succeed();
    let [over] = &listener.take()[..] else { panic!("the success ends it") };
    assert_eq!((over.phase, over.failures, over.lasted), (Over, 25, secs(7)));
    listener.succeed();
    assert_eq!(listener.phases(), []);
}

#[tokio::test(start_paused = true)]
async fn success_resets_the_count_of_consecutive_failures() {
    let listener = Listener::of("row");
    for _ in 0..3 {
        for _ in 0..4 {
            listener.fail(&timeout());
        }
        listener.succeed();
    }
    assert_eq!(listener.phases(), []);
}

#[tokio::test(start_paused = true)]
async fn success_of_another_operation_does_not_reset_the_count() {
    let listener = Listener::of("mine");
    for _ in 0..4 {
        listener.fail(&timeout());
        alert::success("another");
        alert::success("");
    }
    listener.fail(&timeout());
    assert_eq!(listener.phases(), [(Began, 5)]);
}

#[tokio::test(start_paused = true)]
async fn codes_are_counted_separately_and_one_success_ends_all_alerts() {
    let listener = Listener::of("codes");
    let busy = Coded(Classification::transient("BUSY"));
    for _ in 0..4 {
        listener.fail(&timeout());
        listener.fail(&busy);
    }
    assert_eq!(listener.phases(), []);
    listener.fail(&timeout());
    listener.fail(&busy);
    assert_eq!(listener.phases(), [(Began, 5), (Began, 5)]);
    listener.succeed();
    assert_eq!(listener.phases(), [(Over, 5), (Over, 5)]);
}

#[tokio::test(start_paused = true)]
async fn alert_ends_after_five_quiet_minutes_without_a_success() {
    let listener = Listener::of("quiet row");
    for _ in 0..5 {
        listener.fail(&timeout());
    }
    sleep(secs(100)).await;
    listener.fail(&timeout());
    listener.phases();
    sleep(millis(299_999)).await;
    assert_eq!(listener.phases(), []);
    sleep(millis(2)).await;
    let [over] = &listener.take()[..] else { panic!("it is over") };
    assert_eq!((over.phase, over.failures, over.lasted), (Over, 6, secs(100)));
    listener.fail(&timeout());
    assert_eq!(listener.phases(), [], "counting starts again");
}

#[tokio::test(start_paused = true)]
async fn permanent_alert_begins_with_the_eleventh_failure_in_a_minute() {
    let listener = Listener::of("frequent");
    let wrong = || Internal::new("the index has no such shard");
    // Ten in any minute: one every six seconds.
    for _ in 0..30 {
        listener.fail(&wrong());
        advance(secs(6)).await;
    }
    assert_eq!(listener.phases(), []);
    for _ in 0..2 {
        listener.fail(&wrong());
    }
    let [began] = &listener.take()[..] else { panic!("the eleventh begins it") };
    assert_eq!((began.phase, began.alert, began.failures), (Began, Alert::WhenFrequent, 11));
    listener.succeed();
    assert_eq!(listener.phases(), [], "a success doesn't end it");
    sleep(secs(301)).await;
    assert_eq!(listener.phases(), [(Over, 11)]);
}

#[tokio::test(start_paused = true)]
async fn mistakes_of_clients_do_not_alert() {
    let listener = Listener::of("sign up");
    for number in 0..200 {
        listener.fail(&ValidationError::new("email", "must contain an @"));
        listener.fail(&NotFound::new("user", format!("{number}")));
        listener.fail(&AuthFailed::new());
        listener.fail(&Coded(Classification::permanent("TEAPOT").with_status(418)));
    }
    assert_eq!(listener.phases(), []);
    for _ in 0..11 {
        listener.fail(&NotFound::new("user", "42").with_alert(Alert::WhenFrequent));
    }
    assert_eq!(listener.phases(), [(Began, 11)]);
    for _ in 0..20 {
        listener.fail(&timeout().with_alert(Alert::Never));
    }
    assert_eq!(listener.phases(), []);
}

#[tokio::test(start_paused = true)]
async fn outage_of_one_dependency_does_not_hide_that_of_another() {
    let listener = Listener::of("place_order");
    let mut request = RequestId::new();
    for dependency in ["inventory", "payment"] {
        for _ in 0..6 {
            request = RequestId::new();
            RequestContext::with_request_id(request.clone()).sync_scope(|| {
                listener.fail(&Rejected::circuit_open(dependency, None));
            });
        }
    }
    let notices = listener.take();
    let texts: Vec<_> =
        notices.iter().map(|notice| (notice.dependency.as_deref(), &*notice.message)).collect();
    assert_eq!(
        texts,
        [
            (Some("inventory"), "the circuit of inventory is open"),
            (Some("payment"), "the circuit of payment is open")
        ]
    );
    assert!(notices.iter().all(|notice| notice.request_id.is_some()));
    listener.succeed();
    let over = listener.take();
    assert_eq!(over[1].request_id.as_deref(), Some(request.as_str()));
}

#[tokio::test(start_paused = true)]
async fn one_outage_with_two_codes_is_one_alert() {
    let listener = Listener::of("one outage");
    for _ in 0..3 {
        listener.fail(&Rejected::timed_out("inventory", secs(5)));
    }
    for _ in 0..3 {
        listener.fail(&Rejected::circuit_open("inventory", None));
    }
    let [began] = &listener.take()[..] else { panic!("one alert") };
    assert_eq!((began.code, began.failures), ("CIRCUIT_OPEN", 5));
}

#[tokio::test(start_paused = true)]
async fn notice_is_redacted_and_bounded() {
    let listener = Listener::of("redacted");
    let cause = "postgres://app:hunter2@db/shop is down ".repeat(1000);
    for _ in 0..5 {
        listener.fail(&ServiceUnavailable::new(cause.clone()));
    }
    let [began] = &listener.take()[..] else { panic!("the fifth begins it") };
    assert!(!began.message.contains("hunter2"), "{}", began.message);
    assert!(began.message.len() <= 1024, "{}", began.message.len());
}

#[tokio::test(start_paused = true)]
async fn partial_failures_alert_with_low_priority() {
    let listener = Listener::of("partial");
    for _ in 0..11 {
        listener.fail(&CacheMiss::new("prices"));
    }
    let alerts: Vec<_> =
        listener.take().iter().map(|notice| (notice.phase, notice.alert)).collect();
    assert_eq!(alerts, [(Began, Alert::LowPriority)]);
}

#[tokio::test(start_paused = true)]
async fn fatal_error_alerts_immediately_and_only_once() {
    let listener = Listener::of("fatal");
    Shutdown::new()
        .scope(async {
            listener.fail(&MissingConfig::new("DATABASE_URL"));
            listener.fail(&MissingConfig::new("DATABASE_URL"));
        })
        .await;
    let [began] = &listener.take()[..] else { panic!("once") };
    assert_eq!(
        (began.alert, began.severity, began.failures),
        (Alert::AtOnce, Severity::Critical, 1)
    );
    listener.succeed();
    assert_eq!(listener.phases(), []);
    sleep(secs(301)).await;
    assert_eq!(listener.phases(), [(Over, 2)]);
    listener.fail(&Coded(Classification::transient("REFUSED").with_alert(Alert::AtOnce)));
    assert_eq!(listener.phases(), [(Began, 1)], "so does an error with this alert");
}

#[tokio::test(start_paused = true)]
async fn failure_passing_two_boundaries_is_counted_once() {
    let listener = Listener::of("two boundaries");
    for _ in 0..4 {
        RequestContext::new().sync_scope(|| {
            listener.fail(&timeout());
            assert!(!Report::new(&timeout()).operation("two boundaries").emit().is_fresh());
        });
    }
    assert_eq!(listener.phases(), []);
    listener.fail(&timeout());
    assert_eq!(listener.phases(), [(Began, 5)]);
}

#[tokio::test(start_paused = true)]
async fn reports_without_operation_alert_by_frequency_only() {
    let listener = Listener::of("");
    for _ in 0..10 {
        assert!(report(&timeout()).is_fresh());
    }
    assert_eq!(listener.phases(), []);
    report(&timeout());
    let [began] = &listener.take()[..] else { panic!("the eleventh begins it") };
    assert_eq!((began.alert, began.failures), (Alert::WhenFrequent, 11));
}

#[tokio::test(start_paused = true)]
async fn frequent_fallbacks_alert_under_the_service_name() {
    static SITE: Site = Site::new("recommendations", "recommended", "shop", "shop.rs", 1);
    let listener = Listener::of("recommendations");
    for _ in 0..11 {
        assert!(Degrade::Critical.activate(
            &CacheMiss::new("prices"),
            Classify::classify,
            "[]",
            &SITE
        ));
        assert!(Degrade::Critical.activate(&timeout(), Classify::classify, "[]", &SITE));
    }
    let alerts: Vec<_> = listener.take().iter().map(|notice| (notice.code, notice.alert)).collect();
    assert_eq!(
        alerts,
        [("CACHE_MISS", Alert::LowPriority), ("NETWORK_TIMEOUT", Alert::WhenFrequent)]
    );
}

#[tokio::test(start_paused = true)]
async fn listener_may_panic_or_report_without_harm() {
    on_alert(|notice| assert_ne!(&*notice.operation, "unlucky", "so be it"));
    on_alert(|notice| {
        if &*notice.operation == "unlucky" {
            Report::new(&Internal::new("reported by the listener")).operation("unlucky").emit();
            alert::success("unlucky");
        }
    });
    let listener = Listener::of("unlucky");
    for _ in 0..5 {
        listener.fail(&timeout());
    }
    assert_eq!(listener.phases(), [(Began, 5), (Over, 5)], "in order");
}

#[tokio::test(start_paused = true)]
async fn alerts_are_logged_as_events() {
    let records = Records::capture();
    let listener = Listener::of("events");
    for _ in 0..5 {
        listener.fail(&timeout());
    }
    advance(millis(1500)).await;
    listener.succeed();
    let logged: Vec<_> = records
        .alerts()
        .into_iter()
        .map(|record| {
            let texts = [
                "level",
                "message",
                "operation",
                "dependency",
                "code",
                "error",
                "alert",
                "category",
                "severity",
            ];
            (
                texts.map(|field| record.text(field).to_owned()),
                record["failures"].clone(),
                record["lasted_ms"].clone(),
            )
        })
        .collect();
    let event = |level: &str, name: &str| {
        [
            level,
            name,
            "events",
            "inventory",
            "NETWORK_TIMEOUT",
            "inventory timed out after 5s",
            "when_repeated",
            "transient",
            "expected",
        ]
        .map(str::to_owned)
    };
    let (began, over) = (event("WARN", "alert_began"), event("INFO", "alert_over"));
    assert_eq!(logged, [(began, 5.into(), 0.into()), (over, 5.into(), 1500.into())]);
}

struct Coded(Classification);

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code())
    }
}

impl Classify for Coded {
    fn classify(&self) -> Classification {
        self.0
    }
}
