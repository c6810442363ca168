//! The calls that are still running, by when they started.
//!
//! A call is counted in the slice of time in which it started, until it ends. When a slice's word
//! is needed for a later one, the calls that it still counts have been slow for long, and become
//! `overdue`.

use super::{GENERATION_SHIFT, generation_of, of_generation, update};
use crate::support::atomic_word::AtomicWord;

/// Slices that a slow call runs through before it is noticed.
const SLICES_PER_LIMIT: u64 = 4;

/// Twice the limit, so that calls become overdue only after they are slow.
const SLICES: usize = 8;

/// ```text
/// slices:  | generation 20 | number of the slice 24 | calls 20 |
/// overdue: | generation 20 | calls 44, signed                  |
/// ```
#[derive(Debug)]
pub(super) struct Running<W> {
    /// A call that takes longer than so many milliseconds is slow.
    limit: u64,
    /// Of one slice, in milliseconds.
    length: u64,
    slices: [W; SLICES],
    overdue: W,
}

const NUMBER_SHIFT: u32 = 20;
const NUMBER_MASK: u64 = (1 << 24) - 1;
const CALLS_MASK: u64 = (1 << NUMBER_SHIFT) - 1;
const OVERDUE_MASK: u64 = (1 << GENERATION_SHIFT) - 1;

const fn number_of(word: u64) -> u64 {
    word >> NUMBER_SHIFT & NUMBER_MASK
}

/// How many slices `earlier` is before `later`, or `None` if it is after it.
const fn distance(earlier: u64, later: u64) -> Option<u64> {
    let distance = later.wrapping_sub(earlier) & NUMBER_MASK;
    if distance > NUMBER_MASK / 2 { None } else { Some(distance) }
}

impl<W: AtomicWord> Running<W> {
    pub(super) fn new(limit: u64, word: impl Fn() -> W) -> Self {
        Self {
            limit,
            length: limit.div_ceil(SLICES_PER_LIMIT).max(1),
            slices: std::array::from_fn(|_| word()),
            overdue: word(),
        }
    }

    pub(super) fn started(&self, generation: u64, start: u64, is_current: impl Fn() -> bool) {
        let number = self.number(start);
        let mut moved = 0;
        let counted = update(self.slice(number), |word| {
            let word = of_generation(word, generation, &is_current)?;
            let (found, calls) = (number_of(word), word & CALLS_MASK);
            let emptied = word & !(NUMBER_MASK << NUMBER_SHIFT | CALLS_MASK);
            match distance(found, number) {
                Some(0) => {
                    moved = 0;
                    Some(emptied | number << NUMBER_SHIFT | (calls + 1).min(CALLS_MASK))
                }
                // An unused slice has any number.
                _ if calls == 0 => {
                    moved = 0;
                    Some(emptied | number << NUMBER_SHIFT | 1)
                }
                Some(_) => {
                    moved = calls;
                    Some(emptied | number << NUMBER_SHIFT | 1)
                }
                // This thread was stopped for as long as a slow call takes.
                None => {
                    moved = 1;
                    Some(word)
                }
            }
        });
        if counted.is_some() && moved > 0 {
            self.add_overdue(generation, i64::try_from(moved).unwrap_or(0), is_current);
        }
    }

    pub(super) fn ended(&self, generation: u64, start: u64, is_current: impl Fn() -> bool) {
        let number = self.number(start);
        let mut is_overdue = false;
        let counted = update(self.slice(number), |word| {
            if generation_of(word) != generation {
                return None;
            }
            is_overdue = number_of(word) != number;
            Some(if is_overdue { word } else { word - u64::from(word & CALLS_MASK > 0) })
        });
        if counted.is_some() && is_overdue {
            self.add_overdue(generation, -1, is_current);
        }
    }

    /// How many calls have been running for longer than the limit. Each is noticed at the latest a
    /// quarter of the limit after that.
    pub(super) fn slow(&self, generation: u64, now: u64) -> u64 {
        let overdue = self.overdue.load();
        let overdue = if generation_of(overdue) == generation { overdue & OVERDUE_MASK } else { 0 };
        let is_negative = overdue >> (GENERATION_SHIFT - 1) != 0;
        let in_slices: u64 = self
            .slices
            .iter()
            .map(W::load)
            .filter(|&word| generation_of(word) == generation)
            .filter(|&word| {
                // The last call of the slice has been running for at least so long.
                let slices = distance(number_of(word), self.number(now));
                slices.is_some_and(|slices| {
                    (slices * self.length + now % self.length + 1).saturating_sub(self.length)
                        > self.limit
                })
            })
            .map(|word| word & CALLS_MASK)
            .sum();
        in_slices + if is_negative { 0 } else { overdue }
    }

    /// May become negative for a moment: when a call ends before the thread that has moved it here
    /// has counted it.
    fn add_overdue(&self, generation: u64, calls: i64, is_current: impl Fn() -> bool) {
        let _ = update(&self.overdue, |word| {
            let word = of_generation(word, generation, &is_current)?;
            let sum = (word & OVERDUE_MASK).wrapping_add_signed(calls) & OVERDUE_MASK;
            Some(word & !OVERDUE_MASK | sum)
        });
    }

    /// The number of the slice to which a point in time belongs.
    const fn number(&self, millis: u64) -> u64 {
        (millis / self.length) & NUMBER_MASK
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the number of slices")]
    fn slice(&self, number: u64) -> &W {
        &self.slices[(number % SLICES as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    fn running(limit: u64) -> Running<AtomicU64> {
        Running::new(limit, || AtomicU64::new(0))
    }

    #[test]
    fn agrees_with_a_list_of_running_calls_within_a_slice() {
        let mut random = 5_u64;
        let mut roll = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for limit in [1, 4, 7, 2_000] {
            let (watch, mut calls) = (running(limit), Vec::new());
            let mut now: u64 = 1 << 39;
            for step in 0..if cfg!(miri) { 200 } else { 20_000 } {
                match roll(8) {
                    0 => now += roll(limit + 1),
                    1 => now += roll(2 * limit / 8 + 2),
                    2 if step % 1_000 == 2 => now += roll(10 * limit),
                    3..6 if !calls.is_empty() => {
                        let ended = usize::try_from(roll(calls.len() as u64)).unwrap();
                        let ended = calls.swap_remove(ended);
                        watch.ended(0, ended, || true);
                    }
                    _ => {
                        watch.started(0, now, || true);
                        calls.push(now);
                    }
                }
                let slow = watch.slow(0, now);
                let running_for =
                    |least| calls.iter().filter(|start| now - **start > least).count();
                let (surely, at_most) = (running_for(limit + watch.length), running_for(limit));
                assert!(
                    (surely as u64..=at_most as u64).contains(&slow),
                    "{slow} not in {surely}..={at_most}, limit {limit}, step {step}"
                );
            }
            for start in calls {
                watch.ended(0, start, || true);
            }
            assert_eq!(watch.slow(0, now + 100 * limit), 0);
        }
    }

    #[test]
    fn calls_of_an_older_generation_are_not_counted() {
        let watch = running(100);
        watch.started(1, 0, || true);
        assert_eq!((watch.slow(1, 1_000), watch.slow(2, 1_000)), (1, 0));
        watch.started(2, 800, || true);
        watch.ended(1, 0, || false);
        assert_eq!(watch.slow(2, 1_000), 1);
        watch.ended(2, 800, || true);
        assert_eq!(watch.slow(2, 1_000), 0);
    }
}
