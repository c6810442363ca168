//! Random numbers for jitter and generated keys: a small generator of each per thread.

use std::cell::RefCell;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

thread_local! {
    static GENERATOR: RefCell<SmallRng> = RefCell::new(seeded_by_the_system());
    /// One of its own, which nobody can seed: equal keys make a callee take two operations for one.
    static KEYS: RefCell<SmallRng> = RefCell::new(seeded_by_the_system());
}

/// Seeds the generator of the current thread, so that the jitter of a test is the same in every
/// run.
///
/// Without a call, each thread's generator is seeded by the operating system on first use.
/// Idempotency keys don't depend on it.
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
    GENERATOR.with_borrow_mut(|generator| *generator = SmallRng::seed_from_u64(seed));
}

/// A number from 0 to `max`, both included.
pub(crate) fn up_to(max: u64) -> u64 {
    if max == 0 {
        0
    } else {
        GENERATOR.with_borrow_mut(|generator| generator.random_range(0..=max))
    }
}

/// For keys: never the same again.
pub(crate) fn unique128() -> u128 {
    KEYS.with_borrow_mut(|generator| {
        (u128::from(generator.next_u64()) << 64) | u128::from(generator.next_u64())
    })
}

fn seeded_by_the_system() -> SmallRng {
    // Jitter needs no secrecy: where the system has no randomness to give, the clock and an address
    // tell threads apart.
    SmallRng::try_from_rng(&mut rand::rngs::SysRng).unwrap_or_else(|_| {
        use std::hash::{BuildHasher, RandomState};
        SmallRng::seed_from_u64(RandomState::new().hash_one(std::time::SystemTime::now()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_bounds_are_reached() {
        seed_jitter(1);
        let first: Vec<u64> = (0..200).map(|_| up_to(3)).collect();
        seed_jitter(1);
        let second: Vec<u64> = (0..200).map(|_| up_to(3)).collect();
        assert_eq!(first, second);
        for value in 0..=3 {
            assert!(first.contains(&value), "{value} never came");
        }
        assert!(first.iter().all(|&value| value <= 3));
        assert_eq!(up_to(0), 0);
        let _ = up_to(u64::MAX);
    }

    #[test]
    fn a_seed_does_not_repeat_keys() {
        seed_jitter(1);
        let key = unique128();
        seed_jitter(1);
        assert_ne!(unique128(), key);
    }
}
