//! The calls by whose rates a breaker is judged.
//!
//! Every word belongs to one generation of the breaker, and says to which. So a result can't enter
//! the window of a later generation, and a new generation needs no clearing.

mod count;
mod probes;
mod running;
mod time;

use super::packed::{FIRST_MARK, LAST_MARK};
use super::policy::{Extent, Rate};
use super::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;
use count::CountWindow;
use probes::Probes;
use running::Running;
pub(super) use time::stripes;
pub use time::{Quiet, TimeWindow};

/// The buckets of a window of time.
const BUCKETS: usize = 10;

/// What the result of a call adds to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the call failed.
    pub failed: bool,
    /// Whether it took longer than the limit for slow calls.
    pub slow: bool,
}

impl Outcome {
    pub(super) const fn is_good(self) -> bool {
        !self.failed && !self.slow
    }
}

/// Where the results of a breaker in rate mode are recorded. Its size is fixed.
#[derive(Debug)]
pub struct Window<W> {
    closed: Closed<W>,
    /// The last mark of a failure. See [`Window::next_mark`].
    mark: W,
    probes: Probes<W>,
    running: Option<Running<W>>,
}

#[derive(Debug)]
enum Closed<W> {
    Count(CountWindow<W>),
    Time(TimeWindow<W, BUCKETS>),
}

impl<W: AtomicWord> Window<W> {
    /// Creates an empty window, of words made by `word` with the value 0. A window of time counts
    /// successes in so many `stripes`.
    pub fn new(rate: &Rate, stripes: usize, word: impl Fn() -> W) -> Self {
        let closed = match rate.window {
            Extent::Calls(calls) => Closed::Count(CountWindow::new(calls, &word)),
            Extent::Millis(millis) => Closed::Time(TimeWindow::new(millis, stripes, &word)),
        };
        let watched = rate.slow.filter(|slow| slow.while_running);
        Self {
            closed,
            mark: word(),
            probes: Probes::new(&word),
            running: watched.map(|slow| Running::new(slow.longer_than, &word)),
        }
    }

    /// Records the result of a call in a closed circuit, and returns the calls in the window, or
    /// `None` if the call's generation is over. `is_current` returns whether it isn't.
    pub fn record(
        &self,
        generation: u64,
        outcome: Outcome,
        now: impl FnOnce() -> u64,
        is_current: impl Fn() -> bool,
    ) -> Option<WindowCounts> {
        match &self.closed {
            Closed::Count(window) => window.record(generation, outcome, is_current),
            Closed::Time(window) => window.record(generation, outcome, now(), is_current),
        }
    }

    /// Returns whether one more success would change nothing. One load.
    #[inline]
    pub fn is_settled(&self, generation: u64) -> bool {
        match &self.closed {
            Closed::Count(window) => window.is_settled(generation),
            Closed::Time(_) => false,
        }
    }

    /// Records a success that can't open the circuit, without a look at the other calls.
    #[inline]
    pub fn record_quietly(&self, generation: u64, now: impl FnOnce() -> u64) -> Quiet {
        match &self.closed {
            Closed::Count(_) => Quiet::NotRecorded,
            Closed::Time(window) => window.record_quietly(generation, now()),
        }
    }

    /// The calls in the window are enough, and don't open the circuit. `now` is the time that was
    /// recorded before they were counted.
    pub fn is_judged(&self, generation: u64, now: impl FnOnce() -> u64) {
        if let Closed::Time(window) = &self.closed {
            window.is_judged(generation, now());
        }
    }

    /// A number that marks a failure in a window that may be settled, or `None` if it never is.
    pub fn next_mark(&self) -> Option<u64> {
        match &self.closed {
            Closed::Count(_) => update(&self.mark, |mark| {
                Some(if mark == LAST_MARK { FIRST_MARK } else { FIRST_MARK.max(mark + 1) })
            }),
            Closed::Time(_) => None,
        }
    }

    /// Records the result of a probe. Returns false if its generation is over.
    pub fn record_probe(
        &self,
        generation: u64,
        outcome: Outcome,
        is_current: impl Fn() -> bool,
    ) -> bool {
        self.probes.record(generation, outcome, is_current)
    }

    /// Undoes `record_probe`, for a probe that wasn't reported.
    pub fn take_back_probe(&self, generation: u64, outcome: Outcome) {
        self.probes.take_back(generation, outcome);
    }

    /// The results of `calls` probes, all of which have been recorded.
    pub fn probes(&self, generation: u64, calls: u64) -> WindowCounts {
        self.probes.counts(generation, calls)
    }

    /// The calls in the window of a generation.
    pub fn counts(&self, generation: u64, now: impl FnOnce() -> u64) -> WindowCounts {
        match &self.closed {
            Closed::Count(window) => window.counts(generation),
            Closed::Time(window) => window.counts(generation, now()),
        }
    }

    /// The calls in the window, with those that are running and already slow.
    pub fn counts_with_running(&self, generation: u64, now: u64) -> Option<WindowCounts> {
        let running = self.running.as_ref()?.slow(generation, now);
        let largest = match &self.closed {
            Closed::Count(window) => window.len(),
            Closed::Time(_) => u64::MAX,
        };
        (running > 0).then(|| self.counts(generation, || now).with_running(running, largest))
    }

    /// A call was admitted by a closed circuit.
    pub fn started(&self, generation: u64, start: u64, is_current: impl Fn() -> bool) {
        if let Some(running) = &self.running {
            running.started(generation, start, is_current);
        }
    }

    /// A call that was admitted by a closed circuit is over.
    pub fn ended(&self, generation: u64, start: u64, is_current: impl Fn() -> bool) {
        if let Some(running) = &self.running {
            running.ended(generation, start, is_current);
        }
    }
}

/// Changes a word in a loop, unless `change` returns `None`. Returns the new value.
fn update<W: AtomicWord>(word: &W, mut change: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    let mut found = word.load();
    loop {
        let next = change(found)?;
        if next == found {
            return Some(next);
        }
        match word.compare_exchange_weak(found, next) {
            Ok(_) => return Some(next),
            Err(other) => found = other,
        }
    }
}

/// The uppermost bits of a word, which say to which generation it belongs.
const GENERATION_SHIFT: u32 = 44;

const fn generation_of(word: u64) -> u64 {
    word >> GENERATION_SHIFT
}

/// The word, if it belongs to the generation; otherwise an empty one, or `None` if the generation
/// is over. `is_current` is only asked after the word was loaded. So if a later generation has
/// written the word, the answer is no.
fn of_generation(word: u64, generation: u64, is_current: impl Fn() -> bool) -> Option<u64> {
    if generation_of(word) == generation {
        Some(word)
    } else if is_current() {
        Some(generation << GENERATION_SHIFT)
    } else {
        None
    }
}
