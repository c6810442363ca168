//! The one kind of memory that the lock-free parts use, so that the model checker can run them on
//! its own.

use std::sync::atomic::{AtomicU64, Ordering};

/// An atomic `u64`: std's in the crate, loom's in its tests.
///
/// Every state fits into one word and every second word says which state it belongs to, so acquire
/// and release suffice.
pub trait AtomicWord {
    /// Reads, with acquire ordering.
    fn load(&self) -> u64;

    /// Replaces `current` by `new`, or says what is there instead; may also fail for no reason.
    ///
    /// # Errors
    ///
    /// The value found, where the exchange wasn't made.
    fn compare_exchange_weak(&self, current: u64, new: u64) -> Result<u64, u64>;

    /// The same, failing only when something else is there.
    ///
    /// # Errors
    ///
    /// The value found, where the exchange wasn't made.
    fn compare_exchange(&self, current: u64, new: u64) -> Result<u64, u64>;
}

impl AtomicWord for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        Self::load(self, Ordering::Acquire)
    }

    #[inline]
    fn compare_exchange_weak(&self, current: u64, new: u64) -> Result<u64, u64> {
        Self::compare_exchange_weak(self, current, new, Ordering::AcqRel, Ordering::Acquire)
    }

    #[inline]
    fn compare_exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        Self::compare_exchange(self, current, new, Ordering::AcqRel, Ordering::Acquire)
    }
}
