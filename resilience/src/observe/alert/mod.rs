//! Alerts: notify listeners once when an operation keeps failing, and once when it recovers.

mod deliver;
mod notice;
mod policy;
mod state;
mod table;
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
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};
use crate::support::prefix;
use crate::{Alert, Classification};
use deliver::Delivery;
pub(crate) use state::Rate;
use state::{Key, Last};
use table::{AlertTable, Changes, shard};

/// Registers a listener that is called when an alert begins and when it ends.
///
/// An error's [`Classification::alert`] decides which kind of alert it can raise, and
/// [`AlertPolicy`] holds the thresholds. Two things count as failures:
///
/// - each [fresh](crate::report::ReportOutcome::is_fresh) [report](crate::report()) of an error,
/// - each fallback used by [`degrade`](macro@crate::degrade), and each stale value.
///
/// They are counted per operation, dependency and code, so that one outage doesn't hide another.
/// If the dependency is known, its transient failures are counted together, even if their codes
/// differ: calls first time out, and then the circuit is open. Both are one alert, under the first
/// code.
///
/// A function with `#[degrade(alert_above = "5/1m")]` has a threshold of its own: its alert, a
/// `WhenFrequent`, lasts exactly as long as its fallbacks and stale values exceed that rate.
///
/// `WhenRepeated` counts as `WhenFrequent` for fallbacks and for errors reported without an
/// operation, because no success is ever recorded for those.
///
/// ```
/// use resilience::{Alert, on_alert, alert::AlertPhase};
///
/// on_alert(|notice| {
///     let pager = notice.alert != Alert::LowPriority && notice.phase == AlertPhase::Began;
///     let dependency = notice.dependency.as_deref().unwrap_or("itself");
///     println!("{} {}: {dependency}, {}, page: {pager}", notice.operation, notice.phase.as_str(), notice.message);
/// });
/// ```
///
/// The listener runs on the task or thread where the failure occurred, with no lock held. Keep it
/// short, and hand slow work to a task or channel. Several listeners can be registered, and none
/// can be removed. A panic in a listener is caught. Alerts are also logged as the events
/// `alert_began` (WARN) and `alert_over` (INFO).
///
/// The end of an alert is detected by a task spawned on the tokio runtime in which it began.
/// Outside a runtime, it is detected at the next failure of any operation.
///
/// At most 1024 counts are kept, 32 of them per operation. Beyond that, the count whose last
/// failure is the oldest is dropped, and alerts last.
pub fn on_alert(listener: impl Fn(&AlertNotice) + Send + Sync + 'static) {
    alerts().listen(Arc::new(listener));
}

/// Records a success of an operation, which resets its count of consecutive failures.
///
/// `#[boundary]` calls this itself; call it where you report errors without that attribute. Costs
/// one atomic load while no operation is failing.
///
/// ```
/// resilience::alert::success("get_user");
/// ```
#[inline]
pub fn success(operation: &str) {
    let alerts = alerts();
    if alerts.waiting.load(Relaxed) != 0 {
        alerts.succeeded(operation);
    }
}

/// Whether there is a listener or a subscriber for alerts.
pub(crate) fn is_wanted() -> bool {
    alerts().has_listener.load(Relaxed) || event_enabled!(target: "resilience", Level::WARN)
}

/// The longest text of a notice, in bytes.
const MAX_MESSAGE: usize = 1024;
/// The longest dependency of a notice, in bytes.
const MAX_DEPENDENCY: usize = 128;

/// A failure to count.
pub(crate) struct Failure<'a> {
    pub(crate) operation: Option<&'a str>,
    pub(crate) dependency: Option<&'a str>,
    pub(crate) class: Classification,
    /// The error's text, redacted.
    pub(crate) message: &'a str,
    pub(crate) request_id: Option<&'a str>,
}

/// Counts a reported failure.
pub(crate) fn failed(failure: &Failure<'_>) {
    let alert = failure.class.alert();
    let alert = if failure.operation.is_some() { alert } else { without_success(alert) };
    alerts().failed(failure, alert, None);
}

/// Counts a failure that was hidden by a fallback.
pub(crate) fn degraded(failure: &Failure<'_>) {
    alerts().failed(failure, without_success(failure.class.alert()), None);
}

/// Counts a failure that was hidden by a fallback, whose frequency must not exceed a rate.
pub(crate) fn degraded_at(rate: Rate, failure: &Failure<'_>) {
    alerts().failed(failure, Alert::WhenFrequent, Some(rate));
}

