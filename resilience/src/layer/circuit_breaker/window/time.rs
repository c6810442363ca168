//! The calls of the last seconds, in buckets.
//!
//! The thread that first comes to a later bucket clears the buckets in between, and then publishes
//! which bucket is the current one. A bucket's words say to which lap of the ring they belong, so a
//! thread that was stopped in the meantime neither clears nor fills a bucket that is reused.
//!
//! A success lowers the rates. So it can open the circuit only if it completes the minimum number
//! of calls, or if calls have left the window. Once the calls have been judged in the current
//! bucket, and are enough, neither is possible until the next bucket. Until then a success is
//! counted in a stripe of its thread, and no calls are added up.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{GENERATION_SHIFT, Outcome, generation_of, update};
use crate::layer::circuit_breaker::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

/// ```text
/// current, judged:  | generation 20 | number of the bucket 44     |
/// calls, successes: | generation 8 | lap 8 | calls 48             |
/// unwanted:         | generation 8 | lap 8 | failures 24, slow 24 |
/// ```
///
/// The current bucket is known in full, and clears what has the same few bits by accident.
#[derive(Debug)]
pub struct TimeWindow<W, const BUCKETS: usize> {
    /// Of one bucket, in milliseconds.
    length: u64,
    current: W,
    /// The last bucket in which the calls were judged, and were enough.
    judged: W,
    buckets: [Bucket<W>; BUCKETS],
    stripes: Box<[Stripe<W, BUCKETS>]>,
}

/// How a success was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// It can't have opened the circuit.
    Recorded,
    /// Another bucket has become the current one meanwhile, so the calls have to be judged.
    RecordedUnjudged,
    /// It has to be recorded with a look at the other calls.
    NotRecorded,
}

/// The successes of some threads, for each bucket. Other threads don't write to its cache lines.
#[derive(Debug)]
#[repr(align(64))]
struct Stripe<W, const BUCKETS: usize>([W; BUCKETS]);

/// The most stripes that a window has.
const MOST_STRIPES: usize = 8;

/// One stripe for each thread that can run at the same time, up to eight.
pub(in crate::layer::circuit_breaker) fn stripes() -> usize {
    use std::sync::OnceLock;
    static STRIPES: OnceLock<usize> = OnceLock::new();
    *STRIPES.get_or_init(|| {
        std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_STRIPES))
    })
}

