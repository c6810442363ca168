//! Whether callers who were told `Retry-After: 1` really waited.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What `Retry-After: 1` asks for.
const WAIT: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Patience(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    told: HashMap<String, Instant>,
    waited: u64,
    early: u64,
}

impl Patience {
    /// The caller with this key has been told to wait.
    pub(crate) fn told(&self, key: String) {
        self.with(|inner| inner.told.insert(key, Instant::now()));
    }

    /// The caller with this key is here, perhaps again.
    pub(crate) fn came(&self, key: &str) {
        self.with(|inner| match inner.told.remove(key).map(|told| told.elapsed() >= WAIT) {
            Some(true) => inner.waited += 1,
            Some(false) => inner.early += 1,
            None => {}
        });
    }

    /// How many waited, and how many came too early.
    pub(crate) fn counts(&self) -> (u64, u64) {
        self.with(|inner| (inner.waited, inner.early))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
