//! The hash by which a value is found.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::OnceLock;

/// 128 bits of a hash with the keys of this process, so that an attacker can't choose two keys of one
/// hash, or compute a key from it.
pub(super) fn hash<K: Hash + ?Sized>(key: &K) -> u128 {
    static STATES: OnceLock<[RandomState; 2]> = OnceLock::new();
    let [high, low] = STATES.get_or_init(|| [RandomState::new(), RandomState::new()]);
    u128::from(high.hash_one(key)) << 64 | u128::from(low.hash_one(key))
}

/// The hash of what is a hash already.
#[derive(Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "either half is a good hash")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
