//! The breakers of a set: found without a lock, added under one.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::index::Index;
use super::recency::Recency;
use super::slot::{KeyHash, Slot};
use crate::layer::circuit_breaker::change::CircuitState;
use crate::layer::circuit_breaker::history::History;
use crate::layer::circuit_breaker::inner::{Inner, LOST};
use crate::layer::circuit_breaker::policy::Policy;
use crate::layer::circuit_breaker::retry_after::RetryAfter;
use crate::layer::circuit_breaker::state::{Core, Ticket, Verdict};
use crate::layer::circuit_breaker::{CircuitBreaker, CircuitBreakersMetrics, events};
use crate::layer::site::Site;
#[cfg(feature = "testing")]
use crate::support::isolation::{Identity, Isolate};

/// Slots of the first chunk. Each further chunk has twice as many, up to the set's size. A slot
/// never moves, so a permit can refer to it.
const FIRST: usize = 32;
const CHUNKS: usize = 20;

pub(super) struct Table {
    pub(super) name: &'static str,
    policy: Policy,
    max_keys: usize,
    secret: RandomState,
    index: Index,
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    len: AtomicUsize,
    /// Advances by two with each new key. In between is the time of the uses until the next one.
    now: AtomicU64,
    writer: Mutex<Recency>,
    pub(super) history: Arc<History>,
    /// Guards nothing. Used for new keys while all breakers of a full set are open.
    unguarded: CircuitBreaker,
    was_full: AtomicBool,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl Table {
    pub(super) fn new(name: &'static str, policy: Policy, max_keys: usize) -> Self {
        let history = Arc::new(History::new());
        let unguarded = Inner::vacant(name, policy, Arc::clone(&history));
        unguarded.core.occupy(&policy.mode);
        unguarded.core.set(&policy.mode, CircuitState::Disabled);
        Self {
            name,
            policy,
            max_keys,
            secret: RandomState::new(),
            index: Index::new(),
            chunks: [const { OnceLock::new() }; CHUNKS],
            len: AtomicUsize::new(0),
            now: AtomicU64::new(0),
            writer: Mutex::default(),
            history,
            unguarded: CircuitBreaker { inner: unguarded },
            was_full: AtomicBool::new(false),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// Two passes of a keyed hash over different texts, since one has 64 bits.
    #[inline]
    pub(super) fn hash(&self, key: impl Hash + Copy) -> KeyHash {
        KeyHash(self.secret.hash_one((0_u8, key)), self.secret.hash_one((1_u8, key)))
    }

    /// Admits a call for a known key to a closed circuit.
    #[inline]
    pub(super) fn enter_at_once(&self, key: KeyHash) -> Option<(&CircuitBreaker, Ticket)> {
        let (slot, ticket) = self.index.find(key, |number| {
            let slot = self.slot(number)?;
            slot.enter_closed(key).map(|ticket| (slot, ticket))
        })?;
        slot.touch(self.now.load(Relaxed) + 1);
        Some((&slot.breaker, ticket))
    }

    /// Adds a key if it isn't there.
    #[inline]
    pub(super) fn add_with_text(&self, key: KeyHash, text: impl FnOnce() -> String) {
        if self.find(key).is_none() {
            self.add(&mut self.lock(), key, || Some(text()));
        }
    }

    /// Admits a call for a key, or rejects it. Returns the key's breaker too.
    #[cold]
    pub(super) fn enter(
        &self,
        key: KeyHash,
        text: impl FnOnce() -> Option<String>,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> (&CircuitBreaker, Result<Ticket, RetryAfter>) {
        let mut text = Some(text);
        loop {
            let slot = match self.find(key) {
                Some(slot) => slot,
                None => {
                    match self.add(&mut self.lock(), key, || text.take().and_then(|text| text())) {
                        Some(slot) => slot,
                        None => {
                            self.report_full(site);
                            return (self.unguarded(), self.unguarded.inner.admit(longest, site));
                        }
                    }
                }
            };
            slot.touch(self.now.load(Relaxed) + 1);
            let inner = slot.inner();
            let admission = inner.admit(longest, site);
            if slot.is_of(key) {
                return (&slot.breaker, admission);
            }
            // The slot was given to another key just now. Nothing of that key may be seen.
            if let Ok(ticket) = admission {
                inner.settle_slowly(ticket, Verdict::Nothing, LOST, None);
            }
        }
    }

    /// The breaker of calls without one.
    pub(super) const fn unguarded(&self) -> &CircuitBreaker {
        &self.unguarded
    }

    /// The breaker of a key that has one.
    pub(super) fn find(&self, key: KeyHash) -> Option<&Slot> {
        self.index.find(key, |number| self.slot(number).filter(|slot| slot.is_of(key)))
    }

    /// Reads a key's state, or returns `None` if it has none.
    pub(super) fn read<R>(&self, key: KeyHash, read: impl Fn(&Inner) -> R) -> Option<R> {
        // No key goes meanwhile.
        let _writer = self.lock();
        self.find(key).map(|slot| read(slot.inner()))
    }

    /// Sets a key's state manually. Adds the key, unless it would only be closed.
    pub(super) fn set(
        &self,
        key: KeyHash,
        text: impl FnOnce() -> Option<String>,
        state: CircuitState,
    ) {
        let mut writer = self.lock();
        let slot = match self.find(key) {
            Some(slot) => slot,
            None if state == CircuitState::Closed => return,
            None => match self.add(&mut writer, key, text) {
                Some(slot) => slot,
                None => {
                    drop(writer);
                    return self.report_full(None);
                }
            },
        };
        let change = slot.inner().core.set(&self.policy.mode, state);
        // A listener may use the set.
        drop(writer);
        slot.inner().report(None, change, None, None);
    }

    /// Adds a key if it isn't there. Another one goes for it if the set is full; `None` if all are
    /// open.
    fn add(
        &self,
        recency: &mut Recency,
        key: KeyHash,
        text: impl FnOnce() -> Option<String>,
    ) -> Option<&Slot> {
        if let Some(slot) = self.find(key) {
            return Some(slot);
        }
        let used = |number: usize| self.slot(number).map_or(0, Slot::used);
        let core = |number: usize| self.slot(number).map(|slot| &slot.inner().core);
        let key_of = |number: usize| self.slot(number).map_or(KeyHash(0, 0), Slot::key);
        recency.recheck(used, |number| core(number).is_some_and(Core::is_closed));
        let len = self.len.load(Relaxed);
        let number = if len < self.max_keys {
            self.len.store(len + 1, Release);
            len
        } else {
            let number = recency.take(used, |number| core(number).is_some_and(Core::vacate))?;
            self.index.remove(key_of(number), number, key_of);
            number
        };
        let now = self.now.load(Relaxed) + 2;
        let slot = self.slot_or_new(number);
        slot.assign(key, text(), now);
        self.now.store(now, Relaxed);
        self.index.insert(key, number, self.len(), key_of);
        recency.add(number, now);
        Some(slot)
    }

    #[inline]
    fn slot(&self, number: usize) -> Option<&Slot> {
        let (chunk, at) = place(number);
        self.chunks[chunk].get()?.get(at)
    }

    fn slot_or_new(&self, number: usize) -> &Slot {
        let (chunk, at) = place(number);
        let slots = self.chunks[chunk].get_or_init(|| {
            let size = (FIRST << chunk).min(self.max_keys - (number - at));
            let inner = || Inner::vacant(self.name, self.policy, Arc::clone(&self.history));
            (0..size).map(|_| Slot::vacant(inner())).collect()
        });
        &slots[at]
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    pub(super) fn metrics(&self) -> CircuitBreakersMetrics {
        let keys = self.len();
        let slots = || (0..keys).filter_map(|number| self.slot(number));
        let count = |state: CircuitState| {
            slots().filter(|slot| slot.inner().core.state_if_owned() == Some(state)).count()
        };
        CircuitBreakersMetrics {
            keys,
            open: count(CircuitState::Open) + count(CircuitState::ForcedOpen),
            half_open: count(CircuitState::HalfOpen),
            counted_failures: self.history.counted_failures.load(Relaxed),
            opened: self.history.opened.load(Relaxed),
            rejected: self.history.rejected.get(),
            abandoned: self.history.abandoned.load(Relaxed),
        }
    }

    /// Closes all circuits.
    pub(super) fn reset(&self) {
        let writer = self.lock();
        let slots = (0..self.len()).filter_map(|number| self.slot(number));
        let changes: Vec<_> = slots
            .filter(|slot| !slot.inner().core.is_closed())
            .map(|slot| (slot, slot.inner().core.set(&self.policy.mode, CircuitState::Closed)))
            .collect();
        // A listener may use the set.
        drop(writer);
        for (slot, change) in changes {
            slot.inner().report(None, change, None, None);
        }
    }

    fn report_full(&self, site: Option<&Site>) {
        if !self.was_full.swap(true, Relaxed) {
            events::set_is_full(self.name, site, self.max_keys);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recency> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(feature = "testing")]
impl Isolate for Table {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new(self.name, self.policy, self.max_keys)
    }
}

/// The chunk of a slot, and its place in it.
#[inline]
const fn place(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST + 1).ilog2() as usize;
    (chunk, number - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fill_one_chunk_after_the_other() {
        let mut expected =
            (0..CHUNKS).flat_map(|chunk| (0..FIRST << chunk).map(move |at| (chunk, at)));
        for number in 0..if cfg!(miri) { 300 } else { 10_000 } {
            assert_eq!(Some(place(number)), expected.next());
        }
        assert!(place((1 << 24) - 1).0 < CHUNKS);
    }
}
