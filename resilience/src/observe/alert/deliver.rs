//! Tells the listeners: those of one alert in the order in which they happened, and without a lock.

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
    waiting: VecDeque<AlertNotice>,
    /// What some thread is telling just now.
    being_told: Vec<AlertNotice>,
}

impl Delivery {
    pub(super) const fn new() -> Self {
        Self {
            listeners: Mutex::new(Vec::new()),
            outbox: Mutex::new(Outbox { waiting: VecDeque::new(), being_told: Vec::new() }),
        }
    }

    pub(super) fn add(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Takes a notice in. To be called in the order of what happened.
    pub(super) fn post(&self, notice: AlertNotice) {
        self.with_outbox(|outbox| outbox.waiting.push_back(notice));
    }

    /// Tells what is waiting of the alerts that these are about. If another thread is telling of
    /// one, it will do that.
    pub(super) fn tell(&self, about: &[AlertNotice]) {
        for notice in about {
            while let Some(next) = self.with_outbox(|outbox| outbox.next(notice)) {
                self.tell_one(&next);
                self.with_outbox(|outbox| outbox.told(&next));
            }
        }
    }

    fn tell_one(&self, notice: &AlertNotice) {
        event(notice);
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            // The call isn't to fail because somebody who watched it did.
            catch_panic(|| listener(notice));
        }
    }

    fn with_outbox<T>(&self, look: impl FnOnce(&mut Outbox) -> T) -> T {
        look(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Outbox {
    fn next(&mut self, about: &AlertNotice) -> Option<AlertNotice> {
        if self.being_told.iter().any(|told| same(told, about)) {
            return None;
        }
        let next = self.waiting.iter().position(|waiting| same(waiting, about))?;
        let next = self.waiting.remove(next)?;
        self.being_told.push(next.clone());
        Some(next)
    }

    fn told(&mut self, about: &AlertNotice) {
        self.being_told.retain(|told| !same(told, about));
    }
}

fn same(left: &AlertNotice, right: &AlertNotice) -> bool {
    (left.code, left.alert, &left.operation) == (right.code, right.alert, &right.operation)
}

fn event(notice: &AlertNotice) {
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
