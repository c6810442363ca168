//! A lock-free token bucket: tokens and time in one word, generic over the atomic type.
//!
//! ```text
//! | tokens in thousandths 24 | listed 1 | refilled up to, in milliseconds 39 |
//! ```

use crate::support::atomic_word::AtomicWord;
use crate::support::clock;

const STAMP_BITS: u32 = clock::MILLIS_BITS - 1;
const STAMP_MASK: u64 = (1 << STAMP_BITS) - 1;

/// The current time for a stamp, in milliseconds. Saturates eight years before and after the base of
/// the clock: its other half is left out, so that a stamp is one bit shorter.
pub(super) fn now() -> u64 {
    const OMITTED: u64 = 1 << (clock::MILLIS_BITS - 2);
    clock::millis().saturating_sub(OMITTED).min(STAMP_MASK)
}

/// The settings of a bucket, in thousandths of a token and milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The maximum and initial number of tokens.
    pub capacity: u32,
    /// A retry is granted only while the bucket holds strictly more than this.
    pub floor: Option<u32>,
    /// The interval at which one token is added; 0 means never.
    pub refill: u64,
}

/// The contents of the bucket.
#[derive(Debug)]
pub struct Bucket<W> {
    /// Tokens, the time of the last refill, and whether the bucket is listed.
    pub word: W,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Contents {
    tokens: u32,
    listed: bool,
    stamp: u64,
}

impl Contents {
    const fn unpack(word: u64) -> Self {
        let upper = word >> STAMP_BITS;
        Self { tokens: (upper >> 1) as u32, listed: upper & 1 == 1, stamp: word & STAMP_MASK }
    }

    const fn pack(self) -> u64 {
        (upper(self.tokens, self.listed) as u64) << STAMP_BITS | self.stamp & STAMP_MASK
    }

    /// Adds the tokens for the time that has passed. Only whole tokens are added, and the stamp
    /// advances by exactly their time, so no remainder is lost.
    fn refilled(self, rules: &Rules, now: impl Fn() -> u64) -> Self {
        if rules.refill == 0 {
            return self;
        }
        let now = now().min(STAMP_MASK);
        // If the clock was set back, add nothing and restart from the current time.
        let Some(passed) = now.checked_sub(self.stamp) else { return Self { stamp: now, ..self } };
        let tokens = passed / rules.refill;
        let full = u64::from(rules.capacity - self.tokens) <= tokens.saturating_mul(1000);
        if full {
            return Self { tokens: rules.capacity, stamp: now, ..self };
        }
        // This is less than the missing amount, so neither product can overflow.
        let brought = u32::try_from(tokens * 1000).unwrap_or(u32::MAX);
        let stamp = self.stamp + tokens * rules.refill;
        Self { tokens: self.tokens + brought, stamp, ..self }
    }
}

/// The bits above the stamp.
const fn upper(tokens: u32, listed: bool) -> u32 {
    tokens << 1 | listed as u32
}

/// The bits above the stamp while the bucket is full and listed, when a success has nothing to do.
pub const fn settled(capacity: u32) -> u32 {
    upper(capacity, true)
}

impl<W: AtomicWord> Bucket<W> {
    /// The word of a full bucket. Its stamp is 0, because a full bucket ignores elapsed time.
    pub const fn full(capacity: u32) -> u64 {
        Contents { tokens: capacity, listed: false, stamp: 0 }.pack()
    }

    /// Withdraws `cost` for a retry, all or nothing. Withdraws nothing at or below the floor.
    ///
    /// `now` is called after the word is loaded, so no thread sees a stamp in its future.
    pub fn withdraw(&self, rules: &Rules, cost: u32, now: impl Fn() -> u64) -> bool {
        let mut granted = false;
        self.update(rules, &now, |tokens| {
            granted = tokens >= cost && rules.floor.is_none_or(|floor| tokens > floor);
            if granted { tokens - cost } else { tokens }
        });
        granted
    }

    /// Removes up to `amount`.
    pub fn debit(&self, rules: &Rules, amount: u32, now: impl Fn() -> u64) {
        self.update(rules, &now, |tokens| tokens.saturating_sub(amount));
    }

    /// Whether the bucket is full. Costs one load.
    #[inline]
    pub fn is_full(&self, capacity: u32) -> bool {
        Contents::unpack(self.word.load()).tokens >= capacity
    }

    /// Whether the bucket is full and listed. Costs one load. `settled` is [`settled`] of the
    /// capacity.
    #[inline]
    pub fn is_settled(&self, settled: u32) -> bool {
        self.word.load() >> STAMP_BITS == u64::from(settled)
    }

    /// Whether the bucket is listed.
    pub fn is_listed(&self) -> bool {
        Contents::unpack(self.word.load()).listed
    }

