//! The failures that may become alerts, and the alerts that they have become.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::row::{AlertState, Key};
use super::{AlertNotice, AlertPolicy};
use crate::{Alert, Classification};

/// How many rows of failures are kept.
pub(super) const ROWS: usize = 1024;

/// All rows, without a clock and a lock of their own.
#[derive(Debug)]
pub(super) struct AlertTable {
    pub(super) policy: AlertPolicy,
    by_operation: Option<HashMap<Arc<str>, Vec<AlertState>>>,
    len: usize,
    /// How many operations wait for a success, by [`shard`].
    waiting: [u32; 64],
    /// How many alerts have begun: the number of the next.
    begun: u64,
    /// Whether there may be an alert that no task ends.
    unwatched: bool,
    /// What has begun and ended, in order, since somebody last took it.
    news: Outbox,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) notices: Vec<AlertNotice>,
    /// The tasks of alerts that are over.
    pub(super) idle: Vec<AbortHandle>,
    /// The alert that somebody has to start a task for.
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
            news: Outbox { notices: Vec::new(), idle: Vec::new(), to_watch: None },
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn take_news(&mut self) -> Outbox {
        std::mem::take(&mut self.news)
    }

    /// Counts a failure. Asks for a task that ends an alert only of who can start one.
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
        let mut row = match self.take(operation, class.code(), alert) {
            Some(mut row) => {
                // It has been quiet for long enough, and its task hasn't come to it yet.
                if row.is_quiet(now, policy.quiet) {
                    self.end(&mut row, None);
                }
                row
            }
            None => self.make(operation, alert, class, now),
        };
        if row.fail(class, now, &policy) {
            self.begun += 1;
            self.news.notices.push(row.begin(now, self.begun));
        }
        if can_watch && row.wants_task() {
            self.news.to_watch = Some(row.watch());
        }
        self.unwatched |= row.is_unwatched();
        self.put(row);
    }

    /// Ends what a success of an operation ends.
    pub(super) fn succeeded(&mut self, operation: &str, now: Instant) {
        while let Some(mut row) =
            self.take_where(operation, |row| row.key.alert == Alert::WhenRepeated)
        {
            self.end(&mut row, Some(now));
        }
    }

    /// The lanes in which an operation waits for a success, a bit each.
    pub(super) fn waiting(&self) -> u64 {
        (0..64).filter(|&shard| self.waiting[shard] > 0).fold(0, |bits, shard| bits | 1 << shard)
    }

    /// For an alert's task: how long to sleep before it asks again. None once it is over.
    pub(super) fn check(&mut self, key: &Key, now: Instant) -> Option<Duration> {
        let quiet = self.policy.quiet;
        let row = self.find(key)?;
        if !row.is_quiet(now, quiet) {
            return Some(row.until_quiet(now, quiet));
        }
        let mut row = self.take(&key.operation, key.code, key.alert)?;
        self.end(&mut row, None);
        self.put(row);
        None
    }

    /// Keeps the task of an alert, to stop it when the alert is over.
    pub(super) fn set_task(&mut self, key: &Key, task: AbortHandle) {
        match self.find(key) {
            Some(row) => row.set_task(task),
            None => self.news.idle.push(task),
        }
    }

    /// The task of this alert has gone: with its runtime, or because that has no timers.
    pub(super) fn lost_task(&mut self, key: &Key, for_ever: bool) {
        if let Some(row) = self.find(key) {
            row.lost_task(for_ever);
            self.unwatched = true;
        }
    }

    /// Ends the alerts that no task ends.
    fn end_unwatched(&mut self, now: Instant) {
        if !std::mem::take(&mut self.unwatched) {
            return;
        }
        let quiet = self.policy.quiet;
        for row in self
            .by_operation
            .iter_mut()
            .flat_map(HashMap::values_mut)
            .flatten()
            .filter(|row| row.is_unwatched())
        {
            if row.is_quiet(now, quiet) {
                let (notice, task) = row.end(None);
                self.news.notices.extend(notice);
                self.news.idle.extend(task);
            } else {
                self.unwatched = true;
            }
        }
    }

    fn end(&mut self, row: &mut AlertState, at: Option<Instant>) {
        let (notice, task) = row.end(at);
        self.news.notices.extend(notice);
        self.news.idle.extend(task);
    }

    /// The row that is this alert now.
    fn find(&mut self, key: &Key) -> Option<&mut AlertState> {
        self.by_operation.as_mut()?.get_mut(&key.operation)?.iter_mut().find(|row| row.key == *key)
    }

    fn make(
        &mut self,
        operation: &str,
        alert: Alert,
        class: Classification,
        now: Instant,
    ) -> AlertState {
        if self.len >= ROWS {
            self.evict();
        }
        let known = self.by_operation.as_ref().and_then(|rows| rows.get_key_value(operation));
        let operation =
            known.map_or_else(|| operation.into(), |(operation, _)| Arc::clone(operation));
        AlertState::new(Key { operation, code: class.code(), alert, number: 0 }, class, now)
    }

    /// Makes room: what has been quiet for longest goes, an alert only if there is nothing else.
    fn evict(&mut self) {
        let rows = self.by_operation.iter().flat_map(HashMap::values).flatten();
        let Some(key) =
            rows.min_by_key(|row| (row.key.number > 0, row.last())).map(|row| row.key.clone())
        else {
            return;
        };
        if let Some(mut row) = self.take(&key.operation, key.code, key.alert) {
            self.end(&mut row, None);
        }
    }

    fn put(&mut self, row: AlertState) {
        let rows = self
            .by_operation
            .get_or_insert_default()
            .entry(Arc::clone(&row.key.operation))
            .or_default();
        if row.waits() && !rows.iter().any(AlertState::waits) {
            self.waiting[shard(&row.key.operation)] += 1;
        }
        rows.push(row);
        self.len += 1;
    }

    fn take(&mut self, operation: &str, code: &str, alert: Alert) -> Option<AlertState> {
        self.take_where(operation, |row| row.key.code == code && row.key.alert == alert)
    }

    fn take_where(
        &mut self,
        operation: &str,
        which: impl FnMut(&AlertState) -> bool,
    ) -> Option<AlertState> {
        let by_operation = self.by_operation.as_mut()?;
        let rows = by_operation.get_mut(operation)?;
        let row = rows.swap_remove(rows.iter().position(which)?);
        if row.waits() && !rows.iter().any(AlertState::waits) {
            self.waiting[shard(operation)] -= 1;
        }
        if rows.is_empty() {
            by_operation.remove(operation);
        }
        self.len -= 1;
        Some(row)
    }
}

/// Which of 64 marks stands for an operation.
pub(super) fn shard(operation: &str) -> usize {
    // FNV-1a: good enough for short names, and there is nothing to load.
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (operation.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 58) as usize
}
