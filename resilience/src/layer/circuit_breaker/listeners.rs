use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{ChangeReason, CircuitState, WindowCounts};

/// A breaker's state change, as passed to its listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateChange {
    /// The breaker's name.
    pub service: &'static str,
    /// The previous state.
    pub old: CircuitState,
    /// The new state.
    pub new: CircuitState,
    /// The reason for the change.
    pub reason: ChangeReason,
    /// The calls that were judged, if a [failure rate](super::CircuitBreaker::failure_rate) was:
    /// those in the window, or the probes.
    pub window: Option<WindowCounts>,
}

/// A failure counted by a breaker, as passed to its listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountedFailure {
    /// The breaker's name.
    pub service: &'static str,
    /// The error's code. `NETWORK_TIMEOUT` for a call that an enclosing timeout cancelled, or a
    /// probe that hung.
    pub code: &'static str,
    /// Consecutive failures including this one. 1 for a probe. 0 with a
    /// [failure rate](super::CircuitBreaker::failure_rate).
    pub consecutive: u64,
    /// With a failure rate, the calls in the window, including this one. `None` for all probes but
    /// the last.
    pub window: Option<WindowCounts>,
}

type Listener<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Only accessed when something went wrong, so a lock is fast enough.
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

/// Calls the listeners without holding the lock, since a listener may use the breaker.
fn call<T>(listeners: &Mutex<Vec<Listener<T>>>, event: &T) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for listener in listeners {
        // A panicking listener must not fail the call. The panic hook has already reported it.
        let outcome = catch_unwind(AssertUnwindSafe(|| listener(event)));
        // Dropping the panic payload may panic too. The payload of that second panic is leaked.
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
