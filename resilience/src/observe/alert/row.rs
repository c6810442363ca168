use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{AlertNotice, AlertPhase, AlertPolicy};
use crate::{Alert, Classification};

/// The failures of one operation with one code.
#[derive(Debug)]
pub(super) struct AlertState {
    pub(super) key: Key,
    class: Classification,
    failures: u64,
    /// Those within the window, of what is told when it is frequent.
    recent: VecDeque<Instant>,
    last: Instant,
    alert: Option<Begun>,
}

/// What a row of failures is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) operation: Arc<str>,
    pub(super) code: &'static str,
    pub(super) alert: Alert,
    /// The number of the alert that the row has become; 0 before.
    pub(super) number: u64,
}

/// An alert that isn't over.
#[derive(Debug)]
struct Begun {
    at: Instant,
    ended_by: EndedBy,
}

/// What finds out that it has been quiet.
#[derive(Debug)]
enum EndedBy {
    /// The next failure of whatever kind, unless that can start a task.
    NextFailure,
    /// The same: tasks of this runtime can't tell the time.
    NextFailureOnly,
    Task(Option<AbortHandle>),
}

impl AlertState {
    pub(super) const fn new(key: Key, class: Classification, now: Instant) -> Self {
        Self { key, class, failures: 0, recent: VecDeque::new(), last: now, alert: None }
    }

    pub(super) const fn last(&self) -> Instant {
        self.last
    }

    /// Whether a success changes anything.
    pub(super) fn waits(&self) -> bool {
        self.key.alert == Alert::WhenRepeated
    }

    /// Whether this is an alert without a failure for so long.
    pub(super) fn is_quiet(&self, now: Instant, quiet: Duration) -> bool {
        self.alert.is_some() && self.until_quiet(now, quiet).is_zero()
    }

    pub(super) fn until_quiet(&self, now: Instant, quiet: Duration) -> Duration {
        quiet.saturating_sub(now.saturating_duration_since(self.last))
    }

    /// Counts a failure. Whether an alert begins with it.
    pub(super) fn fail(
        &mut self,
        class: Classification,
        now: Instant,
        policy: &AlertPolicy,
    ) -> bool {
        self.class = class;
        self.last = now;
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
        self.alert = Some(Begun { at: now, ended_by: EndedBy::NextFailure });
        self.key.number = number;
        self.recent = VecDeque::new();
        self.notice(AlertPhase::Began, Duration::ZERO)
    }

    /// Starts again from nothing. If it was an alert, that is over at this time, or else since the
    /// last failure.
    pub(super) fn end(
        &mut self,
        at: Option<Instant>,
    ) -> (Option<AlertNotice>, Option<AbortHandle>) {
        let Some(begun) = self.alert.take() else { return (None, None) };
        let lasted = at.unwrap_or(self.last).saturating_duration_since(begun.at);
        let notice = self.notice(AlertPhase::Over, lasted);
        self.failures = 0;
        self.key.number = 0;
        let task = match begun.ended_by {
            EndedBy::Task(task) => task,
            EndedBy::NextFailure | EndedBy::NextFailureOnly => None,
        };
        (Some(notice), task)
    }

    /// Whether this is an alert that no task ends.
    pub(super) fn is_unwatched(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| !matches!(alert.ended_by, EndedBy::Task(_)))
    }

    /// Whether a task could end this alert and none does.
    pub(super) fn wants_task(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| matches!(alert.ended_by, EndedBy::NextFailure))
    }

    /// Says that a task will end it.
    pub(super) fn watch(&mut self) -> Key {
        self.set_ended_by(EndedBy::Task(None));
        self.key.clone()
    }

    pub(super) fn set_task(&mut self, task: AbortHandle) {
        // Unless the task has gone again already.
        if !self.is_unwatched() {
            self.set_ended_by(EndedBy::Task(Some(task)));
        }
    }

    pub(super) fn lost_task(&mut self, for_ever: bool) {
        self.set_ended_by(if for_ever { EndedBy::NextFailureOnly } else { EndedBy::NextFailure });
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
