//! Random numbers for jitter and generated keys, each from its own generator per thread.

use std::cell::RefCell;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

thread_local! {
    static JITTER: RefCell<SmallRng> = RefCell::new(system_seeded());
    /// Separate, so that [`seed_jitter`] can't repeat keys: a callee would take two operations with
    /// equal keys for one.
    static KEYS: RefCell<SmallRng> = RefCell::new(system_seeded());
}

/// Seeds the current thread's jitter generator, so that a test gets the same delays in every run.
///
/// By default each thread's generator is seeded by the operating system on first use. Idempotency
/// keys aren't affected.
///
/// ```
/// use resilience::Retry;
///
/// let delays = || {
///     resilience::retry::seed_jitter(7);
///     Retry::new().delays().take(3).collect::<Vec<_>>()
/// };
/// assert_eq!(delays(), delays());
/// ```
pub fn seed_jitter(seed: u64) {
    JITTER.with_borrow_mut(|generator| *generator = SmallRng::seed_from_u64(seed));
}

/// A random number from 0 to `max`, inclusive.
pub(crate) fn up_to(max: u64) -> u64 {
    #[cfg(feature = "testing")]
    if let Some(number) = super::isolation::seeded_up_to(max) {
        return number;
    }
    if max == 0 { 0 } else { JITTER.with_borrow_mut(|generator| generator.random_range(0..=max)) }
}

/// A random number for keys. Never repeated by [`seed_jitter`].
pub(crate) fn unique128() -> u128 {
    KEYS.with_borrow_mut(|generator| {
        (u128::from(generator.next_u64()) << 64) | u128::from(generator.next_u64())
    })
}

fn system_seeded() -> SmallRng {
    // Jitter needn't be secret. If the system provides no randomness, the clock and `RandomState`
    // still give each thread a different seed.
    SmallRng::try_from_rng(&mut rand::rngs::SysRng).unwrap_or_else(|_| {
        use std::hash::{BuildHasher, RandomState};
        SmallRng::seed_from_u64(RandomState::new().hash_one(std::time::SystemTime::now()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_numbers_repeat_and_include_both_bounds() {
        seed_jitter(1);
        let first: Vec<u64> = (0..200).map(|_| up_to(3)).collect();
        seed_jitter(1);
        let second: Vec<u64> = (0..200).map(|_| up_to(3)).collect();
        assert_eq!(first, second);
        for value in 0..=3 {
            assert!(first.contains(&value), "{value} was never returned");
        }
        assert!(first.iter().all(|&value| value <= 3));
        assert_eq!(up_to(0), 0);
        let _ = up_to(u64::MAX);
    }

    #[test]
    fn seeding_jitter_does_not_repeat_keys() {
        seed_jitter(1);
        let key = unique128();
        seed_jitter(1);
        assert_ne!(unique128(), key);
    }
}
