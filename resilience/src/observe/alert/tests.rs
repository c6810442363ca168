use std::thread;
use std::time::Duration;

use tokio::time::{advance, sleep};

use super::*;
use crate::{millis, secs};

use AlertPhase::{Began, Over};

/// A separate set of alerts, and the notices it has delivered.
struct TestAlerts {
    alerts: &'static Alerts,
    notices: Arc<Mutex<Vec<AlertNotice>>>,
}

impl TestAlerts {
    fn new() -> Self {
        let alerts: &'static Alerts = Box::leak(Box::new(Alerts::new()));
        let notices = Arc::<Mutex<Vec<_>>>::default();
        let sink = Arc::clone(&notices);
        alerts.listen(Arc::new(move |notice| sink.lock().unwrap().push(notice.clone())));
        Self { alerts, notices }
    }

    fn with_policy(policy: AlertPolicy) -> Self {
        let test = Self::new();
        test.alerts.set_policy(policy);
        test
    }

    fn fail(&self, operation: &str, alert: Alert) {
        self.fail_with(operation, None, alert, Classification::transient("DOWN"));
    }

    fn fail_with(
        &self,
        operation: &str,
        dependency: Option<&str>,
        alert: Alert,
        class: Classification,
    ) {
        let failure = Failure {
            operation: Some(operation),
            dependency,
            class,
            message: "it is down",
            request_id: Some("r-1"),
        };
        self.alerts.failed(&failure, alert, None);
    }

    fn take_notices(&self) -> Vec<AlertNotice> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }

    fn phases(&self) -> Vec<(AlertPhase, u64)> {
        self.take_notices().iter().map(|notice| (notice.phase, notice.failures)).collect()
    }

    fn state_count(&self) -> usize {
        self.alerts.table.lock().unwrap().len()
    }
}

fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Runs a function in a runtime whose clock is `ahead` of real time.
fn in_runtime_at(ahead: Duration, run: impl FnOnce()) {
    paused_runtime().block_on(async {
        advance(ahead).await;
        run();
    });
}

#[test]
fn alert_without_a_runtime_ends_at_the_next_failure() {
    let test = TestAlerts::new();
    test.fail("start", Alert::AtOnce);
    test.fail("another", Alert::WhenFrequent);
    assert_eq!(test.phases(), [(Began, 1)]);
    in_runtime_at(secs(301), || test.fail("another", Alert::WhenFrequent));
    assert_eq!(test.phases(), [(Over, 1)]);
}

#[test]
fn alert_outlives_the_runtime_in_which_it_began() {
    let test = TestAlerts::new();
    in_runtime_at(Duration::ZERO, || test.fail("start", Alert::AtOnce));
    assert_eq!(test.phases(), [(Began, 1)]);
    // A watcher in another runtime takes over.
    paused_runtime().block_on(async {
        test.fail("start", Alert::AtOnce);
        sleep(secs(299)).await;
        assert_eq!(test.phases(), []);
        sleep(secs(2)).await;
    });
    assert_eq!(test.phases(), [(Over, 2)]);
}

