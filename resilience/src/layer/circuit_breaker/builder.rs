use std::time::Duration;

use super::CircuitBreaker;
use super::inner::Inner;
use super::policy::LONGEST;

/// Settings. All are `const`, so a value out of range in a `static` or `const` is a compile error.
/// Make them before the first call.
impl CircuitBreaker {
    /// Creates a closed breaker for a dependency. The name is only a label for logs.
    ///
    /// ```
    /// use resilience::CircuitBreaker;
    ///
    /// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { inner: Inner::new(name) }
    }

    /// Sets how many consecutive failures open the circuit: at least 1, 5 by default.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static FRAGILE: CircuitBreaker = CircuitBreaker::new("fragile").failure_threshold(2);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the threshold is 0. In a `static`, that is a compile error:
    ///
    /// ```compile_fail
    /// # use resilience::CircuitBreaker;
    /// static WRONG: CircuitBreaker = CircuitBreaker::new("fragile").failure_threshold(0);
    /// ```
    #[must_use]
    pub const fn failure_threshold(mut self, failures: u32) -> Self {
        assert!(failures >= 1, "`failure_threshold` must be at least 1");
        self.inner.policy.failure_threshold = failures;
        self
    }

    /// Sets how long the circuit stays open before it admits a probe: 1 ms to 1 day, 30 s by
    /// default. Most dependencies need 15 to 60 s.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// # use std::time::Duration;
    /// static SLOW: CircuitBreaker = CircuitBreaker::new("slow").recovery_timeout(Duration::from_secs(60));
    /// ```
    ///
    /// Fractions of a millisecond are rounded up.
    ///
    /// # Panics
    ///
    /// Panics if the duration is out of range.
    #[must_use]
    pub const fn recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(in_range(wait), "`recovery_timeout` must be between 1 ms and 1 day");
        self.inner.policy.recovery = millis(wait);
        self
    }

    /// Sets how many calls are admitted while half-open, all of which must succeed: 1 to 65 535, 1
    /// by default.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static CAREFUL: CircuitBreaker = CircuitBreaker::new("careful").probes(3);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the number is out of range.
    #[must_use]
    pub const fn probes(mut self, calls: u32) -> Self {
        assert!(calls >= 1 && calls <= 65_535, "`probes` must be between 1 and 65535");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked above; `try_from` isn't const"
        )]
        let calls = calls as u16;
        self.inner.policy.probes = calls;
        self
    }

    /// Sets the factor by which the recovery timeout grows each time the circuit opens again
    /// without having closed: 1 to 10, 1 (no growth) by default.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// // 30 s, 60 s, 120 s, 240 s, 300 s, 300 s …
    /// static PATIENT: CircuitBreaker = CircuitBreaker::new("patient").recovery_growth(2);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the factor is out of range.
    #[must_use]
    pub const fn recovery_growth(mut self, factor: u32) -> Self {
        assert!(factor >= 1 && factor <= 10, "`recovery_growth` must be between 1 and 10");
        self.inner.policy.growth = factor;
        self
    }

    /// Sets the maximum recovery timeout, including growth and jitter: 1 ms to 1 day. The default
    /// is ten times the recovery timeout, with jitter added on top. A maximum below the recovery
    /// timeout is raised to it.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// # use std::time::Duration;
    /// static PATIENT: CircuitBreaker =
    ///     CircuitBreaker::new("patient").recovery_growth(2).max_recovery_timeout(Duration::from_secs(120));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the duration is out of range.
    #[must_use]
    pub const fn max_recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(in_range(wait), "`max_recovery_timeout` must be between 1 ms and 1 day");
        self.inner.policy.max_recovery = Some(millis(wait));
        self
    }

    /// Sets the jitter: how much the recovery timeout is lengthened at random, in percent. 0 to
    /// 100, 0 by default. Jitter prevents many clients from probing at the same time after the same
    /// outage.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// // 30 s to 33 s
    /// static ONE_OF_MANY: CircuitBreaker = CircuitBreaker::new("shared").recovery_jitter(10);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the percentage is above 100.
    #[must_use]
    pub const fn recovery_jitter(mut self, percent: u32) -> Self {
        assert!(percent <= 100, "`recovery_jitter` must be between 0 and 100 percent");
        self.inner.policy.jitter = percent;
        self
    }
}

/// What happens with calls that nobody waits for any more.
impl CircuitBreaker {
    /// Counts a call that its caller has dropped as a failure if it had waited so long: 1 ms to 1
    /// day. By default such calls say nothing about the callee.
    ///
    /// Set this for a callee whose clients give up before the `#[timeout]` does. Choose a time that
    /// a healthy callee never takes.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// # use std::time::Duration;
    /// static SEARCH: CircuitBreaker =
    ///     CircuitBreaker::new("search").abandoned_after(Duration::from_secs(2));
    /// ```
    ///
    /// The time begins when the call first has to wait, if the function has a `#[timeout]` directly
    /// inside or outside of the breaker. Otherwise it begins with the call, which then reads the
    /// clock. A [`Permit`](super::Permit) that is dropped has no time, and never counts.
    ///
    /// # Panics
    ///
    /// Panics if the duration is out of range.
    #[must_use]
    pub const fn abandoned_after(mut self, wait: Duration) -> Self {
        assert!(in_range(wait), "`abandoned_after` must be between 1 ms and 1 day");
        self.inner.policy.abandoned_after = Some(millis(wait));
        self
    }
}

const fn in_range(wait: Duration) -> bool {
    wait.as_nanos() >= 1_000_000 && wait.as_nanos() <= LONGEST as u128 * 1_000_000
}

/// Rounds up. The duration must be in range.
#[expect(clippy::cast_possible_truncation, reason = "a day has few enough milliseconds")]
const fn millis(wait: Duration) -> u64 {
    wait.as_nanos().div_ceil(1_000_000) as u64
}
