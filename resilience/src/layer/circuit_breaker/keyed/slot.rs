//! One place for a key's breaker. Other keys use it later.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::layer::circuit_breaker::CircuitBreaker;
use crate::layer::circuit_breaker::inner::Inner;
use crate::layer::circuit_breaker::policy::Mode;
use crate::layer::circuit_breaker::state::{Core, Ticket};
use crate::support::atomic_word::AtomicWord;

/// 128 bits of a hash under a secret of the set. Two keys share it with a probability of 2⁻¹²⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub u64, pub u64);

/// The key that a core belongs to.
///
/// It changes only while the core is vacant, and each change of the core's mode begins a new
/// generation. So the key that is read between two loads of one generation is the key of that
/// generation, and a ticket of another key is never valid.
#[derive(Debug)]
pub struct Owner<W> {
    /// The first half of the hash.
    pub high: W,
    /// The second half.
    pub low: W,
}

impl<W: AtomicWord> Owner<W> {
    /// Whether the slot belongs to this key.
    #[inline]
    pub fn is(&self, key: KeyHash) -> bool {
        self.high.load() == key.0 && self.low.load() == key.1
    }

    /// Admits a call for this key in the healthy case, if the slot is this key's.
    #[inline]
    pub fn enter_closed(&self, core: &Core<W>, key: KeyHash) -> Option<Ticket> {
        let (ticket, _) = core.enter_closed()?;
        (self.is(key) && core.is_in(ticket)).then_some(ticket)
    }

    /// Gives a vacant core to a key. Only one thread at a time does so.
    pub fn assign(&self, core: &Core<W>, mode: &Mode, key: KeyHash) {
        for (word, half) in [(&self.high, key.0), (&self.low, key.1)] {
            let _ = word.compare_exchange(word.load(), half);
        }
        core.occupy(mode);
    }
}

pub(super) struct Slot {
    owner: Owner<AtomicU64>,
    /// When the key was last used, in the time of the [`Table`](super::table::Table).
    used: AtomicU64,
    pub(super) breaker: CircuitBreaker,
}

impl Slot {
    pub(super) fn vacant(inner: Inner) -> Self {
        let owner = Owner { high: AtomicU64::new(0), low: AtomicU64::new(0) };
        Self { owner, used: AtomicU64::new(0), breaker: CircuitBreaker { inner } }
    }

    #[inline]
    pub(super) const fn inner(&self) -> &Inner {
        &self.breaker.inner
    }

    #[inline]
    pub(super) fn enter_closed(&self, key: KeyHash) -> Option<Ticket> {
        self.owner.enter_closed(&self.inner().core, key)
    }

    #[inline]
    pub(super) fn is_of(&self, key: KeyHash) -> bool {
        self.owner.is(key) && !self.inner().core.is_vacant()
    }

    pub(super) fn key(&self) -> KeyHash {
        KeyHash(self.owner.high.load(Relaxed), self.owner.low.load(Relaxed))
    }

    pub(super) fn assign(&self, key: KeyHash, text: Option<String>, now: u64) {
        self.inner().set_key(text);
        self.used.store(now, Relaxed);
        self.owner.assign(&self.inner().core, &self.inner().policy.mode, key);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Nearly always another call of the same interval has stored the time already.
    #[inline]
    pub(super) fn touch(&self, now: u64) {
        if self.used.load(Relaxed) != now {
            self.used.store(now, Relaxed);
        }
    }
}
