//! Tells somebody when failures go on, become frequent, or can't wait: once when it begins, and
//! once when it is over.

mod deliver;
mod notice;
mod policy;
mod row;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{Level, event_enabled};

pub use notice::{AlertNotice, AlertPhase};
pub use policy::AlertPolicy;

use crate::support::catch_panic::catch_panic;
use crate::{Alert, Classification};
use deliver::Delivery;
use row::Key;
use rows::{AlertTable, Outbox, shard};

/// Calls the listener when an alert begins and when it is over.
///
/// What an alert is, each error says by its [`Classification::alert`]; [`AlertPolicy`] has the
/// thresholds. Counted are the fresh reports of errors ([`report`](crate::report())), by operation
/// and code, and the fallbacks that stood in ([`degrade`](macro@crate::degrade)): those with low
/// priority for a partial failure, and else when they are frequent. So is what was reported without
/// an operation, since nobody says that it has succeeded.
///
/// ```
/// use resilience::{Alert, on_alert, alert::AlertPhase};
///
/// on_alert(|notice| {
///     let pager = notice.alert != Alert::LowPriority && notice.phase == AlertPhase::Began;
///     println!("{} {} {}, page: {pager}", notice.operation, notice.code, notice.phase.as_str());
/// });
/// ```
///
/// The listener is called by the task or thread that met the failure, without any lock, and should
/// be quick: hand over what takes time. There may be several; none can be taken away. One that
/// panics disturbs nobody else. The same is told by the events `alert_began` and `alert_over`.
///
/// That it has been quiet, a task finds out that is spawned on the tokio runtime of the failure
/// with which the alert began. Where there is no runtime, it is found out with the next failure of
/// whatever kind.
pub fn on_alert(listener: impl Fn(&AlertNotice) + Send + Sync + 'static) {
    ALERTS.listen(Arc::new(listener));
}

/// Says that an operation has succeeded: its failures are no longer in a row.
///
/// What `#[boundary]` does; for a boundary without it. One load of an atomic while no operation has
/// failed.
///
/// ```
/// resilience::alert::success("get_user");
/// ```
#[inline]
pub fn success(operation: &str) {
    if ALERTS.waiting.load(Relaxed) != 0 {
        ALERTS.succeeded(operation);
    }
}

/// Whether anybody would notice an alert.
pub(crate) fn is_wanted() -> bool {
    ALERTS.heard.load(Relaxed) || event_enabled!(target: "resilience", Level::WARN)
}

/// Counts a failure that was reported.
pub(crate) fn failed(operation: Option<&str>, class: &Classification) {
    match operation {
        Some(operation) => ALERTS.failed(operation, class.alert(), class),
        None => ALERTS.failed("", without_success(class.alert()), class),
    }
}

/// Counts a failure that a fallback stood in for.
pub(crate) fn degraded(service: &str, class: &Classification) {
    if is_wanted() {
        ALERTS.failed(service, without_success(class.alert()), class);
    }
}

/// Where nobody says that it has succeeded, failures over months would be a row.
const fn without_success(alert: Alert) -> Alert {
    match alert {
        Alert::WhenRepeated => Alert::WhenFrequent,
        other => other,
    }
}

static ALERTS: Alerts = Alerts::new();

struct Alerts {
    heard: AtomicBool,
    /// What [`AlertTable::waiting`] says, so that a success needs no lock.
    waiting: AtomicU64,
    rows: Mutex<AlertTable>,
    delivery: Delivery,
}

impl Alerts {
    const fn new() -> Self {
        Self {
            heard: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            rows: Mutex::new(AlertTable::new()),
            delivery: Delivery::new(),
        }
    }

    fn listen(&self, listener: Arc<dyn Fn(&AlertNotice) + Send + Sync>) {
        self.delivery.add(listener);
        self.heard.store(true, Relaxed);
    }

    fn set_policy(&self, policy: AlertPolicy) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).policy = policy;
    }

    fn failed(&'static self, operation: &str, alert: Alert, class: &Classification) {
        let runtime = Handle::try_current().ok();
        let can_watch = runtime.is_some();
        let to_watch =
            self.change(|rows| rows.failed(operation, alert, *class, Instant::now(), can_watch));
        if let (Some(runtime), Some(key)) = (runtime, to_watch) {
            let task =
                runtime.spawn(Watch { alerts: self, key: key.clone(), no_timers: false }.run());
            self.change(|rows| rows.set_task(&key, task.abort_handle()));
        }
    }

    fn succeeded(&self, operation: &str) {
        if self.waiting.load(Relaxed) & (1 << shard(operation)) != 0 {
            self.change(|rows| rows.succeeded(operation, Instant::now()));
        }
    }

    /// Changes the rows, tells what came of it, and returns the alert that a task is needed for.
    fn change(&self, change: impl FnOnce(&mut AlertTable)) -> Option<Key> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut rows);
        let Outbox { notices, idle, to_watch } = rows.take_news();
        self.waiting.store(rows.waiting(), Relaxed);
        for notice in &notices {
            self.delivery.post(notice.clone());
        }
        drop(rows);
        self.delivery.tell(&notices);
        for task in idle {
            task.abort();
        }
        to_watch
    }
}

/// The task that ends an alert when it has been quiet.
struct Watch {
    alerts: &'static Alerts,
    key: Key,
    no_timers: bool,
}

impl Watch {
    async fn run(mut self) {
        loop {
            let mut left = None;
            self.alerts.change(|rows| left = rows.check(&self.key, Instant::now()));
            let Some(left) = left else { return };
            // Tokio panics where a runtime was built without timers, and offers no way to ask.
            let Some(sleep) = catch_panic(|| tokio::time::sleep(left)) else {
                self.no_timers = true;
                return;
            };
            sleep.await;
        }
    }
}

impl Drop for Watch {
    /// Also when the runtime ends before the alert does. Of an alert that is over there is nothing
    /// to say.
    fn drop(&mut self) {
        self.alerts.change(|rows| rows.lost_task(&self.key, self.no_timers));
    }
}
