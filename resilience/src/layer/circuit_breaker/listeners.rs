use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{ChangeReason, CircuitState};

/// A change of a breaker's state, as its listeners see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateChange {
    /// The breaker's name.
    pub service: &'static str,
    /// What the state was.
    pub old: CircuitState,
    /// What it is.
    pub new: CircuitState,
    /// Why it changed.
    pub reason: ChangeReason,
}

/// A failure that a breaker counted, as its listeners see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountedFailure {
    /// The breaker's name.
    pub service: &'static str,
    /// The error's code; `NETWORK_TIMEOUT` of a call that a timeout above gave up, or of a probe
    /// that hung.
    pub code: &'static str,
    /// Failures in a row, this one included; 1 for a probe.
    pub consecutive: u64,
}

type Listener<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Only looked at when something went wrong, so a lock is good enough.
pub(super) struct Listeners {
    state_change: Mutex<Vec<Listener<StateChange>>>,
    failure: Mutex<Vec<Listener<CountedFailure>>>,
}

impl Listeners {
    pub(super) const fn new() -> Self {
        Self { state_change: Mutex::new(Vec::new()), failure: Mutex::new(Vec::new()) }
    }

    pub(super) fn add_state_change(&self, listener: impl Fn(&StateChange) + Send + Sync + 'static) {
        add(&self.state_change, Arc::new(listener));
    }

    pub(super) fn add_failure(&self, listener: impl Fn(&CountedFailure) + Send + Sync + 'static) {
        add(&self.failure, Arc::new(listener));
    }

    pub(super) fn state_change(&self, change: &StateChange) {
        call(&self.state_change, change);
    }

    pub(super) fn failure(&self, failure: &CountedFailure) {
        call(&self.failure, failure);
    }
}

fn add<T>(listeners: &Mutex<Vec<Listener<T>>>, listener: Listener<T>) {
    listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
}

/// Without the lock, since a listener may use the breaker.
fn call<T>(listeners: &Mutex<Vec<Listener<T>>>, event: &T) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for listener in listeners {
        // The call isn't to fail because somebody who watched it did; the panic hook has told of
        // it.
        let outcome = catch_unwind(AssertUnwindSafe(|| listener(event)));
        // What it panicked with may panic in its turn when it is dropped; what that panics with is
        // let be.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(outcome))) {
            mem::forget(again);
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}
