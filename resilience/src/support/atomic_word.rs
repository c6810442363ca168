//! The atomic used by the lock-free code, as a trait so that loom can replace it.

use std::sync::atomic::{AtomicU64, Ordering};

/// An atomic `u64`: std's in the crate, loom's in the model tests.
///
/// Each state fits into one word. Where there is a second word, it records which state it belongs
/// to. Acquire and release ordering are therefore sufficient, except where one thread writes a first
/// word and reads a second one, while another writes the second one and reads the first. One of
/// them must see the other, so these use [`load_in_order`](Self::load_in_order).
pub trait AtomicWord {
    /// Loads the value with acquire ordering.
    fn load(&self) -> u64;

    /// Loads the value, and not before what this thread has exchanged elsewhere is visible.
    fn load_in_order(&self) -> u64;

    /// Stores `new` if the value is `current`. May fail spuriously.
    ///
    /// # Errors
    ///
    /// Returns the actual value if nothing was stored.
    fn compare_exchange_weak(&self, current: u64, new: u64) -> Result<u64, u64>;

    /// Stores `new` if the value is `current`.
    ///
    /// # Errors
    ///
    /// Returns the actual value if nothing was stored.
    fn compare_exchange(&self, current: u64, new: u64) -> Result<u64, u64>;
}

impl AtomicWord for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        Self::load(self, Ordering::Acquire)
    }

    #[inline]
    fn load_in_order(&self) -> u64 {
        Self::load(self, Ordering::SeqCst)
    }

    #[inline]
    fn compare_exchange_weak(&self, current: u64, new: u64) -> Result<u64, u64> {
        Self::compare_exchange_weak(self, current, new, Ordering::SeqCst, Ordering::Acquire)
    }

    #[inline]
    fn compare_exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        Self::compare_exchange(self, current, new, Ordering::SeqCst, Ordering::Acquire)
    }
}
