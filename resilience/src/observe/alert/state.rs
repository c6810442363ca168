use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{AlertNotice, AlertPhase, AlertPolicy};
use crate::{Alert, Classification};

/// The failures of one operation with one code, and their alert.
#[derive(Debug)]
pub(super) struct AlertState {
    pub(super) key: Key,
    class: Classification,
    failures: u64,
    /// The failures within the window, if the alert depends on frequency.
    recent: VecDeque<Instant>,
    last_failure: Instant,
    alert: Option<Begun>,
}

/// Identifies an [`AlertState`] in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) operation: Arc<str>,
    pub(super) code: &'static str,
    pub(super) alert: Alert,
    /// The number of the current alert, or 0 if there is none.
    pub(super) number: u64,
}

/// An alert in progress.
#[derive(Debug)]
struct Begun {
    since: Instant,
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
    pub(super) const fn new(key: Key, class: Classification, now: Instant) -> Self {
        Self { key, class, failures: 0, recent: VecDeque::new(), last_failure: now, alert: None }
    }

    pub(super) const fn last_failure(&self) -> Instant {
        self.last_failure
    }

    /// Whether a success of the operation resets this.
    pub(super) fn awaits_success(&self) -> bool {
        self.key.alert == Alert::WhenRepeated
    }

    /// Whether this is an alert whose quiet period has passed.
    pub(super) fn is_quiet(&self, now: Instant, quiet: Duration) -> bool {
        self.alert.is_some() && self.until_quiet(now, quiet).is_zero()
    }

    pub(super) fn until_quiet(&self, now: Instant, quiet: Duration) -> Duration {
        quiet.saturating_sub(now.saturating_duration_since(self.last_failure))
    }

    /// Counts a failure. Returns whether an alert begins with it.
    pub(super) fn fail(
        &mut self,
        class: Classification,
        now: Instant,
        policy: &AlertPolicy,
    ) -> bool {
        self.class = class;
        self.last_failure = now;
        self.failures += 1;
        if self.alert.is_some() {
            return false;
        }
        match self.key.alert {
            Alert::AtOnce => true,
            Alert::WhenRepeated => self.failures >= u64::from(policy.repeated),
            Alert::WhenFrequent | Alert::LowPriority => {
                self.recent.push_back(now);
                self.recent.retain(|&at| now.saturating_duration_since(at) < policy.window);
                self.failures = self.recent.len() as u64;
                self.failures > u64::from(policy.frequent)
            }
        }
    }

    pub(super) fn begin(&mut self, now: Instant, number: u64) -> AlertNotice {
        self.alert = Some(Begun { since: now, ended_by: EndedBy::NextFailure });
        self.key.number = number;
        self.recent = VecDeque::new();
        self.notice(AlertPhase::Began, Duration::ZERO)
    }

    /// Ends the alert, if there is one. It lasted until `at`, or until the last failure if `None`.
    pub(super) fn end(
        &mut self,
        at: Option<Instant>,
    ) -> (Option<AlertNotice>, Option<AbortHandle>) {
        let Some(begun) = self.alert.take() else { return (None, None) };
        let lasted = at.unwrap_or(self.last_failure).saturating_duration_since(begun.since);
        let notice = self.notice(AlertPhase::Over, lasted);
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

    fn notice(&self, phase: AlertPhase, lasted: Duration) -> AlertNotice {
        AlertNotice {
            phase,
            alert: self.key.alert,
            operation: self.key.operation.clone(),
            code: self.key.code,
            category: self.class.category(),
            severity: self.class.severity(),
            failures: self.failures,
            lasted,
        }
    }
}
