//! The keys of the metrics, each built once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use metrics::{Key, Label};

/// Names and values of labels. All are constants of the program.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// A power of two.
const BUCKETS: usize = 256;

/// Bounds the memory and the time of a search, should a program make up names while it runs.
const MOST_IN_A_BUCKET: usize = 16;

static KEYS: Keys = Keys::new();

/// Passes the key of a metric to `record`. Only the first use of a key allocates.
pub(super) fn with_key<const N: usize>(
    name: &'static str,
    labels: Labels<N>,
    record: impl FnOnce(&Key),
) {
    KEYS.with(name, labels, record);
}

/// Builds a key.
pub(super) fn key<const N: usize>(name: &'static str, labels: Labels<N>) -> Key {
    let labels = labels.map(|(name, value)| Label::from_static_parts(name, value));
    Key::from_parts(name, labels.to_vec())
}

#[derive(Debug)]
struct Keys([Bucket; BUCKETS]);

/// A list that only grows. Each entry is reached through the one before it, so a reader takes no
/// lock, and two threads can't add the same key twice.
#[derive(Debug)]
struct Bucket(OnceLock<Box<Entry>>);

#[derive(Debug)]
struct Entry {
    key: Key,
    name: &'static str,
    labels: Box<[(&'static str, &'static str)]>,
    next: Bucket,
}

impl Bucket {
    const fn new() -> Self {
        Self(OnceLock::new())
    }
}

impl Entry {
    /// By the addresses of the texts. Equal texts at two addresses are two equal keys.
    fn is_of<const N: usize>(&self, name: &'static str, labels: &Labels<N>) -> bool {
        let same = |a: &'static str, b: &'static str| std::ptr::eq(a, b);
        same(self.name, name)
            && self.labels.len() == N
            && self
                .labels
                .iter()
                .zip(labels)
                .all(|(known, label)| same(known.0, label.0) && same(known.1, label.1))
    }
}

impl Keys {
    const fn new() -> Self {
        Self([const { Bucket::new() }; BUCKETS])
    }

    fn with<const N: usize>(
        &self,
        name: &'static str,
        labels: Labels<N>,
        record: impl FnOnce(&Key),
    ) {
        let mut place = &self.0[bucket(name, &labels)];
        for _ in 0..MOST_IN_A_BUCKET {
            let entry = place.0.get_or_init(|| {
                let key = key(name, labels);
                Box::new(Entry { key, name, labels: labels.into(), next: Bucket::new() })
            });
            if entry.is_of(name, &labels) {
                return record(&entry.key);
            }
            place = &entry.next;
        }
        record(&key(name, labels));
    }
}

fn bucket<const N: usize>(name: &'static str, labels: &Labels<N>) -> usize {
    let mut hasher = DefaultHasher::new();
    name.as_ptr().hash(&mut hasher);
    // The labels' names follow from the metric.
    for (_, value) in labels {
        (value.as_ptr(), value.len()).hash(&mut hasher);
    }
    usize::try_from(hasher.finish() % BUCKETS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(keys: &Keys, name: &'static str, labels: Labels<1>) -> usize {
        let mut address = 0;
        keys.with(name, labels, |key| address = std::ptr::from_ref(key).addr());
        address
    }

    #[test]
    fn key_is_built_once() {
        let keys = Keys::new();
        let first = address(&keys, "timeouts", [("code", "BUSY")]);
        assert_eq!(address(&keys, "timeouts", [("code", "BUSY")]), first);
        assert_ne!(address(&keys, "timeouts", [("code", "DOWN")]), first);
        assert_ne!(address(&keys, "degraded", [("code", "BUSY")]), first);
    }

    #[test]
    fn key_has_its_name_and_labels_however_many_there_are() {
        let keys = Keys::new();
        for number in 0..2 * BUCKETS * MOST_IN_A_BUCKET {
            let code: &'static str = Box::leak(number.to_string().into_boxed_str());
            keys.with("timeouts", [("code", code)], |key| {
                assert_eq!(key.name(), "timeouts");
                let labels: Vec<_> =
                    key.labels().map(|label| (label.key(), label.value())).collect();
                assert_eq!(labels, [("code", code)]);
            });
        }
    }

    #[test]
    fn threads_share_a_key() {
        let keys = Keys::new();
        let addresses: Vec<_> = std::thread::scope(|scope| {
            let address = || address(&keys, "timeouts", [("code", "BUSY")]);
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(address)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(addresses.iter().all(|address| *address == addresses[0]), "{addresses:?}");
    }
}
