//! Delivers notices to the log and the listeners: in order for each alert, and without holding a
//! lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use super::state::Row;
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
    queue: VecDeque<(Row, AlertNotice)>,
    /// The rows whose notices are being delivered by some thread.
    in_flight: Vec<Row>,
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
    pub(super) fn queue(&self, row: Row, notice: AlertNotice) {
        self.with_outbox(|outbox| outbox.queue.push_back((row, notice)));
    }

    /// Delivers all queued notices of these rows. If another thread is already delivering for a
    /// row, that thread delivers the rest.
    pub(super) fn deliver(&self, rows: &[Row]) {
        for row in rows {
            while let Some(next) = self.with_outbox(|outbox| outbox.next_for(row)) {
                self.notify(&next);
                self.with_outbox(|outbox| outbox.delivered(row));
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
    fn next_for(&mut self, row: &Row) -> Option<AlertNotice> {
        if self.in_flight.contains(row) {
            return None;
        }
        let next = self.queue.iter().position(|(queued, _)| queued == row)?;
        let (row, next) = self.queue.remove(next)?;
        self.in_flight.push(row);
        Some(next)
    }

    fn delivered(&mut self, row: &Row) {
        self.in_flight.retain(|delivering| delivering != row);
    }
}

fn log(notice: &AlertNotice) {
    macro_rules! alert {
        ($level:ident, $name:literal) => {
            $level!(
                target: TARGET,
                operation = &*notice.operation,
                dependency = notice.dependency.as_deref(),
                code = notice.code,
                error = &*notice.message,
                request_id = notice.request_id.as_deref(),
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