/// Numbers the threads that record calls.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    match NUMBER.get() {
        usize::MAX => {
            let number = NEXT.fetch_add(1, Relaxed);
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

#[derive(Debug)]
struct Bucket<W> {
    calls: W,
    unwanted: W,
}

const TAG_SHIFT: u32 = 48;
const VALUE_MASK: u64 = (1 << TAG_SHIFT) - 1;
const FAILURES_SHIFT: u32 = 24;
const COUNT_MASK: u64 = (1 << 24) - 1;

/// One generation's lap, as the words of a bucket show it.
const fn tag(generation: u64, lap: u64) -> u64 {
    ((generation & 0xff) << 8 | lap & 0xff) << TAG_SHIFT
}

const fn current(generation: u64, number: u64) -> u64 {
    generation << GENERATION_SHIFT | number_of(number)
}

const fn number_of(current: u64) -> u64 {
    current & !(u64::MAX << GENERATION_SHIFT)
}

impl<W: AtomicWord, const BUCKETS: usize> TimeWindow<W, BUCKETS> {
    const COUNT: u64 = BUCKETS as u64;

    /// Creates an empty window, with at least one stripe.
    pub fn new(millis: u64, stripes: usize, word: impl Fn() -> W) -> Self {
        let bucket = |_| Bucket { calls: word(), unwanted: word() };
        let stripe = |_| Stripe(std::array::from_fn(|_| word()));
        Self {
            length: millis.div_ceil(Self::COUNT).max(1),
            current: word(),
            judged: word(),
            buckets: std::array::from_fn(bucket),
            stripes: (0..stripes.max(1)).map(stripe).collect(),
        }
    }

    /// Records a success if the calls have been judged in the current bucket.
    #[inline]
    pub fn record_quietly(&self, generation: u64, now: u64) -> Quiet {
        let judged = self.judged.load();
        let number = number_of(judged);
        // The bucket number of `now`, without a division. No bucket has the number 0.
        let start = number.wrapping_sub(Self::COUNT).wrapping_mul(self.length);
        if generation_of(judged) != generation || now.wrapping_sub(start) >= self.length {
            return Quiet::NotRecorded;
        }
        let tag = tag(generation, number / Self::COUNT);
        let Stripe(successes) = &self.stripes[thread_number() % self.stripes.len()];
        if increment(&successes[Self::at(number)], tag).is_none() {
            return Quiet::NotRecorded;
        }
        // Who enters the next bucket reads the stripes after that. So it counts this success, or
        // this thread finds that it has to.
        if self.current.load_in_order() == judged {
            Quiet::Recorded
        } else {
            Quiet::RecordedUnjudged
        }
    }

    /// The calls in the window are enough, and don't open the circuit, after a call was recorded at
    /// this time.
    pub fn is_judged(&self, generation: u64, now: u64) {
        let found = self.judged.load();
        let judged = current(generation, self.number(now));
        // The calls were counted in this bucket, if it is still the current one.
        if found != judged && self.current.load() == judged {
            let _ = self.judged.compare_exchange(found, judged);
        }
    }

    /// Records a result, and returns the calls in the window, or `None` if the generation is over.
    pub fn record(
        &self,
        generation: u64,
        outcome: Outcome,
        now: u64,
        is_current: impl Fn() -> bool,
    ) -> Option<WindowCounts> {
        loop {
            let number = self.enter(generation, self.number(now), &is_current)?;
            let (bucket, tag) = (self.bucket(number), tag(generation, number / Self::COUNT));
            // Calls first, and read last: so no one ever sees more failures than calls.
            if increment(&bucket.calls, tag).is_none() {
                if self.current.load() != current(generation, number) {
                    continue;
                }
                // Another thread is about to reuse the bucket, so this result is too old. Waiting
                // for that thread would be a lock.
                return Some(self.sum(generation, number, number));
            }
            if !outcome.is_good() {
                // If the bucket has been reused, all of it is too old.
                let _ = update(&bucket.unwanted, |word| {
                    let more = |field: u64, one: bool| (field & COUNT_MASK) + u64::from(one);
                    let failures = more(word >> FAILURES_SHIFT, outcome.failed).min(COUNT_MASK);
                    let slow = more(word, outcome.slow).min(COUNT_MASK);
                    (word & !VALUE_MASK == tag).then_some(tag | failures << FAILURES_SHIFT | slow)
                });
            }
            return Some(self.sum(generation, number, number));
        }
    }

    /// The calls in the window.
    pub fn counts(&self, generation: u64, now: u64) -> WindowCounts {
        let word = self.current.load();
        let (newest, number) = (number_of(word), self.number(now));
        // A current bucket far ahead comes from another clock.
        if generation_of(word) == generation && newest <= number + Self::COUNT {
            self.sum(generation, newest, number.max(newest))
        } else {
            WindowCounts::default()
        }
    }

    /// The number of a point in time's bucket. Never so small that the window reaches below 0.
    const fn number(&self, now: u64) -> u64 {
        now / self.length + Self::COUNT
    }

    /// The place of a bucket in the ring.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below the number of buckets")]
    const fn at(number: u64) -> usize {
        (number % Self::COUNT) as usize
    }

    fn bucket(&self, number: u64) -> &Bucket<W> {
        &self.buckets[Self::at(number)]
    }

    fn successes(&self, number: u64) -> impl Iterator<Item = &W> {
        self.stripes.iter().map(move |Stripe(successes)| &successes[Self::at(number)])
    }

    /// Makes a bucket the current one, unless a later one is, and returns the current one. `None`
    /// if the generation is over.
    fn enter(&self, generation: u64, number: u64, is_current: impl Fn() -> bool) -> Option<u64> {
        loop {
            let found = self.current.load();
            let (same, newest) = (generation_of(found) == generation, number_of(found));
            // A current bucket far ahead comes from another clock, and everything starts again.
            let ahead = newest > number + Self::COUNT;
            if same && newest >= number && !ahead {
                return Some(newest);
            }
            // Asked after the word was loaded: if a later generation has written it, it is over.
            if !same && !is_current() {
                return None;
            }
            let oldest = number + 1 - Self::COUNT;
            let first = if same && !ahead { oldest.max(newest + 1) } else { oldest };
            // What was judged by a clock that is set back says nothing about what comes.
            let forgotten = !ahead || self.clear(&self.judged, 0, found);
            let cleared = forgotten
                && (first..=number).all(|number| {
                    let tag = tag(generation, number / Self::COUNT);
                    let Bucket { calls, unwanted } = self.bucket(number);
                    [calls, unwanted]
                        .into_iter()
                        .chain(self.successes(number))
                        .all(|word| self.clear(word, tag, found))
                });
            if cleared && self.current.compare_exchange(found, current(generation, number)).is_ok()
            {
                return Some(number);
            }
        }
    }

    /// Clears a word, unless another thread has made a bucket the current one. The word is loaded
    /// first: so what is replaced is from before that.
    fn clear(&self, word: &W, tag: u64, found: u64) -> bool {
        update(word, |_| (self.current.load() == found).then_some(tag)).is_some()
    }

    /// The sum of the buckets up to `newest` that are in the window when `number` is the current
    /// one.
    fn sum(&self, generation: u64, newest: u64, number: u64) -> WindowCounts {
        let numbers = || number + 1 - Self::COUNT..=newest;
        let value = |word: &W, number| {
            let word = word.load_in_order();
            if word & !VALUE_MASK == tag(generation, number / Self::COUNT) {
                word & VALUE_MASK
            } else {
                0
            }
        };
        let (mut failures, mut slow) = (0, 0);
        for number in numbers() {
            let unwanted = value(&self.bucket(number).unwanted, number);
            failures += unwanted >> FAILURES_SHIFT;
            slow += unwanted & COUNT_MASK;
        }
        let mut calls = 0;
        for number in numbers() {
            calls += value(&self.bucket(number).calls, number);
            calls += self.successes(number).map(|word| value(word, number)).sum::<u64>();
        }
        WindowCounts { calls, failures, slow }
    }
}

/// Counts one more call in a bucket, or returns `None` if its word belongs to another lap.
#[inline]
fn increment<W: AtomicWord>(calls: &W, tag: u64) -> Option<u64> {
    update(calls, |word| {
        (word & !VALUE_MASK == tag).then(|| word + u64::from(word & VALUE_MASK < VALUE_MASK))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    const GOOD: Outcome = Outcome { failed: false, slow: false };
    const FAILED: Outcome = Outcome { failed: true, slow: false };
    const BOTH: Outcome = Outcome { failed: true, slow: true };

    const BUCKETS: u64 = 10;

    fn window(millis: u64) -> TimeWindow<AtomicU64, 10> {
        TimeWindow::new(millis, 2, || AtomicU64::new(0))
    }

    #[test]
    fn agrees_with_a_list_of_all_calls() {
        let mut random = 11_u64;
        let mut roll = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for millis in [10, 100, 10_000] {
            let (window, mut calls, mut recorded_quietly) = (window(millis), Vec::new(), 0);
            let (mut now, length) = (1 << 39, millis / BUCKETS);
            for step in 0..if cfg!(miri) { 100 } else { 5_000 } {
                now += match roll(20) {
                    0 => roll(3 * millis),
                    1..5 => roll(length + 1),
                    _ => 0,
                };
                let outcome = [GOOD, GOOD, FAILED, BOTH][usize::try_from(roll(4)).unwrap()];
                calls.push((now / length, outcome));
                let quietly = roll(2) == 0
                    && outcome == GOOD
                    && window.record_quietly(3, now) == Quiet::Recorded;
                let counted = if quietly {
                    window.counts(3, now)
                } else {
                    let counted = window.record(3, outcome, now, || true).unwrap();
                    window.is_judged(3, now);
                    counted
                };
                recorded_quietly += u64::from(quietly);
                let recent = || calls.iter().filter(|(number, _)| number + BUCKETS > now / length);
                let expected = WindowCounts {
                    calls: recent().count() as u64,
                    failures: recent().filter(|(_, outcome)| outcome.failed).count() as u64,
                    slow: recent().filter(|(_, outcome)| outcome.slow).count() as u64,
                };
                assert_eq!(counted, expected, "window of {millis} ms, step {step}");
                let later = roll(2 * millis);
                let left = calls
                    .iter()
                    .filter(|(number, _)| number + BUCKETS > (now + later) / length)
                    .count();
                assert_eq!(window.counts(3, now + later).calls, left as u64);
            }
            assert!(recorded_quietly > 0);
        }
    }

    #[test]
    fn a_new_generation_starts_empty_in_the_same_bucket() {
        let window = window(10_000);
        window.record(1, BOTH, 5_000, || true);
        assert_eq!(window.record(2, GOOD, 5_000, || true).unwrap().failures, 0);
        assert_eq!(window.record(1, BOTH, 5_000, || false), None);
        let counts = window.counts(2, 5_000);
        assert_eq!((counts.calls, counts.failures, counts.slow), (1, 0, 0));
    }

    #[test]
    fn success_is_recorded_quietly_only_in_the_bucket_and_generation_that_was_judged() {
        let window = window(1_000);
        assert_eq!(window.record_quietly(0, 0), Quiet::NotRecorded);
        window.record(0, GOOD, 50, || true);
        assert_eq!(window.record_quietly(0, 50), Quiet::NotRecorded);
        window.is_judged(0, 50);
        assert_eq!(window.record_quietly(0, 99), Quiet::Recorded);
        assert_eq!(window.record_quietly(0, 100), Quiet::NotRecorded);
        assert_eq!(window.record_quietly(1, 99), Quiet::NotRecorded);
        window.record(0, GOOD, 100, || true);
        assert_eq!(window.record_quietly(0, 99), Quiet::RecordedUnjudged);
        // A judgement that comes too late isn't kept.
        window.is_judged(0, 99);
        assert_eq!(window.record_quietly(0, 100), Quiet::NotRecorded);
        assert_eq!(window.counts(0, 100).calls, 4);
    }

    #[test]
    fn judgement_by_another_clock_is_forgotten() {
        let window = window(1_000);
        window.record(0, GOOD, 1_000_000, || true);
        window.is_judged(0, 1_000_000);
        window.record(0, GOOD, 0, || true);
        window.record(0, GOOD, 1_000_000, || true);
        assert_eq!(window.record_quietly(0, 1_000_000), Quiet::NotRecorded);
    }

    #[test]
    fn nothing_comes_back_after_as_many_laps_as_a_bucket_can_tell() {
        let window = window(1_000);
        window.record(0, BOTH, 0, || true);
        for laps in [256, 512, 65_536] {
            assert_eq!(window.record(0, GOOD, laps * 1_000, || true).unwrap().failures, 0);
        }
        assert_eq!(window.record(256, GOOD, 65_536_000, || true).unwrap().calls, 1);
    }

    #[test]
    fn a_clock_that_is_set_back_starts_again() {
        let window = window(1_000);
        window.record(0, FAILED, 1_000_000, || true);
        let a_little_back = window.record(0, FAILED, 999_500, || true).unwrap();
        assert_eq!(a_little_back.failures, 2);
        assert_eq!(window.record(0, FAILED, 0, || true).unwrap().failures, 1);
    }
}
