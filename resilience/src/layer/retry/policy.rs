use std::time::Duration;

use crate::layer::context;

/// A retry policy: how often to retry, how long to wait between attempts, and whether the operation
/// may be repeated at all.
///
/// A policy is a small constant. Define it once and use it on as many functions as you like:
///
/// ```
/// use resilience::{Retry, millis, secs};
///
/// const STANDARD: Retry = Retry::new().attempts(4).base(millis(200)).max_delay(secs(10)).idempotent();
/// ```
///
/// | setting | default | range |
/// |---|---|---|
/// | [`attempts`](Self::attempts) | 3, including the first execution | at least 1 |
/// | [`base`](Self::base) | 500 ms | up to `max_delay` |
/// | [`max_delay`](Self::max_delay) | 30 s | at least `base` |
/// | [`jitter`](Self::jitter) | `base`, or less near the cap: min(base, max(max − base, max / 10)) | up to `max_delay` |
/// | [`max_retry_after`](Self::max_retry_after) | `max_delay` | any |
///
/// The delay before retry number n, counting from 0, is
/// `min(base · 2ⁿ, max_delay − jitter) + random(0, jitter)`: exponential backoff whose random part
/// stays below the cap, so clients remain spread out even in a long outage. All arithmetic
/// saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub(crate) attempts: u32,
    pub(crate) base: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) max_retry_after: Option<Duration>,
    pub(crate) repeat: Repeat,
    pub(crate) repeat_inner: bool,
}

/// The random part of a delay; see [`Retry::jitter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// min(base, max(max − base, max / 10)), added to the exponential delay.
    Standard,
    /// A random duration up to this one, added to the exponential delay.
    UpTo(Duration),
    /// The whole delay is random: random(0, min(base · 2ⁿ, max)). Source of this and the next two:
    /// M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Full,
    /// Half of the delay is random: d / 2 + random(0, d / 2), where d = min(base · 2ⁿ, max).
    Equal,
    /// Based on the previous delay: random(base, min(3 · previous, max)). The source caps the
    /// result instead, which makes half of the clients wait exactly `max` after a few retries.
    Decorrelated,
    /// No jitter: min(base · 2ⁿ, max). All clients retry at the same moment, so use this only in
    /// tests.
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
    /// Creates a policy with the defaults listed above.
    pub const fn new() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            jitter: Jitter::Standard,
            max_retry_after: None,
            repeat: Repeat::Unsaid,
            repeat_inner: false,
        }
    }

    /// Sets the maximum number of executions, including the first: `1` means no retry.
    ///
    /// # Panics
    /// Panics on 0. In a constant this is a compile error.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        assert!(attempts > 0, "`attempts` must be at least 1; `attempts = 1` means no retry");
        self.attempts = attempts;
        self
    }

    /// Sets the delay before the first retry, without jitter. It doubles with each further retry.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the maximum delay, including jitter.
    #[must_use]
    pub const fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Sets the random part of a delay.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the longest `Retry-After` to honor. If a server asks for more, retrying stops at once.
    #[must_use]
    pub const fn max_retry_after(mut self, longest: Duration) -> Self {
        self.max_retry_after = Some(longest);
        self
    }

    /// Declares that the operation is safe to repeat.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Idempotent;
        self
    }

    /// Declares that the operation must not be executed twice. A call is retried only if it was
    /// certainly never sent.
    #[must_use]
    pub const fn non_idempotent(mut self) -> Self {
        self.repeat = Repeat::NonIdempotent;
        self
    }

    /// Also repeats a call in which an inner retry has given up.
    ///
    /// Without this, such an error is returned at once, and `retry_stopped` says `already_retried`.
    /// Otherwise the attempts of nested functions multiply: three levels of three attempts are 27.
    #[must_use]
    pub const fn repeat_inner(mut self) -> Self {
        self.repeat_inner = true;
        self
    }

    /// Checks that the settings are consistent, and returns the policy.
    ///
    /// ```compile_fail
    /// # use resilience::{Retry, secs};
    /// const WRONG: Retry = Retry::new().base(secs(60)).max_delay(secs(10)).checked();
    /// ```
    ///
    /// Without this call, inconsistent settings are resolved when the policy is used: no delay
    /// exceeds `max_delay`.
    ///
    /// # Panics
    /// Panics if `base` or the jitter is longer than `max_delay`. In a constant this is a compile
    /// error.
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

    /// Whether the policy specifies if the operation may be repeated.
    pub(crate) const fn says_whether_to_repeat(&self) -> bool {
        !matches!(self.repeat, Repeat::Unsaid)
    }

    /// Marks the calls around a success that must not be made twice: they must not repeat it.
    #[inline]
    pub(crate) fn note_success(&self) {
        if self.repeat == Repeat::NonIdempotent {
            context::mark_sent();
        }
    }

    /// The maximum duration of a call, including waits, if each attempt takes up to `attempt`.
    #[inline]
    pub(crate) fn longest_call(&self, attempt: Duration) -> Duration {
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
