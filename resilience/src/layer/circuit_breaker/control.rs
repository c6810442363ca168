use std::sync::atomic::Ordering::Relaxed;

use super::history::History;
use super::inner::Inner;
use super::{CircuitBreaker, CircuitState, CountedFailure, StateChange, WindowCounts};

/// Manual control. After any state change, results of earlier calls no longer count.
impl CircuitBreaker {
    /// Returns the dependency's label.
    ///
    /// ```
    /// assert_eq!(resilience::CircuitBreaker::new("inventory").name(), "inventory");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.inner.name
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
    /// counted and reported, but don't open the circuit.
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

    /// Admits every call and counts nothing, as if there were no breaker, until
    /// [`reset`](Self::reset) or a forced state.
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

    /// Closes the circuit from any state, and resets the count of consecutive failures, or the
    /// window. The totals in [`metrics`](Self::metrics) are kept.
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
        self.inner().set(state);
    }

    /// Returns the current state. An open circuit stays `Open` after the recovery timeout until the
    /// next call, which makes it half-open.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, circuit_breaker::CircuitState};
    /// assert_eq!(CircuitBreaker::new("inventory").state(), CircuitState::Closed);
    /// ```
    pub fn state(&self) -> CircuitState {
        self.inner().read(|inner| inner.core.snapshot()).0
    }

    /// Returns the current state and counts.
    ///
    /// Only failures and rejections are counted. Counting every call would add a write to memory
    /// shared by all threads to each call.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.force_open();
    /// let _ = breaker.acquire();
    /// assert_eq!(breaker.metrics().rejected, 1);
    /// ```
    pub fn metrics(&self) -> CircuitMetrics {
        let inner = self.inner();
        let (state, consecutive_failures) = inner.read(|inner| inner.core.snapshot());
        let history = inner.known_history();
        let count = |counted: fn(&History) -> u64| history.map_or(0, counted);
        CircuitMetrics {
            state,
            consecutive_failures: if inner.is_in_rate_mode() { 0 } else { consecutive_failures },
            window: inner.read(Inner::window_counts),
            counted_failures: count(|history| history.counted_failures.load(Relaxed)),
            opened: count(|history| history.opened.load(Relaxed)),
            rejected: count(|history| history.rejected.get()),
            abandoned: count(|history| history.abandoned.load(Relaxed)),
        }
    }

    /// Calls `listener` after every state change, on the thread that caused it. Listeners can't be
    /// removed.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.on_state_change(|change| println!("{}: {} -> {}", change.service, change.old, change.new));
    /// ```
    ///
    /// The listener runs inside the call that caused the change, so it should be quick. If it
    /// panics, the panic is caught and discarded. Two changes made by two threads in quick
    /// succession may be reported in either order. A new listener only receives later changes.
    pub fn on_state_change(&self, listener: impl Fn(&StateChange) + Send + Sync + 'static) {
        self.inner().history().listeners.add_state_change(listener);
    }

    /// Calls `listener` after every counted failure, on the thread of the failed call. Listeners
    /// can't be removed.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("inventory");
    /// breaker.on_failure(|failure| println!("{}: {} in a row", failure.service, failure.consecutive));
    /// ```
    ///
    /// If the listener panics, the panic is caught and discarded.
    pub fn on_failure(&self, listener: impl Fn(&CountedFailure) + Send + Sync + 'static) {
        self.inner().history().listeners.add_failure(listener);
    }
}

/// A snapshot returned by [`CircuitBreaker::metrics`]. Totals start when the breaker is created,
/// and wrap after 2⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitMetrics {
    /// The current state.
    pub state: CircuitState,
    /// Failures since the last success. 0 unless closed or forced closed, and 0 with a
    /// [failure rate](CircuitBreaker::failure_rate).
    pub consecutive_failures: u64,
    /// With a [failure rate](CircuitBreaker::failure_rate), the calls in the window, which is empty
    /// unless closed or forced closed. Otherwise `None`.
    pub window: Option<WindowCounts>,
    /// Calls that counted as failures, including probes that failed or hung.
    pub counted_failures: u64,
    /// How often the circuit opened, not counting forced opens.
    pub opened: u64,
    /// Rejected calls.
    pub rejected: u64,
    /// Calls that were dropped before they had ended, by their caller and not by a timeout of the
    /// same function.
    pub abandoned: u64,
}
