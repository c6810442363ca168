//! Options whose values are only known at run time. Values out of range are clamped, with one
//! warning per site.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::time::Duration;

use crate::layer::events;
use crate::layer::site::Site;
use crate::{Retry, retry::Jitter};

/// Raises a timeout of zero to 1 ms: zero would fail every call that has to wait.
pub fn timeout(after: Duration, site: &Site) -> Duration {
    const MIN: Duration = Duration::from_millis(1);
    if after.is_zero() {
        events::clamped(site, "timeout", "must be longer than zero; 1 ms is used");
        return MIN;
    }
    after
}

/// A retry policy that is built for one call.
#[derive(Debug)]
pub struct Policy<'a> {
    policy: Retry,
    site: &'a Site,
}

impl<'a> Policy<'a> {
    #[inline]
    pub const fn new(policy: Retry, site: &'a Site) -> Self {
        Self { policy, site }
    }

    #[inline]
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        if attempts == 0 {
            events::clamped(
                self.site,
                "attempts",
                "must be at least 1, which means no retries; 1 is used",
            );
        }
        self.policy = self.policy.attempts(attempts.max(1));
        self
    }

    #[inline]
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.policy = self.policy.base(base);
        self
    }

    #[inline]
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.policy = self.policy.max_delay(max_delay);
        self
    }

    #[inline]
    #[must_use]
    pub fn max_retry_after(mut self, longest: Duration) -> Self {
        self.policy = self.policy.max_retry_after(longest);
        self
    }

    #[inline]
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.policy = self.policy.jitter(jitter);
        self
    }

    /// Returns the policy, with `base` and the jitter limited to `max_delay`.
    #[inline]
    #[must_use]
    pub fn done(mut self) -> Retry {
        let max = self.policy.max_delay;
        if self.policy.base > max {
            events::clamped(
                self.site,
                "base",
                "must not be longer than max_delay; max_delay is used",
            );
            self.policy = self.policy.base(max);
        }
        if matches!(self.policy.jitter, Jitter::UpTo(jitter) if jitter > max) {
            events::clamped(
                self.site,
                "jitter",
                "must not be longer than max_delay; max_delay is used",
            );
            self.policy = self.policy.jitter(Jitter::UpTo(max));
        }
        self.policy
    }
}

/// Used by the expansion.
pub mod internals {
    pub use super::{Policy, timeout};
}
