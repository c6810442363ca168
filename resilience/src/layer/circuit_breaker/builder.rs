use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::CircuitBreaker;
use super::counter::Counter;
use super::listeners::Listeners;
use super::policy::{LONGEST, Policy};
use super::state::Core;

/// Settings, all of them `const`: a value out of range in a `static` or `const` is a compile error.
impl CircuitBreaker {
    /// A closed breaker for the dependency of this name, which is a label for logs and nothing
    /// more.
    ///
    /// ```
    /// use resilience::CircuitBreaker;
    ///
    /// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            core: Core {
                state: AtomicU64::new(0),
                lease: AtomicU64::new(0),
                lease_length: AtomicU64::new(0),
                reopened: AtomicU64::new(0),
            },
            policy: Policy::new(),
            counted_failures: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            rejected: Counter::new(),
            listeners: Listeners::new(),
        }
    }

    /// How many failures in a row open the circuit: 1 or more, by default 5.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static FRAGILE: CircuitBreaker = CircuitBreaker::new("fragile").failure_threshold(2);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is 0; in a `static` that is a compile error:
    ///
    /// ```compile_fail
    /// # use resilience::CircuitBreaker;
    /// static WRONG: CircuitBreaker = CircuitBreaker::new("fragile").failure_threshold(0);
    /// ```
    #[must_use]
    pub const fn failure_threshold(mut self, failures: u32) -> Self {
        assert!(failures >= 1, "`failure_threshold` must be at least 1");
        self.policy.failure_threshold = failures;
        self
    }

    /// How long the circuit stays open before it tries a probe: 1 ms to 1 day, by default 30 s. The
    /// guide asks for 15 to 60 s.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// # use std::time::Duration;
    /// static SLOW: CircuitBreaker = CircuitBreaker::new("slow").recovery_timeout(Duration::from_secs(60));
    /// ```
    ///
    /// A part of a millisecond counts as a whole one.
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(in_range(wait), "`recovery_timeout` must be between 1 ms and 1 day");
        self.policy.recovery = millis(wait);
        self
    }

    /// How many calls half-open admits, all of which must succeed: 1 to 65 535, by default 1.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// static CAREFUL: CircuitBreaker = CircuitBreaker::new("careful").probes(3);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn probes(mut self, calls: u32) -> Self {
        assert!(calls >= 1 && calls <= 65_535, "`probes` must be between 1 and 65535");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked above; `try_from` isn't const"
        )]
        let calls = calls as u16;
        self.policy.probes = calls;
        self
    }

    /// By what the recovery timeout is multiplied each time the circuit opens again without having
    /// been closed: 1 to 10, by default 1, which is no growth.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// // 30 s, 60 s, 120 s, 240 s, 300 s, 300 s …
    /// static PATIENT: CircuitBreaker = CircuitBreaker::new("patient").recovery_growth(2);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn recovery_growth(mut self, factor: u32) -> Self {
        assert!(factor >= 1 && factor <= 10, "`recovery_growth` must be between 1 and 10");
        self.policy.growth = factor;
        self
    }

    /// What the recovery timeout never exceeds, growth and jitter included: 1 ms to 1 day, by
    /// default ten times the recovery timeout, to which jitter comes on top. One that is
    /// shorter than the recovery timeout counts as that.
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
    /// When it is out of range.
    #[must_use]
    pub const fn max_recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(in_range(wait), "`max_recovery_timeout` must be between 1 ms and 1 day");
        self.policy.max_recovery = Some(millis(wait));
        self
    }

    /// How much the recovery timeout is lengthened at random, in percent of it: 0 to 100, by
    /// default 0. So that many clients that saw one outage don't all probe at once.
    ///
    /// ```
    /// # use resilience::CircuitBreaker;
    /// // 30 s to 33 s
    /// static ONE_OF_MANY: CircuitBreaker = CircuitBreaker::new("shared").recovery_jitter(10);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is above 100.
    #[must_use]
    pub const fn recovery_jitter(mut self, percent: u32) -> Self {
        assert!(percent <= 100, "`recovery_jitter` must be between 0 and 100 percent");
        self.policy.jitter = percent;
        self
    }
}

const fn in_range(wait: Duration) -> bool {
    wait.as_nanos() >= 1_000_000 && wait.as_nanos() <= LONGEST as u128 * 1_000_000
}

/// Rounded up; of a duration in range.
#[expect(clippy::cast_possible_truncation, reason = "a day has few enough milliseconds")]
const fn millis(wait: Duration) -> u64 {
    wait.as_nanos().div_ceil(1_000_000) as u64
}