#[test]
fn alert_in_a_runtime_without_timers_ends_at_the_next_failure() {
    let test = TestAlerts::new();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        for _ in 0..3 {
            test.fail("start", Alert::AtOnce);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(test.phases(), [(Began, 1)]);
    in_runtime_at(secs(301), || test.fail("start", Alert::AtOnce));
    assert_eq!(test.phases(), [(Over, 3), (Began, 1)]);
}

#[tokio::test(start_paused = true)]
async fn policy_thresholds_are_exact() {
    let policy = AlertPolicy::new().repeated(2).frequent(1, secs(10)).quiet(secs(20));
    let test = TestAlerts::with_policy(policy);
    test.fail("repeated", Alert::WhenRepeated);
    assert_eq!(test.phases(), []);
    test.fail("repeated", Alert::WhenRepeated);
    assert_eq!(test.phases(), [(Began, 2)]);

    test.fail("frequent", Alert::WhenFrequent);
    advance(secs(10)).await;
    test.fail("frequent", Alert::WhenFrequent);
    assert_eq!(test.phases(), [], "the first failure has just left the window");
    advance(millis(9_999)).await;
    test.fail("frequent", Alert::WhenFrequent);
    assert_eq!(test.phases(), [(Began, 2)]);
    sleep(millis(2)).await;
    assert_eq!(test.phases(), [(Over, 2)], "the repeated alert began 20 s ago");
    sleep(secs(20)).await;
    assert_eq!(test.phases(), [(Over, 2)]);
}

#[tokio::test(start_paused = true)]
async fn first_failure_raises_an_alert_if_zero_are_allowed() {
    let test =
        TestAlerts::with_policy(AlertPolicy::new().frequent(0, secs(60)).quiet(Duration::MAX));
    test.fail("frequent", Alert::WhenFrequent);
    assert_eq!(test.phases(), [(Began, 1)]);
    sleep(secs(86_400 * 365)).await;
    assert_eq!(test.phases(), [], "the quiet period never ends");
}

#[test]
fn alert_kinds_of_one_operation_are_counted_separately() {
    let test = TestAlerts::new();
    for _ in 0..4 {
        test.fail("mixed", Alert::WhenRepeated);
        test.fail("mixed", Alert::LowPriority);
    }
    assert_eq!((test.phases(), test.state_count()), (vec![], 2));
    test.fail("mixed", Alert::WhenRepeated);
    assert_eq!(test.phases(), [(Began, 5)]);
    test.alerts.succeeded("mixed");
    assert_eq!((test.phases(), test.state_count()), (vec![(Over, 5)], 1));
}

#[test]
fn success_takes_no_lock_while_no_operation_awaits_one() {
    let test = TestAlerts::new();
    let waiting = || test.alerts.waiting.load(Relaxed);
    assert_eq!(waiting(), 0);
    test.fail("frequent", Alert::WhenFrequent);
    assert_eq!(waiting(), 0, "only a quiet period ends a frequent alert");
    test.fail("repeated", Alert::WhenRepeated);
    test.fail("repeated", Alert::WhenRepeated);
    assert_eq!(waiting(), 1 << shard("repeated"));
    test.alerts.succeeded("repeated");
    assert_eq!(waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn alert_table_is_bounded_and_evicts_alerts_last() {
    let test = TestAlerts::new();
    test.fail("alert", Alert::AtOnce);
    assert_eq!(test.phases(), [(Began, 1)]);
    for number in 0..3 * table::MAX_STATES {
        advance(millis(1)).await;
        test.fail(&format!("GET /{number}"), Alert::WhenRepeated);
        assert!(test.state_count() <= table::MAX_STATES);
    }
    assert_eq!(test.phases(), [], "the alert is still in progress");
    for number in 0..table::MAX_STATES {
        test.fail(&format!("POST /{number}"), Alert::AtOnce);
    }
    let notices = test.take_notices();
    let over: Vec<_> = notices
        .iter()
        .filter(|notice| notice.phase == Over)
        .map(|notice| &*notice.operation)
        .collect();
    assert_eq!(
        (over, notices.len()),
        (vec!["alert"], table::MAX_STATES + 1),
        "the oldest alert is evicted once only alerts are left"
    );
    for number in 0..table::MAX_STATES {
        test.alerts.succeeded(&format!("GET /{number}"));
    }
    assert_eq!((test.state_count(), test.alerts.waiting.load(Relaxed)), (table::MAX_STATES, 0));
}

#[test]
fn concurrent_alert_notices_alternate_between_began_and_over() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(1));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    test.fail("contended", Alert::WhenRepeated);
                    test.alerts.succeeded("contended");
                }
            });
        }
    });
    let phases: Vec<_> = test.take_notices().iter().map(|notice| notice.phase).collect();
    assert!(phases.len() >= 2 && phases.len() % 2 == 0, "{}", phases.len());
    assert!(phases.chunks(2).all(|pair| pair == [Began, Over]), "{phases:?}");
}

#[tokio::test(start_paused = true)]
async fn watcher_stops_when_its_alert_ends() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(1));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..10 {
        test.fail("flapping", Alert::WhenRepeated);
        tokio::task::yield_now().await;
        assert_eq!(tasks(), before + 1);
        test.alerts.succeeded("flapping");
        tokio::task::yield_now().await;
        assert_eq!(tasks(), before);
    }
}

#[test]
fn one_outage_does_not_hide_another() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(2));
    let fail = |dependency, code| {
        let class = Classification::transient(code);
        test.fail_with("place_order", Some(dependency), Alert::WhenRepeated, class);
    };
    fail("inventory", "NETWORK_TIMEOUT");
    fail("payment", "CIRCUIT_OPEN");
    fail("inventory", "CIRCUIT_OPEN");
    fail("inventory", "CIRCUIT_OPEN");
    fail("payment", "CIRCUIT_OPEN");
    test.alerts.succeeded("place_order");
    let mut notices: Vec<_> = test
        .take_notices()
        .into_iter()
        .map(|notice| (notice.phase, notice.dependency.unwrap().to_string(), notice.code))
        .collect();
    notices[2..].sort_by(|left, right| left.1.cmp(&right.1));
    let notice = |phase, dependency: &str, code| (phase, dependency.to_owned(), code);
    assert_eq!(
        notices,
        [
            notice(Began, "inventory", "CIRCUIT_OPEN"),
            notice(Began, "payment", "CIRCUIT_OPEN"),
            notice(Over, "inventory", "CIRCUIT_OPEN"),
            notice(Over, "payment", "CIRCUIT_OPEN"),
        ]
    );
}

#[test]
fn both_notices_of_an_alert_have_the_code_of_its_beginning() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(1));
    for code in ["NETWORK_TIMEOUT", "CIRCUIT_OPEN"] {
        let class = Classification::transient(code);
        test.fail_with("place_order", Some("inventory"), Alert::WhenRepeated, class);
    }
    test.alerts.succeeded("place_order");
    let codes: Vec<_> = test.take_notices().iter().map(|n| (n.phase, n.code)).collect();
    assert_eq!(codes, [(Began, "NETWORK_TIMEOUT"), (Over, "NETWORK_TIMEOUT")]);
}

