//! The results of the probes of a half-open circuit.

use super::{Outcome, generation_of, of_generation, update};
use crate::layer::circuit_breaker::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

/// `| generation 20 | unused 12 | failures 16 | slow 16 |`
#[derive(Debug)]
pub(super) struct Probes<W>(W);

const FAILURES_SHIFT: u32 = 16;
const COUNT_MASK: u64 = 0xffff;

impl<W: AtomicWord> Probes<W> {
    pub(super) fn new(word: impl Fn() -> W) -> Self {
        Self(word())
    }

    pub(super) fn record(
        &self,
        generation: u64,
        outcome: Outcome,
        is_current: impl Fn() -> bool,
    ) -> bool {
        update(&self.0, |word| {
            let counts = of_generation(word, generation, &is_current)?;
            let more = |field: u64, one: bool| (field & COUNT_MASK) + u64::from(one);
            let failures = more(counts >> FAILURES_SHIFT, outcome.failed).min(COUNT_MASK);
            Some(with(counts, failures, more(counts, outcome.slow).min(COUNT_MASK)))
        })
        .is_some()
    }

    pub(super) fn take_back(&self, generation: u64, outcome: Outcome) {
        let _ = update(&self.0, |word| {
            let less = |field: u64, one: bool| (field & COUNT_MASK).saturating_sub(u64::from(one));
            let failures = less(word >> FAILURES_SHIFT, outcome.failed);
            (generation_of(word) == generation)
                .then(|| with(word, failures, less(word, outcome.slow)))
        });
    }

    pub(super) fn counts(&self, generation: u64, calls: u64) -> WindowCounts {
        let word = self.0.load();
        let counts = if generation_of(word) == generation { word } else { 0 };
        WindowCounts {
            calls,
            failures: counts >> FAILURES_SHIFT & COUNT_MASK,
            slow: counts & COUNT_MASK,
        }
    }
}

const fn with(word: u64, failures: u64, slow: u64) -> u64 {
    word & !(COUNT_MASK << FAILURES_SHIFT | COUNT_MASK) | failures << FAILURES_SHIFT | slow
}