/// The alert to use where no success is ever recorded: otherwise failures months apart would count
/// as consecutive.
const fn without_success(alert: Alert) -> Alert {
    match alert {
        Alert::WhenRepeated => Alert::WhenFrequent,
        other => other,
    }
}

/// The alerts of the process.
#[inline]
fn alerts() -> &'static Alerts {
    static ALERTS: Alerts = Alerts::new();
    #[cfg(feature = "testing")]
    return isolation::current(&ALERTS);
    #[cfg(not(feature = "testing"))]
    &ALERTS
}

struct Alerts {
    #[cfg(feature = "testing")]
    identity: Identity,
    has_listener: AtomicBool,
    /// A copy of [`AlertTable::waiting`], so that a success needs no lock.
    waiting: AtomicU64,
    table: Mutex<AlertTable>,
    delivery: Delivery,
}

impl Alerts {
    const fn new() -> Self {
        Self {
            #[cfg(feature = "testing")]
            identity: Identity::new(),
            has_listener: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            table: Mutex::new(AlertTable::new()),
            delivery: Delivery::new(),
        }
    }

    fn listen(&self, listener: Arc<dyn Fn(&AlertNotice) + Send + Sync>) {
        self.delivery.add(listener);
        self.has_listener.store(true, Relaxed);
    }

    fn set_policy(&self, policy: AlertPolicy) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).policy = policy;
    }

    fn failed(&'static self, failure: &Failure<'_>, alert: Alert, rate: Option<Rate>) {
        if alert == Alert::Never {
            return;
        }
        let failure = state::Failure {
            operation: failure.operation.unwrap_or(""),
            dependency: failure.dependency.map(|name| prefix::of(name, MAX_DEPENDENCY)),
            alert,
            rate,
            class: failure.class,
            last: Last {
                message: prefix::of(failure.message, MAX_MESSAGE).into(),
                request_id: failure.request_id.map(Into::into),
            },
        };
        let runtime = Handle::try_current().ok();
        let can_watch = runtime.is_some();
        let to_watch = self.update(|table| table.failed(failure, Instant::now(), can_watch));
        if let (Some(runtime), Some(key)) = (runtime, to_watch) {
            let watcher = Watcher { alerts: self, key: key.clone(), no_timers: false }.run();
            #[cfg(feature = "testing")]
            let watcher = isolation::carry(watcher);
            let task = runtime.spawn(watcher);
            self.update(|table| table.set_watcher(&key, task.abort_handle()));
        }
    }

    fn succeeded(&self, operation: &str) {
        if self.waiting.load(Relaxed) & (1 << shard(operation)) != 0 {
            self.update(|table| table.succeeded(operation, Instant::now()));
        }
    }

    /// Updates the table, delivers the resulting notices, and returns the alert that needs a
    /// watcher.
    fn update(&self, update: impl FnOnce(&mut AlertTable)) -> Option<Key> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut table);
        let Changes { notices, to_abort, to_watch } = table.take_changes();
        self.waiting.store(table.waiting(), Relaxed);
        let mut rows = Vec::with_capacity(notices.len());
        for (row, notice) in notices {
            rows.push(row.clone());
            self.delivery.queue(row, notice);
        }
        drop(table);
        self.delivery.deliver(&rows);
        for task in to_abort {
            task.abort();
        }
        to_watch
    }
}

#[cfg(feature = "testing")]
impl Isolate for Alerts {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// With the policy, and without the listeners.
    fn fresh(&self) -> Self {
        let fresh = Self::new();
        fresh.set_policy(self.table.lock().unwrap_or_else(PoisonError::into_inner).policy);
        fresh
    }
}

/// The task that ends an alert after a quiet period.
struct Watcher {
    alerts: &'static Alerts,
    key: Key,
    no_timers: bool,
}

impl Watcher {
    async fn run(mut self) {
        loop {
            let mut left = None;
            self.alerts.update(|table| left = table.check(&self.key, Instant::now()));
            let Some(left) = left else { return };
            // In a runtime without timers, `sleep` panics, and there is no way to check first.
            let Some(sleep) = catch_panic(|| tokio::time::sleep(left)) else {
                self.no_timers = true;
                return;
            };
            sleep.await;
        }
    }
}

impl Drop for Watcher {
    /// Also runs if the runtime shuts down before the alert ends. Has no effect on an alert that is
    /// over.
    fn drop(&mut self) {
        self.alerts.update(|table| table.watcher_lost(&self.key, self.no_timers));
    }
}
