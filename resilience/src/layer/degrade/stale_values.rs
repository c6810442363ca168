use std::any::Any;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use super::key_hash::{AlreadyHashed, hash};
use super::shared_call::Calls;
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// The last good values of calls, by their keys.
///
/// [`#[degrade(stale(…))]`](macro@crate::degrade) keeps them in a store of its own function, which
/// all instances of a type share. With a store in a field, `stale(store = self.last, …)`, each
/// instance has its own. Several functions may use one store: each finds only its own values in
/// it.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{Rejected, degrade, degrade::StaleValues};
///
/// struct Inventory {
///     last: StaleValues,
/// }
///
/// impl Inventory {
///     #[degrade(stale(max_age = "10m", key = sku, store = self.last))]
///     async fn stock(&self, sku: &str) -> Result<u32, Rejected> {
///         // … ask the inventory …
/// #       assert!(!sku.is_empty());
///         Ok(3)
///     }
/// }
///
/// let inventory = Inventory { last: StaleValues::with_max_entries(1_000) };
/// # let _ = inventory.stock("1");
/// # }
/// ```
///
/// It can also be used without the attribute, with [`insert`](Self::insert) and
/// [`get`](Self::get).
///
/// The value that wasn't used for the longest time is removed first. The keys themselves aren't
/// stored, but 128 bits of a hash, from which they can't be computed: they may be personal. Ages
/// are by tokio's clock, so a test can pause it. An outdated value is no longer returned, but takes
/// its space until another one does.
///
/// It is a handle: clones share their values.
pub struct StaleValues {
    bound: Bound,
    shared: OnceLock<Arc<Shared>>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

/// What the clones of a store share.
pub(super) struct Shared {
    cache: Values,
    calls: Calls,
}

type Values = Cache<u128, Entry, BuildHasherDefault<AlreadyHashed>>;

#[derive(Debug, Clone, Copy)]
enum Bound {
    Entries(u64),
    Weight(u64),
}

#[derive(Clone)]
struct Entry {
    weight: u32,
    /// A `Dated<V>`.
    value: Arc<dyn Any + Send + Sync>,
}

struct Dated<V> {
    at: Instant,
    value: V,
}

impl StaleValues {
    /// The number of values that [`new`](Self::new) allows.
    pub const DEFAULT_MAX_ENTRIES: u64 = 10_000;

    /// Creates a store for at most [`DEFAULT_MAX_ENTRIES`](Self::DEFAULT_MAX_ENTRIES) values.
    pub const fn new() -> Self {
        Self::with_max_entries(Self::DEFAULT_MAX_ENTRIES)
    }

    /// Creates a store for at most so many values.
    ///
    /// # Panics
    /// If `max_entries` is 0. In a `static`, this is a compile error.
    pub const fn with_max_entries(max_entries: u64) -> Self {
        assert!(max_entries > 0, "a store must have space for at least 1 value");
        Self::bounded(Bound::Entries(max_entries))
    }

    /// Creates a store for values that together weigh at most so much, in a unit of your choice:
    /// what the attribute's `weight` returns.
    ///
    /// # Panics
    /// If `max_weight` is 0. In a `static`, this is a compile error.
    pub const fn with_max_weight(max_weight: u64) -> Self {
        assert!(max_weight > 0, "a store must have space for a weight of at least 1");
        Self::bounded(Bound::Weight(max_weight))
    }

