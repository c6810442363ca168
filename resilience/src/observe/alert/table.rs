//! All failures that may become alerts, and the alerts in progress.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::state::{AlertState, Key};
use super::{AlertNotice, AlertPolicy};
use crate::{Alert, Classification};

/// The maximum number of states in the table.
pub(super) const MAX_STATES: usize = 1024;

/// All alert states. The caller provides the lock and the time.
#[derive(Debug)]
pub(super) struct AlertTable {
    pub(super) policy: AlertPolicy,
    by_operation: Option<HashMap<Arc<str>, Vec<AlertState>>>,
    len: usize,
    /// How many operations wait for a success, per [`shard`].
    waiting: [u32; 64],
    /// How many alerts have begun so far. Numbers the alerts.
    begun: u64,
    /// Whether an alert without a watcher may exist.
    unwatched: bool,
    /// The effects of updates since the last [`take_changes`](Self::take_changes).
    changes: Changes,
}

/// What the caller has to do after an update.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// In the order of events.
    pub(super) notices: Vec<AlertNotice>,
    /// Watchers of alerts that are over.
    pub(super) to_abort: Vec<AbortHandle>,
    /// The alert that needs a watcher.
    pub(super) to_watch: Option<Key>,
}

impl AlertTable {
    pub(super) const fn new() -> Self {
        Self {
            policy: AlertPolicy::new(),
            by_operation: None,
            len: 0,
            waiting: [0; 64],
            begun: 0,
            unwatched: false,
            changes: Changes { notices: Vec::new(), to_abort: Vec::new(), to_watch: None },
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Counts a failure. Requests a watcher only if the caller can start one.
    pub(super) fn failed(
        &mut self,
        operation: &str,
        alert: Alert,
        class: Classification,
        now: Instant,
        can_watch: bool,
    ) {
        self.end_unwatched(now);
        let policy = self.policy;
        let mut state = match self.take(operation, class.code(), alert) {
            Some(mut state) => {
                // The quiet period has passed, but the watcher hasn't run yet.
                if state.is_quiet(now, policy.quiet) {
                    self.end(&mut state, None);
                }
                state
            }
            None => self.create(operation, alert, class, now),
        };
        if state.fail(class, now, &policy) {
            self.begun += 1;
            self.changes.notices.push(state.begin(now, self.begun));
        }
        if can_watch && state.needs_watcher() {
            self.changes.to_watch = Some(state.watch());
        }
        self.unwatched |= state.is_unwatched();
        self.put(state);
    }

    /// Ends the alerts and counts that a success of the operation resets.
    pub(super) fn succeeded(&mut self, operation: &str, now: Instant) {
        while let Some(mut state) =
            self.take_where(operation, |state| state.key.alert == Alert::WhenRepeated)
        {
            self.end(&mut state, Some(now));
        }
    }

    /// The shards in which an operation waits for a success, one bit each.
    pub(super) fn waiting(&self) -> u64 {
        (0..64).filter(|&shard| self.waiting[shard] > 0).fold(0, |bits, shard| bits | 1 << shard)
    }

    /// Ends an alert after its quiet period. Otherwise returns how long the watcher should sleep
    /// before the next check.
    pub(super) fn check(&mut self, key: &Key, now: Instant) -> Option<Duration> {
        let quiet = self.policy.quiet;
        let state = self.find(key)?;
        if !state.is_quiet(now, quiet) {
            return Some(state.until_quiet(now, quiet));
        }
        let mut state = self.take(&key.operation, key.code, key.alert)?;
        self.end(&mut state, None);
        self.put(state);
        None
    }

    /// Stores the watcher of an alert, to abort it when the alert ends.
    pub(super) fn set_watcher(&mut self, key: &Key, task: AbortHandle) {
        match self.find(key) {
            Some(state) => state.set_watcher(task),
            None => self.changes.to_abort.push(task),
        }
    }

    /// Records that an alert's watcher has stopped: its runtime shut down, or has no timers.
    pub(super) fn watcher_lost(&mut self, key: &Key, no_timers: bool) {
        if let Some(state) = self.find(key) {
            state.watcher_lost(no_timers);
            self.unwatched = true;
        }
    }

    /// Ends alerts without a watcher whose quiet period has passed.
    fn end_unwatched(&mut self, now: Instant) {
        if !std::mem::take(&mut self.unwatched) {
            return;
        }
        let quiet = self.policy.quiet;
        for state in self
            .by_operation
            .iter_mut()
            .flat_map(HashMap::values_mut)
            .flatten()
            .filter(|state| state.is_unwatched())
        {
            if state.is_quiet(now, quiet) {
                let (notice, task) = state.end(None);
                self.changes.notices.extend(notice);
                self.changes.to_abort.extend(task);
            } else {
                self.unwatched = true;
            }
        }
    }

    fn end(&mut self, state: &mut AlertState, at: Option<Instant>) {
        let (notice, task) = state.end(at);
        self.changes.notices.extend(notice);
        self.changes.to_abort.extend(task);
    }

    /// The state with exactly this key.
    fn find(&mut self, key: &Key) -> Option<&mut AlertState> {
        self.by_operation
            .as_mut()?
            .get_mut(&key.operation)?
            .iter_mut()
            .find(|state| state.key == *key)
    }

    fn create(
        &mut self,
        operation: &str,
        alert: Alert,
        class: Classification,
        now: Instant,
    ) -> AlertState {
        if self.len >= MAX_STATES {
            self.evict();
        }
        let existing =
            self.by_operation.as_ref().and_then(|states| states.get_key_value(operation));
        let operation =
            existing.map_or_else(|| operation.into(), |(operation, _)| Arc::clone(operation));
        AlertState::new(Key { operation, code: class.code(), alert, number: 0 }, class, now)
    }

    /// Evicts the state with the oldest failure. Alerts are evicted only if nothing else is left.
    fn evict(&mut self) {
        let states = self.by_operation.iter().flat_map(HashMap::values).flatten();
        let Some(key) = states
            .min_by_key(|state| (state.key.number > 0, state.last_failure()))
            .map(|state| state.key.clone())
        else {
            return;
        };
        if let Some(mut state) = self.take(&key.operation, key.code, key.alert) {
            self.end(&mut state, None);
        }
    }

    fn put(&mut self, state: AlertState) {
        let states = self
            .by_operation
            .get_or_insert_default()
            .entry(Arc::clone(&state.key.operation))
            .or_default();
        if state.awaits_success() && !states.iter().any(AlertState::awaits_success) {
            self.waiting[shard(&state.key.operation)] += 1;
        }
        states.push(state);
        self.len += 1;
    }

    fn take(&mut self, operation: &str, code: &str, alert: Alert) -> Option<AlertState> {
        self.take_where(operation, |state| state.key.code == code && state.key.alert == alert)
    }

    fn take_where(
        &mut self,
        operation: &str,
        predicate: impl FnMut(&AlertState) -> bool,
    ) -> Option<AlertState> {
        let by_operation = self.by_operation.as_mut()?;
        let states = by_operation.get_mut(operation)?;
        let state = states.swap_remove(states.iter().position(predicate)?);
        if state.awaits_success() && !states.iter().any(AlertState::awaits_success) {
            self.waiting[shard(operation)] -= 1;
        }
        if states.is_empty() {
            by_operation.remove(operation);
        }
        self.len -= 1;
        Some(state)
    }
}

/// Maps an operation to one of 64 bits.
pub(super) fn shard(operation: &str) -> usize {
    // FNV-1a: good enough for short names, and needs no state.
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (operation.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 58) as usize
}