#[test]
fn notice_has_the_text_and_the_request_of_the_last_failure() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(2));
    for (message, request) in [("first", "r-1"), ("second", "r-2"), ("third", "r-3")] {
        test.alerts.failed(
            &Failure {
                operation: Some("place_order"),
                dependency: Some(&"long".repeat(100)),
                class: Classification::transient("DOWN"),
                message: &message.repeat(1000),
                request_id: Some(request),
            },
            Alert::WhenRepeated,
            None,
        );
    }
    test.alerts.succeeded("place_order");
    let notices = test.take_notices();
    let content = |notice: &AlertNotice| {
        assert_eq!(notice.message.len(), MAX_MESSAGE);
        assert_eq!(notice.dependency.as_deref().map(str::len), Some(MAX_DEPENDENCY));
        (notice.message[..5].to_owned(), notice.request_id.as_deref().map(ToOwned::to_owned))
    };
    assert_eq!(content(&notices[0]), ("secon".to_owned(), Some("r-2".to_owned())));
    assert_eq!(content(&notices[1]), ("third".to_owned(), Some("r-3".to_owned())));
}

#[test]
fn failures_that_never_alert_are_not_counted() {
    let test = TestAlerts::with_policy(AlertPolicy::new().frequent(0, secs(60)).repeated(1));
    for _ in 0..100 {
        test.fail("signup", Alert::Never);
    }
    assert_eq!((test.phases(), test.state_count()), (vec![], 0));
}

#[test]
fn one_operation_cannot_fill_the_table() {
    let test = TestAlerts::with_policy(AlertPolicy::new().repeated(2));
    test.fail("other", Alert::WhenRepeated);
    let fail = |number: usize| {
        let class = Classification::transient("DOWN");
        test.fail_with("proxy", Some(&format!("tenant-{number}")), Alert::WhenRepeated, class);
    };
    fail(0);
    fail(0);
    assert_eq!(test.phases(), [(Began, 2)]);
    for number in 1..10 * table::MAX_PER_OPERATION {
        fail(number);
    }
    assert_eq!(test.phases(), [], "the alert is evicted last");
    assert_eq!(test.state_count(), table::MAX_PER_OPERATION + 1);
    test.alerts.succeeded("proxy");
    assert_eq!((test.phases(), test.state_count()), (vec![(Over, 2)], 1));
}

/// With all rows in use, a failure of a new operation must cost about what any failure costs. When
/// every row was searched, it cost more than ten times as much.
#[test]
#[cfg_attr(miri, ignore = "measures time")]
fn full_table_makes_new_failures_no_dearer() {
    for alert in [Alert::WhenRepeated, Alert::AtOnce] {
        let test = TestAlerts::with_policy(AlertPolicy::new().repeated(u32::MAX));
        let names: Vec<_> = (0..9 * table::MAX_STATES).map(|n| format!("GET /{n}")).collect();
        let (first, later) = names.split_at(table::MAX_STATES);
        let time = |names: &[String]| {
            let begin = std::time::Instant::now();
            for name in names {
                test.fail(name, alert);
            }
            begin.elapsed() / u32::try_from(names.len()).unwrap()
        };
        let filling = time(first);
        let full: Vec<_> = later.chunks(table::MAX_STATES).map(time).collect();
        assert_eq!(test.state_count(), table::MAX_STATES);
        let best = full.iter().min().unwrap();
        assert!(*best < filling * 6, "{alert:?}: {best:?} once full, {filling:?} before");
    }
}

#[tokio::test(start_paused = true)]
async fn alert_of_a_rate_lasts_exactly_as_long_as_the_rate_is_exceeded() {
    let test = TestAlerts::new();
    let rate = Rate { count: 2, window: secs(60) };
    let fail = |code| {
        let failure = Failure {
            operation: Some("stock"),
            dependency: None,
            class: Classification::transient(code),
            message: "it is down",
            request_id: None,
        };
        test.alerts.failed(&failure, Alert::WhenFrequent, Some(rate));
    };
    // Two within any minute are not above it.
    for _ in 0..5 {
        fail("DOWN");
        fail("BUSY");
        sleep(secs(60)).await;
    }
    assert_eq!(test.phases(), []);

    fail("DOWN"); // at 0 s
    sleep(secs(20)).await;
    fail("BUSY"); // at 20 s
    fail("DOWN");
    assert_eq!(test.phases(), [(Began, 3)]);
    sleep(secs(30)).await;
    fail("DOWN"); // at 50 s: three of the last four are within a minute until 80 s
    sleep(secs(29)).await;
    assert_eq!(test.phases(), []);
    sleep(secs(2)).await;
    assert_eq!(test.phases(), [(Over, 4)]);

    // It begins again only when the rate is exceeded again.
    fail("DOWN"); // at 81 s, the second of the last minute
    assert_eq!(test.phases(), []);
    fail("DOWN");
    assert_eq!(test.phases().first(), Some(&(Began, 3)));
}
