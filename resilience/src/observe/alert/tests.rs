use std::thread;
use std::time::Duration;

use tokio::time::{advance, sleep};

use super::*;
use crate::{millis, secs};

use AlertPhase::{Began, Over};

/// Alerts of a test's own, and what they tell.
struct Alone {
    alerts: &'static Alerts,
    told: Arc<Mutex<Vec<AlertNotice>>>,
}

impl Alone {
    fn new() -> Self {
        let (alerts, told) =
            (&*Box::leak(Box::new(Alerts::new())), Arc::<Mutex<Vec<_>>>::default());
        let notices = Arc::clone(&told);
        alerts.listen(Arc::new(move |notice| notices.lock().unwrap().push(notice.clone())));
        Self { alerts, told }
    }

    fn with(policy: AlertPolicy) -> Self {
        let alone = Self::new();
        alone.alerts.set_policy(policy);
        alone
    }

    fn fail(&self, operation: &str, alert: Alert) {
        self.alerts.failed(operation, alert, &Classification::transient("DOWN"));
    }

    fn take(&self) -> Vec<AlertNotice> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn phases(&self) -> Vec<(AlertPhase, u64)> {
        self.take().iter().map(|notice| (notice.phase, notice.failures)).collect()
    }

    fn rows(&self) -> usize {
        self.alerts.rows.lock().unwrap().len()
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// In a runtime whose clock is ahead by so much.
fn in_runtime_at(ahead: Duration, run: impl FnOnce()) {
    paused().block_on(async {
        advance(ahead).await;
        run();
    });
}

#[test]
fn without_a_runtime_it_is_over_with_the_next_failure() {
    let alone = Alone::new();
    alone.fail("start", Alert::AtOnce);
    alone.fail("another", Alert::WhenFrequent);
    assert_eq!(alone.phases(), [(Began, 1)]);
    in_runtime_at(secs(301), || alone.fail("another", Alert::WhenFrequent));
    assert_eq!(alone.phases(), [(Over, 1)]);
}

#[test]
fn an_alert_outlives_the_runtime_in_which_it_began() {
    let alone = Alone::new();
    in_runtime_at(Duration::ZERO, || alone.fail("start", Alert::AtOnce));
    assert_eq!(alone.phases(), [(Began, 1)]);
    // The task of another runtime takes over.
    paused().block_on(async {
        alone.fail("start", Alert::AtOnce);
        sleep(secs(299)).await;
        assert_eq!(alone.phases(), []);
        sleep(secs(2)).await;
    });
    assert_eq!(alone.phases(), [(Over, 2)]);
}

#[test]
fn a_runtime_without_timers_does_no_harm() {
    let alone = Alone::new();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        for _ in 0..3 {
            alone.fail("start", Alert::AtOnce);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(alone.phases(), [(Began, 1)]);
    in_runtime_at(secs(301), || alone.fail("start", Alert::AtOnce));
    assert_eq!(alone.phases(), [(Over, 3), (Began, 1)]);
}

#[tokio::test(start_paused = true)]
async fn the_policy_sets_the_thresholds_exactly() {
    let policy = AlertPolicy::new().repeated(2).frequent(1, secs(10)).quiet(secs(20));
    let alone = Alone::with(policy);
    alone.fail("row", Alert::WhenRepeated);
    assert_eq!(alone.phases(), []);
    alone.fail("row", Alert::WhenRepeated);
    assert_eq!(alone.phases(), [(Began, 2)]);

    alone.fail("often", Alert::WhenFrequent);
    advance(secs(10)).await;
    alone.fail("often", Alert::WhenFrequent);
    assert_eq!(alone.phases(), [], "the first is just too old");
    advance(millis(9_999)).await;
    alone.fail("often", Alert::WhenFrequent);
    assert_eq!(alone.phases(), [(Began, 2)]);
    sleep(millis(2)).await;
    assert_eq!(alone.phases(), [(Over, 2)], "the row, which began 20 s ago");
    sleep(secs(20)).await;
    assert_eq!(alone.phases(), [(Over, 2)]);
}

#[tokio::test(start_paused = true)]
async fn none_is_frequent_if_one_is() {
    let alone = Alone::with(AlertPolicy::new().frequent(0, secs(60)).quiet(Duration::MAX));
    alone.fail("often", Alert::WhenFrequent);
    assert_eq!(alone.phases(), [(Began, 1)]);
    sleep(secs(86_400 * 365)).await;
    assert_eq!(alone.phases(), [], "it is never quiet for long enough");
}

#[test]
fn each_alert_of_an_operation_is_counted_apart() {
    let alone = Alone::new();
    for _ in 0..4 {
        alone.fail("mixed", Alert::WhenRepeated);
        alone.fail("mixed", Alert::LowPriority);
    }
    assert_eq!((alone.phases(), alone.rows()), (vec![], 2));
    alone.fail("mixed", Alert::WhenRepeated);
    assert_eq!(alone.phases(), [(Began, 5)]);
    alone.alerts.succeeded("mixed");
    assert_eq!((alone.phases(), alone.rows()), (vec![(Over, 5)], 1));
}

#[test]
fn a_success_needs_no_lock_while_nothing_waits_for_it() {
    let alone = Alone::new();
    let waiting = || alone.alerts.waiting.load(Relaxed);
    assert_eq!(waiting(), 0);
    alone.fail("often", Alert::WhenFrequent);
    assert_eq!(waiting(), 0, "that is for time to end");
    alone.fail("row", Alert::WhenRepeated);
    alone.fail("row", Alert::WhenRepeated);
    assert_eq!(waiting(), 1 << shard("row"));
    alone.alerts.succeeded("row");
    assert_eq!(waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_bounded_and_an_alert_goes_last() {
    let alone = Alone::new();
    alone.fail("alert", Alert::AtOnce);
    assert_eq!(alone.phases(), [(Began, 1)]);
    for number in 0..3 * rows::ROWS {
        advance(millis(1)).await;
        alone.fail(&format!("GET /{number}"), Alert::WhenRepeated);
        assert!(alone.rows() <= rows::ROWS);
    }
    assert_eq!(alone.phases(), [], "the alert is still on");
    for number in 0..rows::ROWS {
        alone.fail(&format!("POST /{number}"), Alert::AtOnce);
    }
    let told = alone.take();
    let over: Vec<_> = told
        .iter()
        .filter(|notice| notice.phase == Over)
        .map(|notice| &*notice.operation)
        .collect();
    assert_eq!(
        (over, told.len()),
        (vec!["alert"], rows::ROWS + 1),
        "the oldest, when there is no other room"
    );
    for number in 0..rows::ROWS {
        alone.alerts.succeeded(&format!("GET /{number}"));
    }
    assert_eq!((alone.rows(), alone.alerts.waiting.load(Relaxed)), (rows::ROWS, 0));
}

#[test]
fn each_alert_begins_and_ends_in_turn_however_many_threads_meet_it() {
    let alone = Alone::with(AlertPolicy::new().repeated(1));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    alone.fail("contended", Alert::WhenRepeated);
                    alone.alerts.succeeded("contended");
                }
            });
        }
    });
    let phases: Vec<_> = alone.take().iter().map(|notice| notice.phase).collect();
    assert!(phases.len() >= 2 && phases.len() % 2 == 0, "{}", phases.len());
    assert!(phases.chunks(2).all(|pair| pair == [Began, Over]), "{phases:?}");
}

#[tokio::test(start_paused = true)]
async fn the_task_of_an_alert_stops_with_it() {
    let alone = Alone::with(AlertPolicy::new().repeated(1));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..10 {
        alone.fail("flapping", Alert::WhenRepeated);
        tokio::task::yield_now().await;
        assert_eq!(tasks(), before + 1);
        alone.alerts.succeeded("flapping");
        tokio::task::yield_now().await;
        assert_eq!(tasks(), before);
    }
}
