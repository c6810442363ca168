use std::sync::atomic::Ordering::Relaxed;

use super::{CircuitBreaker, CircuitState, CountedFailure, StateChange};

/// Control by hand. What an earlier call still reports no longer counts after any change of state.
impl CircuitBreaker {
    /// The label of the dependency.
    ///
    /// ```
    /// assert_eq!(resilience::CircuitBreaker::new("inventory").name(), "inventory");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Rejects every call until [`reset`](Self::reset) or another forced state.
    ///
    /// ```
    /// use resilience::{CircuitBreaker, circuit_breaker::CircuitState};
    ///
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.force_open();
    /// assert!(breaker.acquire().is_err());
    /// breaker.reset();
    /// assert!(breaker.acquire().is_ok());
    /// ```
    pub fn force_open(&self) {
        self.set(CircuitState::ForcedOpen);
    }

    /// Admits every call until [`reset`](Self::reset) or another forced state. Failures are still
    /// counted and reported, but open nothing.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, Classification};
    /// let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    /// breaker.force_closed();
    /// breaker.acquire().unwrap().failed(&Classification::transient("BUSY"));
    /// assert!(breaker.acquire().is_ok());
    /// assert_eq!(breaker.metrics().consecutive_failures, 1);
    /// ```
    pub fn force_closed(&self) {
        self.set(CircuitState::ForcedClosed);
    }

    /// Admits every call and counts none, as if there were no breaker, until [`reset`](Self::reset)
    /// or a forced state.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, Classification};
    /// let breaker = CircuitBreaker::new("inventory").failure_threshold(1);
    /// breaker.disable();
    /// breaker.acquire().unwrap().failed(&Classification::transient("BUSY"));
    /// assert_eq!(breaker.metrics().counted_failures, 0);
    /// ```
    pub fn disable(&self) {
        self.set(CircuitState::Disabled);
    }

    /// Closes the circuit, whatever state it is in, and forgets the failures in a row. The totals
    /// of [`metrics`](Self::metrics) stay.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, circuit_breaker::CircuitState};
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.disable();
    /// breaker.reset();
    /// assert_eq!(breaker.state(), CircuitState::Closed);
    /// ```
    pub fn reset(&self) {
        self.set(CircuitState::Closed);
    }

    fn set(&self, state: CircuitState) {
        let change = self.core.set(state);
        self.report(None, change);
    }

    /// The state. An open circuit says `Open` until a call comes after the recovery timeout, and
    /// becomes half-open only then.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, circuit_breaker::CircuitState};
    /// assert_eq!(CircuitBreaker::new("inventory").state(), CircuitState::Closed);
    /// ```
    pub fn state(&self) -> CircuitState {
        self.core.snapshot().0
    }

    /// State and counts at this moment.
    ///
    /// Only what goes wrong is counted, since counting every call would cost every call a write
    /// that all threads share.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.force_open();
    /// let _ = breaker.acquire();
    /// assert_eq!(breaker.metrics().rejected, 1);
    /// ```
    pub fn metrics(&self) -> CircuitMetrics {
        let (state, consecutive_failures) = self.core.snapshot();
        CircuitMetrics {
            state,
            consecutive_failures,
            counted_failures: self.counted_failures.load(Relaxed),
            opened: self.opened.load(Relaxed),
            rejected: self.rejected.get(),
        }
    }

    /// Calls `listener` after every change of state, on the thread that caused it. There is no way
    /// to remove it.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.on_state_change(|change| println!("{}: {} -> {}", change.service, change.old, change.new));
    /// ```
    ///
    /// It runs inside the call that caused the change, so it should be quick; a panic in it is
    /// caught and dropped. Two changes in quick succession by two threads may be reported in
    /// either order. A new listener hears of later changes only.
    pub fn on_state_change(&self, listener: impl Fn(&StateChange) + Send + Sync + 'static) {
        self.listeners.add_state_change(listener);
    }

    /// Calls `listener` after every counted failure, on the thread of the call that failed. There
    /// is no way to remove it.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.on_failure(|failure| println!("{}: {} in a row", failure.service, failure.consecutive));
    /// ```
    ///
    /// A panic in it is caught and dropped.
    pub fn on_failure(&self, listener: impl Fn(&CountedFailure) + Send + Sync + 'static) {
        self.listeners.add_failure(listener);
    }
}

/// What [`CircuitBreaker::metrics`] saw. Totals count since the breaker was made, and wrap after
/// 2⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitMetrics {
    /// The state.
    pub state: CircuitState,
    /// Failures since the last success; 0 unless closed or forced closed.
    pub consecutive_failures: u64,
    /// Calls that counted as failures, probes that failed or hung included.
    pub counted_failures: u64,
    /// How often the circuit opened; forced open isn't counted.
    pub opened: u64,
    /// Calls that were rejected.
    pub rejected: u64,
}
