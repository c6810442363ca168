//! The last calls, in a ring.
//!
//! A result takes the next place of the ring, replaces what was there, and adds the difference to
//! the counts. Each step is one exchange of a word, and what a place loses is exactly what the
//! exchange has replaced. So the counts are those of the ring whenever no result is being recorded.

use super::{GENERATION_SHIFT, Outcome, generation_of, of_generation, update};
use crate::layer::circuit_breaker::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

/// ```text
/// counts: | generation 20 | place 14 | failures 15 | slow 15 |
/// ring:   | generation 20 | 22 results: failed 1, slow 1     |
/// ```
///
/// Places are numbered from 0 to twice the length of the ring, and then again from the length: so
/// the number also says whether the ring is full. Failures and slow calls are signed, since a
/// result may be replaced before it is counted.
#[derive(Debug)]
pub(super) struct CountWindow<W> {
    len: u64,
    counts: W,
    ring: Box<[W]>,
}

const PLACE_SHIFT: u32 = 30;
const PLACE_MASK: u64 = (1 << 14) - 1;
const FAILURES_SHIFT: u32 = 15;
const COUNT_BITS: u32 = 15;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const BOTH_MASK: u64 = (1 << PLACE_SHIFT) - 1;
const PER_WORD: u64 = 22;

impl<W: AtomicWord> CountWindow<W> {
    pub(super) fn new(len: u32, word: impl Fn() -> W) -> Self {
        let len = u64::from(len);
        Self { len, counts: word(), ring: (0..len.div_ceil(PER_WORD)).map(|_| word()).collect() }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether the window is full, of good results only.
    #[inline]
    pub(super) fn is_settled(&self, generation: u64) -> bool {
        let word = self.counts.load();
        let place = word >> PLACE_SHIFT & PLACE_MASK;
        generation_of(word) == generation && place >= self.len && word & BOTH_MASK == 0
    }

    pub(super) fn record(
        &self,
        generation: u64,
        outcome: Outcome,
        is_current: impl Fn() -> bool,
    ) -> Option<WindowCounts> {
        let mut taken = 0;
        let counts = update(&self.counts, |word| {
            let counts = of_generation(word, generation, &is_current)?;
            taken = counts >> PLACE_SHIFT & PLACE_MASK;
            // In a full ring of good results, one more changes nothing.
            let is_settled = taken >= self.len && counts & BOTH_MASK == 0;
            if is_settled && outcome.is_good() {
                return Some(counts);
            }
            let next = if taken + 1 == 2 * self.len { self.len } else { taken + 1 };
            Some(counts & !(PLACE_MASK << PLACE_SHIFT) | next << PLACE_SHIFT)
        })?;
        if counts & BOTH_MASK == 0 && outcome.is_good() {
            return Some(self.decode(counts));
        }
        let place = if taken >= self.len { taken - self.len } else { taken };
        let old = self.replace(generation, place, outcome, &is_current)?;
        let failures = i64::from(outcome.failed) - i64::from(old.failed);
        let slow = i64::from(outcome.slow) - i64::from(old.slow);
        let counts = update(&self.counts, |word| {
            (generation_of(word) == generation).then(|| add(word, failures, slow))
        })?;
        Some(self.decode(counts))
    }

    pub(super) fn counts(&self, generation: u64) -> WindowCounts {
        let word = self.counts.load();
        if generation_of(word) == generation { self.decode(word) } else { WindowCounts::default() }
    }

    /// Replaces the result at a place, and returns it.
    fn replace(
        &self,
        generation: u64,
        place: u64,
        outcome: Outcome,
        is_current: impl Fn() -> bool,
    ) -> Option<Outcome> {
        let word = usize::try_from(place / PER_WORD).ok().and_then(|word| self.ring.get(word))?;
        let shift = place % PER_WORD * 2;
        let new = u64::from(outcome.failed) | u64::from(outcome.slow) << 1;
        let mut old = 0;
        update(word, |word| {
            let results = of_generation(word, generation, &is_current)?;
            old = results >> shift & 0b11;
            Some(results & !(0b11 << shift) | new << shift)
        })?;
        Some(Outcome { failed: old & 1 != 0, slow: old & 2 != 0 })
    }

    fn decode(&self, word: u64) -> WindowCounts {
        WindowCounts {
            calls: (word >> PLACE_SHIFT & PLACE_MASK).min(self.len),
            failures: unsigned(word >> FAILURES_SHIFT),
            slow: unsigned(word),
        }
    }
}

fn add(word: u64, failures: i64, slow: i64) -> u64 {
    let sum = |field: u64, delta: i64| field.wrapping_add_signed(delta) & COUNT_MASK;
    word >> PLACE_SHIFT << PLACE_SHIFT
        | sum(word >> FAILURES_SHIFT, failures) << FAILURES_SHIFT
        | sum(word, slow)
}

/// The lower bits as a signed number, or 0 if it is negative.
const fn unsigned(field: u64) -> u64 {
    let field = field & COUNT_MASK;
    if field >> (COUNT_BITS - 1) == 0 { field } else { 0 }
}

const _: () = assert!(GENERATION_SHIFT == PLACE_SHIFT + 14);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::atomic::AtomicU64;

