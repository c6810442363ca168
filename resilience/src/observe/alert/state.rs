use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{AlertNotice, AlertPhase, AlertPolicy};
use crate::{Alert, Category, Classification};

/// One failure, as it is counted.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    pub(super) operation: &'a str,
    pub(super) dependency: Option<&'a str>,
    pub(super) alert: Alert,
    pub(super) rate: Option<Rate>,
    pub(super) class: Classification,
    pub(super) last: Last,
}

/// The frequency above which there is an alert, where it isn't the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// More than this is above it.
    pub(crate) count: u32,
    pub(crate) window: Duration,
}

/// What a notice says about the last failure.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) message: Arc<str>,
    pub(super) request_id: Option<Arc<str>>,
}

impl Failure<'_> {
    /// The code that separates this failure from others of its operation and dependency.
    ///
    /// One outage of a dependency has several codes: its calls time out, then its circuit is open.
    /// So these are one alert.
    pub(super) fn code(&self) -> Option<&'static str> {
        let is_outage =
            self.dependency.is_some() && self.class.category() == Some(Category::Transient);
        (!is_outage && self.rate.is_none()).then(|| self.class.code())
    }
}

/// The failures of one row, and their alert.
#[derive(Debug)]
pub(super) struct AlertState {
    pub(super) key: Key,
    /// The position in the order of all failures.
    pub(super) position: u64,
    class: Classification,
    failures: u64,
    /// The failures within the window, if the alert depends on frequency. With a rate of its own,
    /// the last ones that can be above it.
    recent: VecDeque<Instant>,
    last_failure: Instant,
    last: Last,
    alert: Option<Begun>,
}

/// Identifies an [`AlertState`] in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) row: Row,
    /// The number of the current alert, or 0 if there is none.
    pub(super) number: u64,
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) operation: Arc<str>,
    pub(super) dependency: Option<Arc<str>>,
    /// See [`Failure::code`].
    pub(super) code: Option<&'static str>,
    pub(super) alert: Alert,
    pub(super) rate: Option<Rate>,
}

impl Row {
    /// Whether this failure is counted here. The operation is known to be the same.
    pub(super) fn counts(&self, failure: &Failure<'_>) -> bool {
        self.alert == failure.alert
            && self.rate == failure.rate
            && self.dependency.as_deref() == failure.dependency
            && self.code == failure.code()
    }
}

/// An alert in progress.
#[derive(Debug)]
struct Begun {
    since: Instant,
    /// The code of the failure with which it began. Both notices have the same.
    code: &'static str,
    ended_by: EndedBy,
}

/// What detects the quiet period that ends an alert.
#[derive(Debug)]
enum EndedBy {
    /// The next failure of any operation. A failure inside a runtime starts a watcher.
    NextFailure,
    /// The next failure of any operation. No watcher is started, since the runtime has no timers.
    NextFailureOnly,
    Watcher(Option<AbortHandle>),
}

impl AlertState {
    pub(super) fn new(row: Row, failure: &Failure<'_>, now: Instant) -> Self {
        Self {
            key: Key { row, number: 0 },
            position: 0,
            class: failure.class,
            failures: 0,
            recent: VecDeque::new(),
            last_failure: now,
            last: failure.last.clone(),
            alert: None,
        }
    }

    /// Whether a success of the operation resets this.
    pub(super) fn awaits_success(&self) -> bool {
        self.key.row.alert == Alert::WhenRepeated
    }

    /// Whether this is an alert in progress.
    pub(super) fn is_alert(&self) -> bool {
        self.alert.is_some()
    }

    /// Whether this is an alert whose quiet period has passed.
    pub(super) fn is_quiet(&self, now: Instant, quiet: Duration) -> bool {
        self.alert.is_some() && self.until_quiet(now, quiet).is_zero()
    }

    pub(super) fn until_quiet(&self, now: Instant, quiet: Duration) -> Duration {
        if let Some(rate) = self.key.row.rate {
            return self.until_below(rate, now);
        }
        quiet.saturating_sub(now.saturating_duration_since(self.last_failure))
    }

    /// How long the frequency will be above the rate, without another failure.
    fn until_below(&self, rate: Rate, now: Instant) -> Duration {
        let first = self.recent.front().filter(|_| self.recent.len() as u64 > rate.count.into());
        first.map_or(Duration::ZERO, |&first| {
            rate.window.saturating_sub(now.saturating_duration_since(first))
        })
    }

