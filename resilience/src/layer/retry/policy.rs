use std::time::Duration;

/// A retry policy: how often, how long to wait between, and whether the operation may be repeated
/// at all.
///
/// A policy is a small constant. Define it once and name it on as many functions as you like:
///
/// ```
/// use resilience::{Retry, millis, secs};
///
/// const STANDARD: Retry = Retry::new().attempts(4).base(millis(200)).max_delay(secs(10)).idempotent();
/// ```
///
/// | setting | default | range |
/// |---|---|---|
/// | [`attempts`](Self::attempts) | 3, the first execution included | 1 and up |
/// | [`base`](Self::base) | 500 ms | up to `max_delay` |
/// | [`max_delay`](Self::max_delay) | 30 s | `base` and up |
/// | [`jitter`](Self::jitter) | `base`, or less near the cap: min(base, max(max − base, max / 10)) | up to `max_delay` |
/// | [`max_retry_after`](Self::max_retry_after) | `max_delay` | any |
///
/// The delay before the retry with number n, counted from 0, is
/// `min(base · 2ⁿ, max_delay − jitter) + random(0, jitter)`: the guide's formula, with the random
/// part kept below the cap, so that clients stay apart however long an outage lasts. All arithmetic
/// saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub(crate) attempts: u32,
    pub(crate) base: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) max_retry_after: Option<Duration>,
    pub(crate) repeat: Repeat,
}

/// The random part of a delay; see [`Retry::jitter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// min(base, max(max − base, max / 10)), added to the exponential delay.
    Standard,
    /// Up to this much, added to the exponential delay.
    UpTo(Duration),
    /// All of it: random(0, min(base · 2ⁿ, max)). Source of this and the next two: M. Brooker,
    /// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Full,
    /// Half of it: d / 2 + random(0, d / 2), where d = min(base · 2ⁿ, max).
    Equal,
    /// From the previous delay: min(max, random(base, 3 · previous)).
    Decorrelated,
    /// None: min(base · 2ⁿ, max). All clients come back at the same moment; for tests.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Unsaid,
    Idempotent,
    NonIdempotent,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// The policy of the table above.
    pub const fn new() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            jitter: Jitter::Standard,
            max_retry_after: None,
            repeat: Repeat::Unsaid,
        }
    }

    /// How often the operation is executed at most, the first execution included: `1` means no
    /// retry.
    ///
    /// # Panics
    /// With 0; in a constant this is a compile error.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        assert!(attempts > 0, "`attempts` must be at least 1; `attempts = 1` means no retry");
        self.attempts = attempts;
        self
    }

    /// The delay before the first retry, without jitter; it doubles with each further one.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest delay, jitter included.
    #[must_use]
    pub const fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// The random part of a delay.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The longest `Retry-After` of a server that is waited for. Where it asks for more, the retry
    /// gives up at once.
    #[must_use]
    pub const fn max_retry_after(mut self, longest: Duration) -> Self {
        self.max_retry_after = Some(longest);
        self
    }

    /// Says that repeating the operation does no harm.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Idempotent;
        self
    }

    /// Says that the operation must not be done twice: only a call that was certainly never sent is
    /// repeated.
    #[must_use]
    pub const fn non_idempotent(mut self) -> Self {
        self.repeat = Repeat::NonIdempotent;
        self
    }

    /// Checks the settings against each other, and hands the policy back.
    ///
    /// ```compile_fail
    /// # use resilience::{Retry, secs};
    /// const WRONG: Retry = Retry::new().base(secs(60)).max_delay(secs(10)).checked();
    /// ```
    ///
    /// Without this call a contradiction is resolved when the policy is used: nothing exceeds
    /// `max_delay`.
    ///
    /// # Panics
    /// If `base` or the jitter is longer than `max_delay`; in a constant this is a compile error.
    #[must_use]
    pub const fn checked(self) -> Self {
        assert!(
            self.base.as_nanos() <= self.max_delay.as_nanos(),
            "`base` is longer than `max_delay`"
        );
        if let Jitter::UpTo(jitter) = self.jitter {
            assert!(
                jitter.as_nanos() <= self.max_delay.as_nanos(),
                "`jitter` is longer than `max_delay`"
            );
        }
        self
    }

    /// Whether the policy says if the operation may be repeated.
    #[doc(hidden)]
    pub const fn says_whether_to_repeat(&self) -> bool {
        !matches!(self.repeat, Repeat::Unsaid)
    }

    /// How long a call takes at most, its waits included, where each attempt may take this long.
    #[doc(hidden)]
    #[inline]
    pub fn longest_call(&self, attempt: Duration) -> Duration {
        let wait = self.max_delay.max(self.longest_retry_after());
        let retries = self.attempts.saturating_sub(1);
        attempt.saturating_mul(self.attempts).saturating_add(wait.saturating_mul(retries))
    }

    pub(crate) const fn longest_retry_after(&self) -> Duration {
        match self.max_retry_after {
            Some(longest) => longest,
            None => self.max_delay,
        }
    }
}
