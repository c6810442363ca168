//! Finds the slot of a key: a hash table that is read without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Release},
};

use super::slot::KeyHash;

/// The number of entries of the first level. Each further one has twice as many.
const FIRST: usize = 64;

/// Enough for twice as many entries as a set may have keys.
const LEVELS: usize = 21;

/// Open addressing, with linear probing. An entry is 32 bits of the hash and a slot's number plus
/// one, or 0.
///
/// Only one thread at a time writes. A search during that may miss a key, or find a slot that
/// belongs to another one by now, so its finder checks the slot, and looks again under the writers'
/// lock before it adds a key.
pub(super) struct Index {
    levels: [OnceLock<Box<[AtomicU64]>>; LEVELS],
    level: AtomicUsize,
}

impl Index {
    pub(super) fn new() -> Self {
        let index =
            Self { levels: [const { OnceLock::new() }; LEVELS], level: AtomicUsize::new(0) };
        index.entries(0);
        index
    }

    fn entries(&self, level: usize) -> &[AtomicU64] {
        self.levels[level].get_or_init(|| (0..FIRST << level).map(|_| AtomicU64::new(0)).collect())
    }

    /// Calls `check` with the number of each slot that may be the key's, until it finds something.
    #[inline]
    pub(super) fn find<T>(&self, key: KeyHash, check: impl Fn(usize) -> Option<T>) -> Option<T> {
        let entries = self.levels[self.level.load(Acquire)].get()?;
        let mask = entries.len() - 1;
        let mut at = home(key, mask);
        for _ in 0..entries.len() {
            let entry = entries[at].load(Acquire);
            if entry == 0 {
                return None;
            }
            if entry >> 32 == tag(key) {
                if let Some(found) = check(slot(entry)) {
                    return Some(found);
                }
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a key. `count` is how many there are with it, and `key_of` returns the key of a slot.
    pub(super) fn insert(
        &self,
        key: KeyHash,
        number: usize,
        count: usize,
        key_of: impl Fn(usize) -> KeyHash,
    ) {
        let level = self.level.load(Acquire);
        let entries = self.entries(level);
        if count * 2 <= entries.len() {
            return add(entries, key, number);
        }
        let larger = self.entries(level + 1);
        for entry in entries {
            let entry = entry.load(Acquire);
            if entry != 0 {
                add(larger, key_of(slot(entry)), slot(entry));
            }
        }
        add(larger, key, number);
        self.level.store(level + 1, Release);
    }

    /// Removes a key, and moves entries that had to make way for it closer to their places.
    pub(super) fn remove(&self, key: KeyHash, number: usize, key_of: impl Fn(usize) -> KeyHash) {
        let entries = self.entries(self.level.load(Acquire));
        let mask = entries.len() - 1;
        let mut free = home(key, mask);
        while entries[free].load(Acquire) != entry(key, number) {
            free = (free + 1) & mask;
        }
        let mut at = free;
        loop {
            at = (at + 1) & mask;
            let found = entries[at].load(Acquire);
            if found == 0 {
                break;
            }
            let distance = at.wrapping_sub(home(key_of(slot(found)), mask)) & mask;
            if distance >= at.wrapping_sub(free) & mask {
                entries[free].store(found, Release);
                free = at;
            }
        }
        entries[free].store(0, Release);
    }
}

fn add(entries: &[AtomicU64], key: KeyHash, number: usize) {
    let mask = entries.len() - 1;
    let mut at = home(key, mask);
    while entries[at].load(Acquire) != 0 {
        at = (at + 1) & mask;
    }
    entries[at].store(entry(key, number), Release);
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "only the lowest bits count")]
const fn home(key: KeyHash, mask: usize) -> usize {
    key.1 as usize & mask
}

#[inline]
const fn tag(key: KeyHash) -> u64 {
    key.0 >> 32
}

const fn entry(key: KeyHash, number: usize) -> u64 {
    tag(key) << 32 | (number as u64 + 1)
}

#[inline]
const fn slot(entry: u64) -> usize {
    (entry & 0xffff_ffff) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_key_is_found_after_random_insertions_and_removals() {
        let index = Index::new();
        let mut slots: Vec<KeyHash> = Vec::new();
        let mut present: HashMap<usize, KeyHash> = HashMap::new();
        let mut random = 7_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 33
        };
        for step in 0..if cfg!(miri) { 200 } else { 20_000 } {
            if step % 3 < 2 || present.is_empty() {
                // Few homes, so that runs are long and overlap.
                let key = KeyHash(next() << 32 | step, next() % 37);
                slots.push(key);
                present.insert(slots.len() - 1, key);
                index.insert(key, slots.len() - 1, present.len(), |slot| slots[slot]);
                if present.len() > 200 {
                    let oldest = *present.keys().min().unwrap();
                    index.remove(present.remove(&oldest).unwrap(), oldest, |slot| slots[slot]);
                }
            } else {
                let any =
                    *present.keys().nth(usize::try_from(next()).unwrap() % present.len()).unwrap();
                index.remove(present.remove(&any).unwrap(), any, |slot| slots[slot]);
            }
            if step % 100 == 0 {
                for (number, key) in &present {
                    let found = index.find(*key, |slot| (slots[slot] == *key).then_some(slot));
                    assert_eq!(found, Some(*number));
                }
            }
        }
    }
}
