//! A breaker that counts consecutive failures, in one word:
//!
//! ```text
//! | mode 2 | generation 30 | consecutive failures 32 |
//! ```

use std::mem;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

use tokio::time::Instant;

use crate::body::CallError;

const MODE: u64 = 3 << 62;
const CLOSED: u64 = 0;
const OPEN: u64 = 1 << 62;
const HALF_OPEN: u64 = 2 << 62;
const ONE_GENERATION: u64 = 1 << 32;
const FAILURES: u64 = ONE_GENERATION - 1;

pub(super) struct Breaker {
    word: AtomicU64,
    /// When an open breaker admits a probe, in milliseconds.
    probe_at: AtomicU64,
    threshold: u64,
    recovery: Duration,
}

/// Permission to make one call. Dropped without a result, it frees a probe's slot.
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    /// Mode and generation at admission. A result counts only if they are still the same.
    ticket: u64,
}

impl Breaker {
    pub(super) const fn new(threshold: u64, recovery: Duration) -> Self {
        Self { word: AtomicU64::new(CLOSED), probe_at: AtomicU64::new(0), threshold, recovery }
    }

    #[inline]
    pub(super) fn acquire(&self) -> Option<Permit<'_>> {
        let word = self.word.load(Acquire);
        if word & MODE == CLOSED {
            return Some(Permit { breaker: self, ticket: word & !FAILURES });
        }
        self.probe(word)
    }

    /// Admits one probe at a time, once the recovery timeout is over.
    #[cold]
    fn probe(&self, word: u64) -> Option<Permit<'_>> {
        if word & MODE != OPEN || millis() < self.probe_at.load(Acquire) {
            return None;
        }
        let probing = next(word, HALF_OPEN);
        self.replace(word, probing).then_some(Permit { breaker: self, ticket: probing })
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.word.compare_exchange(old, new, AcqRel, Acquire).is_ok()
    }

    #[cold]
    fn settle(&self, ticket: u64, succeeded: bool) {
        loop {
            let word = self.word.load(Acquire);
            if word & !FAILURES != ticket {
                return;
            }
            let failures = (word & FAILURES) + 1;
            let new = match (word & MODE, succeeded) {
                (CLOSED, true) => ticket,
                (CLOSED, false) if failures < self.threshold => ticket | failures,
                (_, true) => next(word, CLOSED),
                (_, false) => {
                    let recovery = u64::try_from(self.recovery.as_millis()).unwrap_or(u64::MAX);
                    self.probe_at.store(millis().saturating_add(recovery), Release);
                    next(word, OPEN)
                }
            };
            if self.replace(word, new) {
                return;
            }
        }
    }
}

impl Permit<'_> {
    /// Returns whether a success would change nothing.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.breaker.word.load(Acquire) == self.ticket
    }

    #[inline]
    pub(super) fn settle<T>(self, outcome: &Result<T, CallError>) {
        let healthy = outcome.is_ok() && self.is_current();
        if !healthy {
            self.breaker.settle(self.ticket, !outcome.as_ref().is_err_and(CallError::is_transient));
        }
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket & MODE == HALF_OPEN {
            // Reopens with the probe time unchanged, so the next caller becomes the next probe.
            self.breaker.replace(self.ticket, next(self.ticket, OPEN));
        }
    }
}

const fn next(word: u64, mode: u64) -> u64 {
    mode | ((word & !MODE & !FAILURES) + ONE_GENERATION) & !MODE
}

fn millis() -> u64 {
    static BASE: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BASE.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}
