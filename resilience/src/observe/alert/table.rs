//! All failures that may become alerts, and the alerts in progress.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::state::{AlertState, Failure, Key, Row};
use super::{AlertNotice, AlertPolicy};

/// The maximum number of states in the table.
pub(super) const MAX_STATES: usize = 1024;
/// The maximum number of states per operation, which are searched one by one.
pub(super) const MAX_PER_OPERATION: usize = 32;

/// All alert states. The caller provides the lock and the time.
#[derive(Debug)]
pub(super) struct AlertTable {
    pub(super) policy: AlertPolicy,
    by_operation: Option<HashMap<Arc<str>, Vec<AlertState>>>,
    order: Order,
    /// How many operations wait for a success, per [`shard`].
    waiting: [u32; 64],
    /// How many alerts have begun so far. Numbers the alerts.
    begun: u64,
    /// The effects of updates since the last [`take_changes`](Self::take_changes).
    changes: Changes,
}

/// The states in the order of their last failures, so that none has to be searched for.
#[derive(Debug)]
struct Order {
    failures: u64,
    idle: BTreeMap<u64, Row>,
    alerts: BTreeMap<u64, Row>,
    /// Those of the alerts that have no watcher.
    unwatched: BTreeMap<u64, Row>,
}

impl Order {
    const fn new() -> Self {
        Self {
            failures: 0,
            idle: BTreeMap::new(),
            alerts: BTreeMap::new(),
            unwatched: BTreeMap::new(),
        }
    }

    fn next(&mut self) -> u64 {
        self.failures += 1;
        self.failures
    }

    fn insert(&mut self, state: &AlertState) {
        let (position, row) = (state.position, &state.key.row);
        if state.is_unwatched() {
            self.unwatched.insert(position, row.clone());
        }
        let kind = if state.is_alert() { &mut self.alerts } else { &mut self.idle };
        kind.insert(position, row.clone());
    }

    fn remove(&mut self, state: &AlertState) {
        self.unwatched.remove(&state.position);
        let kind = if state.is_alert() { &mut self.alerts } else { &mut self.idle };
        kind.remove(&state.position);
    }

    fn len(&self) -> usize {
        self.idle.len() + self.alerts.len()
    }

    /// The state with the oldest failure. An alert only if nothing else is left.
    fn oldest(&self) -> Option<Row> {
        let (_, row) = self.idle.first_key_value().or_else(|| self.alerts.first_key_value())?;
        Some(row.clone())
    }

    fn oldest_unwatched(&self) -> Option<Row> {
        self.unwatched.first_key_value().map(|(_, row)| row.clone())
    }
}

