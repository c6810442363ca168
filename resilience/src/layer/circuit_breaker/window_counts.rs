/// The calls in the window of a breaker with a failure rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WindowCounts {
    /// The calls in the window. Results that count as nothing aren't in it.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that took longer than the limit for slow calls, whether they failed or not.
    pub slow: u64,
}

impl WindowCounts {
    /// Returns the failure rate in percent, or 0 without calls.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, Classification};
    /// let breaker = CircuitBreaker::new("search").failure_rate(50);
    /// breaker.acquire()?.succeeded();
    /// breaker.acquire()?.failed(&Classification::transient("BUSY"));
    /// assert_eq!(breaker.metrics().window.unwrap().failure_rate(), 50.0);
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    pub fn failure_rate(&self) -> f64 {
        self.percent(self.failures)
    }

    /// Returns the rate of slow calls in percent, or 0 without calls.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// let breaker = CircuitBreaker::new("search").failure_rate(50);
    /// assert_eq!(breaker.metrics().window.unwrap().slow_rate(), 0.0);
    /// ```
    pub fn slow_rate(&self) -> f64 {
        self.percent(self.slow)
    }

    #[expect(clippy::cast_precision_loss, reason = "a window has few enough calls")]
    fn percent(&self, part: u64) -> f64 {
        if self.calls == 0 { 0.0 } else { part as f64 * 100.0 / self.calls as f64 }
    }

    /// Adds calls that are still running and already slow. In a window of `largest` calls they
    /// displace the oldest ones, and those are assumed to be the slow ones.
    pub(super) fn with_running(self, running: u64, largest: u64) -> Self {
        let running = running.min(largest);
        let displaced = (self.calls + running).saturating_sub(largest);
        Self {
            calls: self.calls + running - displaced,
            slow: self.slow.saturating_sub(displaced) + running,
            ..self
        }
    }
}
