use std::time::Duration;

use super::CircuitBreaker;
use super::inner::Inner;
use super::policy::{
    DEFAULT_WINDOW, Extent, LARGEST_WINDOW, LONGEST, LONGEST_WINDOW, Mode, Policy, Rate,
    SHORTEST_WINDOW, Slow,
};

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

    /// A breaker that only carries settings.
    pub(super) const fn with_policy(policy: Policy) -> Self {
        let mut breaker = Self::new("");
        breaker.inner.policy = policy;
        breaker
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
        assert!(
            !self.inner.is_in_rate_mode(),
            "either `failure_threshold` or `failure_rate` opens the circuit; remove one"
        );
        self.inner.policy.mode = Mode::Consecutive { failures };
        self.inner.policy.has_threshold = true;
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
    /// by default. With a [failure rate](Self::failure_rate), the rate of all of them decides.
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

/// Failure rates, as an alternative to consecutive failures.
///
/// [`failure_rate`](Self::failure_rate) comes first, since the other settings belong to it.
impl CircuitBreaker {
    /// Opens the circuit at this failure rate, and not after consecutive failures: 1 to 100
    /// percent. By default, the last 100 calls are judged as soon as there are 20.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, Classification, circuit_breaker::CircuitState};
    /// static SEARCH: CircuitBreaker =
    ///     CircuitBreaker::new("search").failure_rate(50).window(10).min_calls(4);
    ///
    /// for call in 0..4 {
    ///     match SEARCH.acquire()? {
    ///         permit if call % 2 == 0 => permit.succeeded(),
    ///         permit => permit.failed(&Classification::transient("BUSY")),
    ///     }
    /// }
    /// assert_eq!(SEARCH.state(), CircuitState::Open);
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the percentage is out of range, or after
    /// [`failure_threshold`](Self::failure_threshold). In a `static`, that is a compile error:
    ///
    /// ```compile_fail
    /// # use resilience::CircuitBreaker;
    /// static WRONG: CircuitBreaker =
    ///     CircuitBreaker::new("search").failure_threshold(5).failure_rate(50);
    /// ```
    #[must_use]
    pub const fn failure_rate(self, percent: u32) -> Self {
        assert!(percent >= 1 && percent <= 100, "`failure_rate` must be between 1 and 100 percent");
        assert!(
            !self.inner.policy.has_threshold,
            "either `failure_threshold` or `failure_rate` opens the circuit; remove one"
        );
        let rate = match self.inner.policy.mode {
            Mode::Rate(rate) => Rate { failure_rate: percent, ..rate },
            Mode::Consecutive { .. } => Rate {
                failure_rate: percent,
                window: Extent::Calls(DEFAULT_WINDOW),
                min_calls: None,
                slow: None,
            },
        };
        self.with_rate(rate)
    }

    /// Judges the last calls: 1 to 4096, 100 by default.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static SEARCH: CircuitBreaker = CircuitBreaker::new("search").failure_rate(50).window(200);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the number is out of range or below [`min_calls`](Self::min_calls), or before
    /// [`failure_rate`](Self::failure_rate).
    #[must_use]
    pub const fn window(self, calls: u32) -> Self {
        let rate = self.rate("`window` needs a rate; call `failure_rate` first");
        assert!(calls >= 1 && calls <= LARGEST_WINDOW, "`window` must be between 1 and 4096 calls");
        self.with_rate(Rate { window: Extent::Calls(calls), ..rate })
    }

    /// Judges the calls of the last seconds: 10 ms to 1 hour. The window has ten buckets, and
    /// replaces a [window of calls](Self::window).
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, secs};
    /// static SEARCH: CircuitBreaker =
    ///     CircuitBreaker::new("search").failure_rate(50).window_time(secs(10));
    /// ```
    ///
    /// Each bucket is a whole number of milliseconds, rounded up.
    ///
    /// # Panics
    ///
    /// Panics if the duration is out of range, or before [`failure_rate`](Self::failure_rate).
    #[must_use]
    pub const fn window_time(self, window: Duration) -> Self {
        let rate = self.rate("`window_time` needs a rate; call `failure_rate` first");
        assert!(
            window.as_nanos() >= SHORTEST_WINDOW as u128 * 1_000_000
                && window.as_nanos() <= LONGEST_WINDOW as u128 * 1_000_000,
            "`window_time` must be between 10 ms and 1 hour"
        );
        self.with_rate(Rate { window: Extent::Millis(millis(window)), ..rate })
    }

    /// Sets how many calls the window must have before it is judged: at least 1, 20 by default, or
    /// the whole window of calls if that is smaller.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static SEARCH: CircuitBreaker = CircuitBreaker::new("search").failure_rate(50).min_calls(50);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the number is 0 or more than the [window](Self::window) has, or before
    /// [`failure_rate`](Self::failure_rate).
    #[must_use]
    pub const fn min_calls(self, calls: u32) -> Self {
        let rate = self.rate("`min_calls` needs a rate; call `failure_rate` first");
        assert!(calls >= 1, "`min_calls` must be at least 1");
        self.with_rate(Rate { min_calls: Some(calls), ..rate })
    }

    /// Opens the circuit also at this rate of slow calls: those that take longer than 1 ms to 1
    /// day, and 1 to 100 percent of all. By default calls aren't timed.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, secs};
    /// static SEARCH: CircuitBreaker =
    ///     CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 80);
    /// ```
    ///
    /// A call that is dropped by its caller after longer than that counts as slow too, and is one
    /// call in the window.
    ///
    /// # Panics
    ///
    /// Panics if a value is out of range, or before [`failure_rate`](Self::failure_rate).
    #[must_use]
    pub const fn slow_calls(self, longer_than: Duration, percent: u32) -> Self {
        let rate = self.rate("`slow_calls` needs a rate; call `failure_rate` first");
        assert!(in_range(longer_than), "a slow call must take between 1 ms and 1 day");
        assert!(percent >= 1 && percent <= 100, "`slow_calls` must be between 1 and 100 percent");
        let while_running = match rate.slow {
            Some(slow) => slow.while_running,
            None => false,
        };
        let slow = Slow { longer_than: millis(longer_than), rate: percent, while_running };
        self.with_rate(Rate { slow: Some(slow), ..rate })
    }

    /// Judges slow calls while they are still running. So calls that hang are noticed before they
    /// end.
    ///
    /// ```
    /// # use resilience::{CircuitBreaker, secs};
    /// static SEARCH: CircuitBreaker =
    ///     CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 80).slow_while_running();
    /// ```
    ///
    /// The next call notices them, and is rejected if they open the circuit. This costs a call two
    /// more writes.
    ///
    /// # Panics
    ///
    /// Panics before [`slow_calls`](Self::slow_calls).
    #[must_use]
    pub const fn slow_while_running(self) -> Self {
        let rate = self.rate("`slow_while_running` needs `slow_calls`; call that first");
        match rate.slow {
            Some(slow) => {
                self.with_rate(Rate { slow: Some(Slow { while_running: true, ..slow }), ..rate })
            }
            None => panic!("`slow_while_running` needs `slow_calls`; call that first"),
        }
    }

    const fn rate(&self, missing: &str) -> Rate {
        match self.inner.policy.mode {
            Mode::Rate(rate) => rate,
            Mode::Consecutive { .. } => panic!("{}", missing),
        }
    }

    const fn with_rate(mut self, rate: Rate) -> Self {
        if let (Extent::Calls(window), Some(least)) = (rate.window, rate.min_calls) {
            assert!(least <= window, "`min_calls` must not be larger than `window`");
        }
        self.inner.set_mode(Mode::Rate(rate));
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