    /// Counts a failure. Returns whether an alert begins with it.
    pub(super) fn fail(
        &mut self,
        failure: Failure<'_>,
        now: Instant,
        policy: &AlertPolicy,
    ) -> bool {
        self.class = failure.class;
        self.last_failure = now;
        self.last = failure.last;
        self.failures += 1;
        if let Some(rate) = self.key.row.rate {
            self.recent.push_back(now);
            if self.recent.len() as u64 > u64::from(rate.count) + 1 {
                self.recent.pop_front();
            }
            let is_above = !self.until_below(rate, now).is_zero();
            if is_above && self.alert.is_none() {
                self.failures = self.recent.len() as u64;
                return true;
            }
            return false;
        }
        if self.alert.is_some() {
            return false;
        }
        match self.key.row.alert {
            Alert::Never => false,
            Alert::AtOnce => true,
            Alert::WhenRepeated => self.failures >= u64::from(policy.repeated),
            Alert::WhenFrequent | Alert::LowPriority => {
                self.recent.push_back(now);
                while self
                    .recent
                    .front()
                    .is_some_and(|&at| now.saturating_duration_since(at) >= policy.window)
                {
                    self.recent.pop_front();
                }
                self.failures = self.recent.len() as u64;
                self.failures > u64::from(policy.frequent)
            }
        }
    }

    pub(super) fn begin(&mut self, now: Instant, number: u64) -> AlertNotice {
        self.alert =
            Some(Begun { since: now, code: self.class.code(), ended_by: EndedBy::NextFailure });
        self.key.number = number;
        if self.key.row.rate.is_none() {
            self.recent = VecDeque::new();
        }
        self.notice(AlertPhase::Began, self.class.code(), Duration::ZERO)
    }

    /// Ends the alert, if there is one. It lasted until `at`, or until the last failure if `None`.
    pub(super) fn end(
        &mut self,
        at: Option<Instant>,
    ) -> (Option<AlertNotice>, Option<AbortHandle>) {
        let Some(begun) = self.alert.take() else { return (None, None) };
        let lasted = at.unwrap_or(self.last_failure).saturating_duration_since(begun.since);
        let notice = self.notice(AlertPhase::Over, begun.code, lasted);
        self.failures = 0;
        self.key.number = 0;
        let task = match begun.ended_by {
            EndedBy::Watcher(task) => task,
            EndedBy::NextFailure | EndedBy::NextFailureOnly => None,
        };
        (Some(notice), task)
    }

    /// Whether this is an alert without a watcher.
    pub(super) fn is_unwatched(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| !matches!(alert.ended_by, EndedBy::Watcher(_)))
    }

    /// Whether this is an alert that has no watcher and can have one.
    pub(super) fn needs_watcher(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| matches!(alert.ended_by, EndedBy::NextFailure))
    }

    /// Marks the alert as watched. The caller starts the watcher.
    pub(super) fn watch(&mut self) -> Key {
        self.set_ended_by(EndedBy::Watcher(None));
        self.key.clone()
    }

    pub(super) fn set_watcher(&mut self, task: AbortHandle) {
        // The task may have ended already.
        if !self.is_unwatched() {
            self.set_ended_by(EndedBy::Watcher(Some(task)));
        }
    }

    pub(super) fn watcher_lost(&mut self, no_timers: bool) {
        self.set_ended_by(if no_timers { EndedBy::NextFailureOnly } else { EndedBy::NextFailure });
    }

    fn set_ended_by(&mut self, ended_by: EndedBy) {
        if let Some(alert) = &mut self.alert {
            alert.ended_by = ended_by;
        }
    }

    fn notice(&self, phase: AlertPhase, code: &'static str, lasted: Duration) -> AlertNotice {
        let Row { operation, dependency, alert, .. } = &self.key.row;
        AlertNotice {
            phase,
            alert: *alert,
            operation: operation.clone(),
            dependency: dependency.clone(),
            code,
            category: self.class.category(),
            severity: self.class.severity(),
            message: self.last.message.clone(),
            request_id: self.last.request_id.clone(),
            failures: self.failures,
            lasted,
        }
    }
}
