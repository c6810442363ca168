//! Which key has not been used for the longest time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How many keys are looked at for one that may go. Then the work for a new key has a limit.
const CANDIDATES: usize = 32;

/// The keys by their last use, as far as it is known. A use is only noticed when its key is the
/// next to go, so a use costs a store, and this is correct then.
#[derive(Default)]
pub(super) struct Recency {
    by_use: BinaryHeap<Reverse<(u64, usize)>>,
    /// Keys that weren't closed when they were the next to go.
    kept: VecDeque<usize>,
}

impl Recency {
    pub(super) fn add(&mut self, number: usize, used: u64) {
        self.by_use.push(Reverse((used, number)));
    }

    /// Takes the least recently used key that `may_go`. `used` returns when a key was last used.
    pub(super) fn take(
        &mut self,
        used: impl Fn(usize) -> u64,
        may_go: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        for _ in 0..CANDIDATES.min(self.by_use.len()) {
            let Some(Reverse((known, number))) = self.by_use.pop() else { break };
            let used = used(number);
            if used > known {
                self.add(number, used);
            } else if may_go(number) {
                return Some(number);
            } else {
                self.kept.push_back(number);
            }
        }
        // All candidates were used or kept: any one that may go, nearly the least recently used.
        for _ in 0..CANDIDATES.min(self.by_use.len()) {
            let Some(Reverse((_, number))) = self.by_use.pop() else { break };
            if may_go(number) {
                return Some(number);
            }
            self.kept.push_back(number);
        }
        for _ in 0..CANDIDATES.min(self.kept.len()) {
            let Some(number) = self.kept.pop_front() else { break };
            if may_go(number) {
                return Some(number);
            }
            self.kept.push_back(number);
        }
        None
    }

    /// Looks at two keys that were kept, whether they have recovered.
    pub(super) fn recheck(
        &mut self,
        used: impl Fn(usize) -> u64,
        is_closed: impl Fn(usize) -> bool,
    ) {
        for _ in 0..self.kept.len().min(2) {
            let Some(number) = self.kept.pop_front() else { break };
            if is_closed(number) {
                self.add(number, used(number));
            } else {
                self.kept.push_back(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_except_those_that_are_kept() {
        let mut recency = Recency::default();
        let mut used = [1, 2, 3, 4];
        (0..4).for_each(|number| recency.add(number, used[number]));
        used[0] = 9;
        let mut take = |open: &[usize]| {
            recency.recheck(|n| used[n], |n| !open.contains(&n));
            recency.take(|n| used[n], |n| !open.contains(&n))
        };
        assert_eq!(take(&[1]), Some(2), "0 was used, 1 is kept");
        assert_eq!(take(&[1]), Some(3));
        assert_eq!(take(&[]), Some(1), "it has recovered, and is older than 0");
        assert_eq!(take(&[0]), None);
        assert_eq!(take(&[]), Some(0));
    }
}
