//! A counter that many threads can increment concurrently.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const LINES: usize = 8;

/// Each of the first threads to count has a cache line of its own, and needs no locked instruction.
const OWN: usize = 4;

/// Threads increment different cache lines, so they don't contend with each other, or with readers
/// of adjacent data.
pub(super) struct Counter([Line; LINES]);

#[repr(align(64))]
struct Line(AtomicU64);

/// Number of threads that have counted.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LINE: Cell<usize> = const { Cell::new(LINES) };
}

impl Counter {
    pub(super) const fn new() -> Self {
        Self([const { Line(AtomicU64::new(0)) }; LINES])
    }

    #[inline]
    pub(super) fn increment(&self) {
        match LINE.get() {
            own @ 0..OWN => {
                let Line(count) = &self.0[own];
                count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
            }
            line => self.increment_shared(line),
        }
    }

    fn increment_shared(&self, mut line: usize) {
        if line == LINES {
            let number = THREADS.fetch_add(1, Relaxed);
            line = if number < OWN { number } else { OWN + number % (LINES - OWN) };
            LINE.set(line);
        }
        self.0[line].0.fetch_add(1, Relaxed);
    }

    /// Returns the sum. Wraps after 2⁶⁴.
    pub(super) fn get(&self) -> u64 {
        self.0.iter().fold(0, |sum, line| sum.wrapping_add(line.0.load(Relaxed)))
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_have_counted_is_summed_up() {
        let counter = Counter::new();
        std::thread::scope(|scope| {
            for _ in 0..2 * LINES {
                scope.spawn(|| (0..100).for_each(|_| counter.increment()));
            }
        });
        assert_eq!(counter.get(), 200 * LINES as u64);
    }
}