    const GOOD: Outcome = Outcome { failed: false, slow: false };
    const FAILED: Outcome = Outcome { failed: true, slow: false };
    const SLOW: Outcome = Outcome { failed: false, slow: true };
    const BOTH: Outcome = Outcome { failed: true, slow: true };

    fn window(len: u32) -> CountWindow<AtomicU64> {
        CountWindow::new(len, || AtomicU64::new(0))
    }

    #[test]
    fn agrees_with_a_queue_of_the_last_calls() {
        for len in [1, 2, 3, 21, 22, 23, 44, 100, 4_096] {
            let (window, mut queue) = (window(len), VecDeque::new());
            let mut random = 7_u64;
            for step in 0..if cfg!(miri) { 200 } else { 20_000 } {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Phases with few, some and many failures.
                let share = [0, 2, 9][step / 500 % 3];
                let outcome = match random >> 33 & 0xf {
                    roll if roll >= share => GOOD,
                    roll => [FAILED, SLOW, BOTH][(roll % 3) as usize],
                };
                queue.push_back(outcome);
                if queue.len() > len as usize {
                    queue.pop_front();
                }
                let counted = window.record(0, outcome, || true).unwrap();
                let count =
                    |of: fn(&Outcome) -> bool| queue.iter().filter(|o| of(o)).count() as u64;
                let expected = WindowCounts {
                    calls: queue.len() as u64,
                    failures: count(|outcome| outcome.failed),
                    slow: count(|outcome| outcome.slow),
                };
                assert_eq!(counted, expected, "window of {len}, step {step}");
                assert_eq!(window.counts(0), expected);
            }
        }
    }

    #[test]
    fn a_new_generation_starts_empty_and_takes_no_old_result() {
        let window = window(3);
        for _ in 0..3 {
            window.record(4, BOTH, || true);
        }
        assert_eq!(window.counts(5), WindowCounts::default());
        let first = window.record(5, GOOD, || true).unwrap();
        assert_eq!((first.calls, first.failures, first.slow), (1, 0, 0));
        assert_eq!(window.record(4, BOTH, || false), None);
        for _ in 0..3 {
            window.record(5, GOOD, || true);
        }
        let full = window.record(5, FAILED, || true).unwrap();
        assert_eq!((full.calls, full.failures, full.slow), (3, 1, 0));
    }

    #[test]
    fn result_replaced_before_it_is_counted_leaves_no_trace() {
        let negative = add(0, -1, -1);
        assert_eq!(window(1).decode(negative), WindowCounts::default());
        assert_eq!(add(negative, 1, 1), 0);
        assert_eq!(generation_of(add(9 << GENERATION_SHIFT, -1, -1)), 9);
    }
}
