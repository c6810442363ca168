//! Delivers notices to the log and the listeners: in order for each alert, and without holding a
//! lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use super::{AlertNotice, AlertPhase};
use crate::support::catch_panic::catch_panic;

const TARGET: &str = "resilience";

type Listener = Arc<dyn Fn(&AlertNotice) + Send + Sync>;

#[derive(Default)]
pub(super) struct Delivery {
    listeners: Mutex<Vec<Listener>>,
    outbox: Mutex<Outbox>,
}

#[derive(Default)]
struct Outbox {
    queue: VecDeque<AlertNotice>,
    /// The notices that some thread is delivering now.
    in_flight: Vec<AlertNotice>,
}

impl Delivery {
    pub(super) const fn new() -> Self {
        Self {
            listeners: Mutex::new(Vec::new()),
            outbox: Mutex::new(Outbox { queue: VecDeque::new(), in_flight: Vec::new() }),
        }
    }

    pub(super) fn add(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Queues a notice. Must be called in the order of events.
    pub(super) fn queue(&self, notice: AlertNotice) {
        self.with_outbox(|outbox| outbox.queue.push_back(notice));
    }

    /// Delivers all queued notices for the alerts of these notices. If another thread is already
    /// delivering for an alert, that thread delivers the rest.
    pub(super) fn deliver(&self, notices: &[AlertNotice]) {
        for notice in notices {
            while let Some(next) = self.with_outbox(|outbox| outbox.next_for(notice)) {
                self.notify(&next);
                self.with_outbox(|outbox| outbox.delivered(&next));
            }
        }
    }

    fn notify(&self, notice: &AlertNotice) {
        log(notice);
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            // A panicking listener must not fail the call that raised the alert.
            catch_panic(|| listener(notice));
        }
    }

    fn with_outbox<T>(&self, f: impl FnOnce(&mut Outbox) -> T) -> T {
        f(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Outbox {
    fn next_for(&mut self, alert: &AlertNotice) -> Option<AlertNotice> {
        if self.in_flight.iter().any(|notice| same_alert(notice, alert)) {
            return None;
        }
        let next = self.queue.iter().position(|notice| same_alert(notice, alert))?;
        let next = self.queue.remove(next)?;
        self.in_flight.push(next.clone());
        Some(next)
    }

    fn delivered(&mut self, alert: &AlertNotice) {
        self.in_flight.retain(|notice| !same_alert(notice, alert));
    }
}

fn same_alert(left: &AlertNotice, right: &AlertNotice) -> bool {
    (left.code, left.alert, &left.operation) == (right.code, right.alert, &right.operation)
}

fn log(notice: &AlertNotice) {
    macro_rules! alert {
        ($level:ident, $name:literal) => {
            $level!(
                target: TARGET,
                operation = &*notice.operation,
                code = notice.code,
                alert = notice.alert.as_str(),
                category = notice.category.map(|category| category.as_str()),
                severity = notice.severity.as_str(),
                failures = notice.failures,
                lasted_ms = u64::try_from(notice.lasted.as_millis()).unwrap_or(u64::MAX),
                $name
            )
        };
    }
    match notice.phase {
        AlertPhase::Began => alert!(warn, "alert_began"),
        AlertPhase::Over => alert!(info, "alert_over"),
    }
}
