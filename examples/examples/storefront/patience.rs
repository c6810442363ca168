//! Checks that callers honour `Retry-After: 1`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The wait that `Retry-After: 1` asks for.
const WAIT: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Patience(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    asked: HashMap<String, Instant>,
    waited: u64,
    early: u64,
}

impl Patience {
    /// The caller with this key was asked to wait.
    pub(crate) fn asked(&self, key: String) {
        self.with(|inner| inner.asked.insert(key, Instant::now()));
    }

    /// A call with this key arrived.
    pub(crate) fn arrived(&self, key: &str) {
        self.with(|inner| match inner.asked.remove(key).map(|asked| asked.elapsed() >= WAIT) {
            Some(true) => inner.waited += 1,
            Some(false) => inner.early += 1,
            None => {}
        });
    }

    /// Number of callers that waited, and that called too early.
    pub(crate) fn counts(&self) -> (u64, u64) {
        self.with(|inner| (inner.waited, inner.early))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