    /// Marks the bucket as listed. Returns whether it wasn't.
    pub fn mark_listed(&self) -> bool {
        let mut found = self.word.load();
        loop {
            let contents = Contents::unpack(found);
            if contents.listed {
                return false;
            }
            let listed = Contents { listed: true, ..contents }.pack();
            match self.word.compare_exchange_weak(found, listed) {
                Ok(_) => return true,
                Err(other) => found = other,
            }
        }
    }

    /// Copies the contents to where they can be read without the bucket. Every change is followed
    /// by a copy; then the last copy is that of the last change.
    ///
    /// A thread that writes the copy after another one synchronizes with it, so it sees the other's
    /// change when it compares.
    pub fn copy_to(&self, copy: &Self) {
        loop {
            let word = self.word.load();
            let mut found = copy.word.load();
            while let Err(other) = copy.word.compare_exchange_weak(found, word) {
                found = other;
            }
            if self.word.load() == word {
                return;
            }
        }
    }

    /// Adds up to `amount`. Costs only one load if the bucket is full, and never reads a clock.
    #[inline]
    pub fn credit(&self, capacity: u32, amount: u32) {
        let found = self.word.load();
        if amount > 0 && Contents::unpack(found).tokens < capacity {
            self.credit_slowly(capacity, amount, found);
        }
    }

    #[cold]
    fn credit_slowly(&self, capacity: u32, amount: u32, mut found: u64) {
        loop {
            let contents = Contents::unpack(found);
            let tokens = contents.tokens.saturating_add(amount).min(capacity);
            if tokens == contents.tokens {
                return;
            }
            match self.word.compare_exchange_weak(found, Contents { tokens, ..contents }.pack()) {
                Ok(_) => return,
                Err(other) => found = other,
            }
        }
    }

    /// The current number of tokens, including the refill up to now.
    pub fn tokens(&self, rules: &Rules, now: impl Fn() -> u64) -> u32 {
        Contents::unpack(self.word.load()).refilled(rules, now).tokens
    }

    fn update(&self, rules: &Rules, now: impl Fn() -> u64, mut change: impl FnMut(u32) -> u32) {
        loop {
            let found = self.word.load();
            let refilled = Contents::unpack(found).refilled(rules, &now);
            let next = Contents { tokens: change(refilled.tokens), ..refilled }.pack();
            if next == found || self.word.compare_exchange_weak(found, next).is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    const RULES: Rules = Rules { capacity: 10_000, floor: None, refill: 7 };

    fn full() -> Bucket<AtomicU64> {
        Bucket { word: AtomicU64::new(Bucket::<AtomicU64>::full(RULES.capacity)) }
    }

    #[test]
    fn the_refill_loses_no_remainder() {
        let bucket = full();
        bucket.debit(&RULES, 10_000, || 1_000);
        // Check every 3 ms, although a token takes 7 ms.
        for now in (1_000..=1_069).step_by(3) {
            assert!(!bucket.withdraw(&RULES, 10_001, || now));
            assert_eq!(
                u64::from(bucket.tokens(&RULES, || now)),
                (now - 1_000) / 7 * 1000,
                "at {now}"
            );
        }
        assert_eq!(bucket.tokens(&RULES, || 1_070), 10_000);
        assert_eq!(bucket.tokens(&RULES, || u64::MAX), 10_000);
    }

    #[test]
    fn time_while_full_is_not_saved_up() {
        let bucket = full();
        assert!(bucket.withdraw(&RULES, 10_000, || 1_000_000));
        assert_eq!(bucket.tokens(&RULES, || 1_000_006), 0);
        assert_eq!(bucket.tokens(&RULES, || 1_000_007), 1_000);
    }

    #[test]
    fn a_clock_that_was_put_back_brings_nothing_and_starts_anew() {
        let bucket = full();
        bucket.debit(&RULES, 10_000, || 1_000_000);
        bucket.debit(&RULES, 10_000, || 500);
        assert_eq!(bucket.tokens(&RULES, || 500), 0);
        assert_eq!(bucket.tokens(&RULES, || 507), 1_000);
    }

    #[test]
    fn a_withdrawal_is_all_or_nothing_and_stops_at_the_floor() {
        let rules = Rules { refill: 0, floor: Some(5_000), ..RULES };
        let bucket = full();
        assert!(!bucket.withdraw(&rules, 10_001, || 0));
        assert!(bucket.withdraw(&rules, 4_999, || 0));
        assert!(bucket.withdraw(&rules, 1, || 0));
        assert!(!bucket.withdraw(&rules, 1, || 0), "5 is not above 5");
        assert_eq!(bucket.tokens(&rules, || 0), 5_000);
        bucket.debit(&rules, 20_000, || 0);
        assert_eq!(bucket.tokens(&rules, || 0), 0);
        bucket.credit(10_000, u32::MAX);
        assert_eq!(bucket.tokens(&rules, || 0), 10_000);
    }
}