/// What the caller has to do after an update.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// In the order of events.
    pub(super) notices: Vec<(Row, AlertNotice)>,
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
            order: Order::new(),
            waiting: [0; 64],
            begun: 0,
            changes: Changes { notices: Vec::new(), to_abort: Vec::new(), to_watch: None },
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Counts a failure. Requests a watcher only if the caller can start one.
    pub(super) fn failed(&mut self, failure: Failure<'_>, now: Instant, can_watch: bool) {
        self.end_unwatched(now);
        let policy = self.policy;
        let existing = self.take(failure.operation, |state| state.key.row.counts(&failure));
        let mut state = match existing {
            Some(mut state) => {
                // The quiet period has passed, but the watcher hasn't run yet.
                if state.is_quiet(now, policy.quiet) {
                    self.end(&mut state, None);
                }
                state
            }
            None => self.create(&failure, now),
        };
        state.position = self.order.next();
        if state.fail(failure, now, &policy) {
            self.begun += 1;
            let notice = state.begin(now, self.begun);
            self.changes.notices.push((state.key.row.clone(), notice));
        }
        if can_watch && state.needs_watcher() {
            self.changes.to_watch = Some(state.watch());
        }
        self.put(state);
    }

    /// Ends the alerts and counts that a success of the operation resets.
    pub(super) fn succeeded(&mut self, operation: &str, now: Instant) {
        while let Some(mut state) = self.take(operation, AlertState::awaits_success) {
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
        let mut state = self.take_exactly(key)?;
        let left = if state.is_quiet(now, quiet) {
            self.end(&mut state, None);
            None
        } else {
            Some(state.until_quiet(now, quiet))
        };
        self.put(state);
        left
    }

    /// Stores the watcher of an alert, to abort it when the alert ends.
    pub(super) fn set_watcher(&mut self, key: &Key, task: AbortHandle) {
        match self.take_exactly(key) {
            Some(mut state) => {
                state.set_watcher(task);
                self.put(state);
            }
            None => self.changes.to_abort.push(task),
        }
    }

    /// Records that an alert's watcher has stopped: its runtime shut down, or has no timers.
    pub(super) fn watcher_lost(&mut self, key: &Key, no_timers: bool) {
        if let Some(mut state) = self.take_exactly(key) {
            state.watcher_lost(no_timers);
            self.put(state);
        }
    }

    /// Ends alerts without a watcher whose quiet period has passed.
    fn end_unwatched(&mut self, now: Instant) {
        let quiet = self.policy.quiet;
        while let Some(row) = self.order.oldest_unwatched() {
            let Some(mut state) = self.take_row(&row) else { return };
            let is_quiet = state.is_quiet(now, quiet);
            if is_quiet {
                self.end(&mut state, None);
            }
            self.put(state);
            if !is_quiet {
                return;
            }
        }
    }

    fn end(&mut self, state: &mut AlertState, at: Option<Instant>) {
        let (notice, task) = state.end(at);
        self.changes.notices.extend(notice.map(|notice| (state.key.row.clone(), notice)));
        self.changes.to_abort.extend(task);
    }

    fn create(&mut self, failure: &Failure<'_>, now: Instant) -> AlertState {
        self.make_room(failure.operation);
        let existing =
            self.by_operation.as_ref().and_then(|states| states.get_key_value(failure.operation));
        let operation = existing
            .map_or_else(|| failure.operation.into(), |(operation, _)| Arc::clone(operation));
        let row = Row {
            operation,
            dependency: failure.dependency.map(Into::into),
            code: failure.code(),
            alert: failure.alert,
            rate: failure.rate,
        };
        AlertState::new(row, failure, now)
    }

    /// Evicts the state with the oldest failure: of this operation if it has too many, of all if
    /// the table is full.
    fn make_room(&mut self, operation: &str) {
        let states = self.by_operation.as_ref().and_then(|states| states.get(operation));
        let crowded = states.filter(|states| states.len() >= MAX_PER_OPERATION);
        let oldest = crowded
            .and_then(|states| states.iter().min_by_key(|state| (state.is_alert(), state.position)))
            .map(|state| state.key.row.clone());
        let oldest =
            oldest.or_else(|| self.order.oldest().filter(|_| self.order.len() >= MAX_STATES));
        if let Some(mut state) = oldest.and_then(|row| self.take_row(&row)) {
            self.end(&mut state, None);
        }
    }

    fn put(&mut self, state: AlertState) {
        self.order.insert(&state);
        let operation = Arc::clone(&state.key.row.operation);
        let shard = shard(&operation);
        let states = self.by_operation.get_or_insert_default().entry(operation).or_default();
        if state.awaits_success() && !states.iter().any(AlertState::awaits_success) {
            self.waiting[shard] += 1;
        }
        states.push(state);
    }

    fn take_row(&mut self, row: &Row) -> Option<AlertState> {
        self.take(&row.operation, |state| state.key.row == *row)
    }

    fn take_exactly(&mut self, key: &Key) -> Option<AlertState> {
        self.take(&key.row.operation, |state| state.key == *key)
    }

    fn take(
        &mut self,
        operation: &str,
        predicate: impl FnMut(&AlertState) -> bool,
    ) -> Option<AlertState> {
        let by_operation = self.by_operation.as_mut()?;
        let states = by_operation.get_mut(operation)?;
        let state = states.swap_remove(states.iter().position(predicate)?);
        self.order.remove(&state);
        if state.awaits_success() && !states.iter().any(AlertState::awaits_success) {
            self.waiting[shard(operation)] -= 1;
        }
        if states.is_empty() {
            by_operation.remove(operation);
        }
        Some(state)
    }
}

/// Maps an operation to one of 64 bits.
pub(super) fn shard(operation: &str) -> usize {
    // FNV-1a: good enough for short names, and needs no state.
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (operation.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 58) as usize
}
