//! Three attempts, exponential backoff with jitter, and a token bucket that limits retries.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::body::CallError;

const ATTEMPTS: u32 = 3;
const BASE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A retry costs five tokens, and a success adds one.
pub(super) struct Budget(AtomicU32);

impl Budget {
    const FULL: u32 = 100;
    const COST: u32 = 5;

    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }

    /// A full bucket isn't written to, so that threads don't contend for it.
    #[inline]
    pub(super) fn deposit(&self) {
        if self.0.load(Relaxed) < Self::FULL {
            let _ = self.0.fetch_update(Relaxed, Relaxed, |tokens| {
                (tokens < Self::FULL).then_some(tokens + 1)
            });
        }
    }

    fn withdraw(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |tokens| tokens.checked_sub(Self::COST)).is_ok()
    }
}

pub(super) struct Tries(u32);

/// The extra state for events, refunds and decorrelated jitter, as in the attributes.
pub(super) struct History {
    tries: Tries,
    withdrawn: u32,
    previous: Duration,
    first_failure: Option<Instant>,
}

impl History {
    pub(super) const fn new() -> Self {
        let tries = Tries::new();
        Self { tries, withdrawn: 0, previous: Duration::ZERO, first_failure: None }
    }

    pub(super) const fn number(&self) -> u64 {
        self.tries.number()
    }

    #[cold]
    pub(super) fn judge(
        &mut self,
        error: CallError,
        budget: &Budget,
    ) -> Result<Duration, CallError> {
        let failed = *self.first_failure.get_or_insert_with(Instant::now);
        let pause = self.tries.judge(error, budget)?.max(self.previous);
        self.withdrawn += Budget::COST;
        self.previous = pause;
        std::hint::black_box((failed, self.withdrawn));
        Ok(pause)
    }
}

impl Tries {
    pub(super) const fn new() -> Self {
        Self(1)
    }

    pub(super) const fn number(&self) -> u64 {
        self.0 as u64
    }

    /// Returns how long to wait before the next attempt, or gives the error back.
    #[cold]
    pub(super) fn judge(
        &mut self,
        error: CallError,
        budget: &Budget,
    ) -> Result<Duration, CallError> {
        if self.0 >= ATTEMPTS || !error.is_transient() || !budget.withdraw() {
            return Err(error);
        }
        let backoff = BASE.saturating_mul(1 << (self.0 - 1)).min(LONGEST.saturating_sub(BASE));
        self.0 += 1;
        let random = RandomState::new().hash_one(self.0) % 500;
        Ok(backoff + Duration::from_millis(random))
    }
}