    const fn bounded(bound: Bound) -> Self {
        Self {
            bound,
            shared: OnceLock::new(),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// Where the values are. Every access goes through here.
    #[inline]
    fn current(&self) -> &Self {
        #[cfg(feature = "testing")]
        return isolation::current(self);
        #[cfg(not(feature = "testing"))]
        self
    }

    /// The values, if there have been any.
    #[inline]
    fn cache(&self) -> Option<&Values> {
        self.current().shared.get().map(|shared| &shared.cache)
    }

    #[inline]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        let this = self.current();
        this.shared.get_or_init(|| this.bound.new_store())
    }

    /// Keeps a value under a key, instead of an earlier one.
    ///
    /// ```
    /// use resilience::{degrade::StaleValues, secs};
    ///
    /// let prices = StaleValues::new();
    /// prices.insert("42", 250_u32);
    /// let (price, age) = prices.get::<u32, _>("42", secs(60)).unwrap();
    /// assert!(price == 250 && age < secs(60));
    /// assert_eq!(prices.get::<u32, _>("43", secs(60)), None);
    /// ```
    pub fn insert<V: Send + Sync + 'static, K: Hash + ?Sized>(&self, key: &K, value: V) {
        self.keep(hash(key), value, 1);
    }

    /// Like [`insert`](Self::insert), with the value's weight.
    pub fn insert_weighing<V: Send + Sync + 'static, K: Hash + ?Sized>(
        &self,
        key: &K,
        value: V,
        weight: u32,
    ) {
        self.keep(hash(key), value, weight);
    }

    /// The value of a key and its age, if there is one of this type that isn't older than
    /// `max_age`.
    pub fn get<V: Clone + Send + Sync + 'static, K: Hash + ?Sized>(
        &self,
        key: &K,
        max_age: Duration,
    ) -> Option<(V, Duration)> {
        self.find(hash(key), max_age)
    }

    /// Removes all values.
    pub fn clear(&self) {
        if let Some(cache) = self.cache() {
            cache.invalidate_all();
            cache.run_pending_tasks();
        }
    }

    /// The number of values, outdated ones included.
    pub fn len(&self) -> u64 {
        self.cache().map_or(0, |cache| {
            cache.run_pending_tasks();
            cache.entry_count()
        })
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn keep<V: Send + Sync + 'static>(&self, key: u128, value: V, weight: u32) {
        self.shared().keep(key, value, weight);
    }

    pub(super) fn find<V: Clone + Send + Sync + 'static>(
        &self,
        key: u128,
        max_age: Duration,
    ) -> Option<(V, Duration)> {
        let entry = self.cache()?.get(&key)?;
        let Dated { at, value } = entry.value.downcast_ref::<Dated<V>>()?;
        let age = Instant::now().saturating_duration_since(*at);
        (age <= max_age).then(|| (value.clone(), age))
    }
}

impl Shared {
    pub(super) fn keep<V: Send + Sync + 'static>(&self, key: u128, value: V, weight: u32) {
        let value = Arc::new(Dated { at: Instant::now(), value });
        self.cache.insert(key, Entry { weight, value });
    }

    pub(super) fn remove(&self, key: u128) {
        self.cache.invalidate(&key);
    }
}

impl AsRef<Calls> for Shared {
    fn as_ref(&self) -> &Calls {
        &self.calls
    }
}

impl Clone for StaleValues {
    fn clone(&self) -> Self {
        // Not by way of `current`: a clone that is made in an isolated test may be used outside.
        let shared = self.shared.get_or_init(|| self.bound.new_store());
        Self {
            bound: self.bound,
            shared: OnceLock::from(Arc::clone(shared)),
            #[cfg(feature = "testing")]
            identity: self.identity.of_moved(),
        }
    }
}

#[cfg(feature = "testing")]
impl Isolate for StaleValues {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::bounded(self.bound)
    }
}

impl Default for StaleValues {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StaleValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaleValues").field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Bound {
    fn new_store(self) -> Arc<Shared> {
        Arc::new(Shared { cache: self.new_cache(), calls: Calls::default() })
    }

    fn new_cache(self) -> Values {
        // Not moka's default policy, which may refuse a new key in favour of old ones. And not
        // moka's expiry, which has a clock of its own.
        let cache = Cache::builder().eviction_policy(EvictionPolicy::lru());
        let cache = match self {
            Self::Entries(most) => cache.max_capacity(most),
            Self::Weight(most) => cache.max_capacity(most).weigher(|_, entry: &Entry| entry.weight),
        };
        cache.build_with_hasher(BuildHasherDefault::default())
    }
}
