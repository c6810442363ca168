//! A breaker for each key: a partner, a host, a tenant.

#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
pub(super) mod slot;

mod index;
pub(in crate::layer) mod listed;
mod recency;
mod table;

use std::cell::Cell;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use listed::CircuitBreakersRef;

use super::inner::Inner;
use super::policy::Policy;
use super::retry_after::RetryAfter;
use super::state::Ticket;
use super::{CircuitBreaker, CircuitState, CountedFailure, Guard, GuardedBy, Permit, StateChange};
use crate::layer::site::Site;
use crate::support::clock;
#[cfg(feature = "testing")]
use crate::support::isolation;
use crate::{Classify, Rejected, taxonomy::FromRejected};
pub(crate) use slot::KeyHash;
use table::Table;

/// A set of circuit breakers, one for each key: a partner, a host, a tenant. A partner that is down
/// doesn't stop the calls to the others.
///
/// ```
/// use resilience::{CircuitBreakers, Rejected, circuit_breaker, circuit_breaker::CircuitState, secs};
///
/// static PARTNERS: CircuitBreakers<str> =
///     CircuitBreakers::new("partners").failure_threshold(3).recovery_timeout(secs(20)).max_keys(500);
///
/// #[circuit_breaker(PARTNERS, key = partner)]
/// async fn order(partner: &str, item: u32) -> Result<u32, Rejected> {
///     if partner == "down" { Err(Rejected::timed_out("partners", secs(5))) } else { Ok(item) }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// for _ in 0..3 {
///     order("down", 7).await.unwrap_err();
/// }
/// assert!(order("down", 7).await.unwrap_err().is_circuit_open());
/// assert_eq!(order("up", 7).await, Ok(7));
/// assert_eq!(PARTNERS.get("down").state(), CircuitState::Open);
/// # }
/// ```
///
/// A set is a `static`, a field, or in an `Arc`. Without the attribute, use [`call`](Self::call),
/// or [`get`](Self::get) and [`acquire`](KeyedCircuitBreaker::acquire).
///
/// # Keys
///
/// For text, use `CircuitBreakers<str>`: then a `&str`, `String` or `Arc<str>` is a key. An
/// attribute also takes a `&str` for a set of `String`, `Box<str>` or `Arc<str>`, and a slice for
/// one of `Vec`. Several values are a tuple, as in `CircuitBreakers<(TenantId, Region)>` with
/// `key = (tenant, region)`.
///
/// The set doesn't store keys. It tells them apart by 128 bits of SipHash-1-3, with secrets of its
/// own that are random in each process. Among a million keys, two have the same hash with a
/// probability of 10⁻²⁷. So a key only has to be `Hash`, and no personal data stays in memory. Two
/// keys that aren't equal have to hash different data, as they do with `#[derive(Hash)]`. A `Path`
/// doesn't: `/tmp` and `tmp` have the same hash. Use `path.as_os_str()` as the key.
///
/// # Size
///
/// A set holds up to [`max_keys`](Self::max_keys) keys, each in about 260 bytes. A new key in a
/// full set takes the place of the least recently used one, whose failures are forgotten. Only a
/// closed breaker goes: one that is open, half-open, or set manually is kept. Calls that are still
/// running for a key that goes count as nothing.
///
/// While all breakers of a full set are open, a new key has no breaker: its calls are admitted and
/// not counted, and the event `circuit_breakers_full` is logged once at WARN.
///
/// The order of uses is exact between two new keys; which one of the keys used since the last new
/// key goes first isn't determined. If the 32 least recently used keys have all been used since
/// they were last looked at, one of those goes.
///
/// # Cost
///
/// A call for a known key takes no lock and allocates nothing. It hashes the key twice, and loads
/// about ten words. A new key takes a lock.
pub struct CircuitBreakers<K: ?Sized> {
    name: &'static str,
    policy: Policy,
    max_keys: usize,
    text: Option<Text<K>>,
    table: OnceLock<Arc<Table>>,
}

/// Makes the text of a key for events.
type Text<K> = fn(&K) -> String;

/// Settings. All are `const`, so a value out of range in a `static` or `const` is a compile error.
/// Make them before the first call.
impl<K: ?Sized> CircuitBreakers<K> {
    /// Creates an empty set. The name is only a label for logs.
    ///
    /// ```
    /// use resilience::CircuitBreakers;
    ///
    /// static PARTNERS: CircuitBreakers<u64> = CircuitBreakers::new("partners");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { name, policy: Policy::new(), max_keys: 10_000, text: None, table: OnceLock::new() }
    }

    /// Sets the maximum number of keys: 1 to 16 777 216, 10 000 by default.
    ///
    /// ```
    /// # use resilience::CircuitBreakers;
    /// static HOSTS: CircuitBreakers<str> = CircuitBreakers::new("hosts").max_keys(500);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the number is out of range.
    #[must_use]
    pub const fn max_keys(mut self, keys: usize) -> Self {
        assert!(keys >= 1 && keys <= 1 << 24, "`max_keys` must be between 1 and 16777216");
        self.max_keys = keys;
        self
    }

    /// Puts the key into the field `key` of a breaker's events, as this text. By default events
    /// don't contain it, since it may be personal.
    ///
    /// ```
    /// # use resilience::CircuitBreakers;
    /// static HOSTS: CircuitBreakers<str> = CircuitBreakers::new("hosts").log_keys(|host| host.to_owned());
    /// ```
    ///
    /// The text is made once, when the key is new. An attribute can say it instead, which is also
    /// the way for a key that it writes as a tuple:
    ///
    /// ```
    /// # use resilience::{CircuitBreakers, Rejected, circuit_breaker};
    /// static REGIONS: CircuitBreakers<(u64, String)> = CircuitBreakers::new("regions");
    ///
    /// #[circuit_breaker(REGIONS, key = (tenant, region), key_text = format!("{tenant}/{region}"))]
    /// async fn order(tenant: u64, region: String) -> Result<(), Rejected> {
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub const fn log_keys(mut self, text: fn(&K) -> String) -> Self {
        self.text = Some(text);
        self
    }
}

macro_rules! settings {
    ($($setting:ident($($value:ident: $type:ty),*);)+) => {
        /// Settings of each breaker. They have the same ranges and defaults as those of
        /// [`CircuitBreaker`].
        impl<K: ?Sized> CircuitBreakers<K> {
            $(
                #[doc = concat!("See [`CircuitBreaker::", stringify!($setting), "`].")]
                ///
                /// # Panics
                ///
                /// Panics if a value is out of range.
                #[must_use]
                pub const fn $setting(mut self $(, $value: $type)*) -> Self {
                    let breaker = CircuitBreaker::with_policy(self.policy).$setting($($value),*);
                    self.policy = breaker.inner.policy;
                    // It has allocated nothing, and a `const fn` can't drop it.
                    std::mem::forget(breaker);
                    self
                }
            )+
        }
    };
}

settings! {
    failure_threshold(failures: u32);
    failure_rate(percent: u32);
    window(calls: u32);
    window_time(window: Duration);
    min_calls(calls: u32);
    slow_calls(longer_than: Duration, percent: u32);
    slow_while_running();
    recovery_timeout(wait: Duration);
    probes(calls: u32);
    recovery_growth(factor: u32);
    max_recovery_timeout(wait: Duration);
    recovery_jitter(percent: u32);
    abandoned_after(wait: Duration);
}

impl<K: Hash + ?Sized> CircuitBreakers<K> {
    /// The breaker of a key. This doesn't add the key to the set; the first call does.
    ///
    /// ```
    /// use resilience::CircuitBreakers;
    ///
    /// let hosts: CircuitBreakers<str> = CircuitBreakers::new("hosts");
    /// hosts.get("a.example").force_open();
    /// assert!(hosts.get("a.example").acquire().is_err());
    /// assert!(hosts.get("b.example").acquire().is_ok());
    /// ```
    pub fn get<'a>(&'a self, key: &'a K) -> KeyedCircuitBreaker<'a, K> {
        let table = self.table();
        let text = self.text.map(|text| (text, key));
        KeyedCircuitBreaker { table, key: table.hash(key), text }
    }

    /// Makes a call if it is admitted, and records its result. See [`CircuitBreaker::call`].
    ///
    /// ```
    /// use resilience::{CircuitBreakers, Rejected};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let hosts: CircuitBreakers<str> = CircuitBreakers::new("hosts");
    /// assert_eq!(hosts.call("a.example", async { Ok::<_, Rejected>(7) }).await, Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The future's own error, or [`Rejected::CircuitOpen`] converted to it if the call is
    /// rejected.
    pub async fn call<T, E, F>(&self, key: &K, future: F) -> Result<T, E>
    where
        E: Classify + FromRejected,
        F: Future<Output = Result<T, E>>,
    {
        let permit = match self.get(key).acquire() {
            Ok(permit) => permit,
            Err(rejected) => return Err(E::from_rejected(rejected)),
        };
        let outcome = future.await;
        permit.settle(&outcome, E::classify);
        outcome
    }

    /// The key of an annotated call, which doesn't borrow the arguments. Adds the key if its text
    /// is needed later.
    #[inline]
    pub(crate) fn key(&self, key: &K) -> KeyHash {
        let table = self.table();
        let hash = table.hash(key);
        if let Some(text) = self.text {
            table.add_with_text(hash, || text(key));
        }
        hash
    }
}

impl<K> CircuitBreakers<K> {
    /// Like [`key`](Self::key), for the borrowed form of a key, which has the same hash. The key
    /// itself is only made for its text.
    #[inline]
    pub(crate) fn borrowed_key<'q, Q: Hash + ?Sized>(
        &self,
        key: &'q Q,
        to_owned: impl FnOnce(&'q Q) -> K,
    ) -> KeyHash {
        let table = self.table();
        let hash = table.hash(key);
        if let Some(text) = self.text {
            table.add_with_text(hash, || text(&to_owned(key)));
        }
        hash
    }
}

impl<K: ?Sized> CircuitBreakers<K> {
    /// Returns the set's label.
    ///
    /// ```
    /// assert_eq!(resilience::CircuitBreakers::<u64>::new("partners").name(), "partners");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the number of keys and of open breakers, and what all breakers together have
    /// counted. Takes time in proportion to the number of keys.
    ///
    /// ```
    /// let hosts: resilience::CircuitBreakers<str> = resilience::CircuitBreakers::new("hosts");
    /// hosts.get("a.example").force_open();
    /// assert_eq!((hosts.metrics().keys, hosts.metrics().open), (1, 1));
    /// ```
    pub fn metrics(&self) -> CircuitBreakersMetrics {
        self.table().metrics()
    }

    /// Closes all circuits, from any state. Keys are kept.
    ///
    /// ```
    /// let hosts: resilience::CircuitBreakers<str> = resilience::CircuitBreakers::new("hosts");
    /// hosts.get("a.example").force_open();
    /// hosts.reset();
    /// assert!(hosts.get("a.example").acquire().is_ok());
    /// ```
    pub fn reset(&self) {
        self.table().reset();
    }

    /// Calls `listener` after every state change of a breaker of this set. See
    /// [`CircuitBreaker::on_state_change`].
    pub fn on_state_change(&self, listener: impl Fn(&StateChange) + Send + Sync + 'static) {
        self.table().history.listeners.add_state_change(listener);
    }

    /// Calls `listener` after every failure that a breaker of this set counts. See
    /// [`CircuitBreaker::on_failure`].
    pub fn on_failure(&self, listener: impl Fn(&CountedFailure) + Send + Sync + 'static) {
        self.table().history.listeners.add_failure(listener);
    }

    /// Lists this set in [`registry`](crate::registry()). Otherwise it is listed when it is first
    /// used.
    ///
    /// ```
    /// use resilience::{CircuitBreakers, registry};
    ///
    /// static COURIERS: CircuitBreakers<u64> = CircuitBreakers::new("couriers");
    ///
    /// COURIERS.register();
    /// assert!(registry().circuit_breaker_sets().any(|set| set.name() == "couriers"));
    /// ```
    pub fn register(&self) {
        self.table();
    }

    /// The key of an annotated call that is written as a tuple of references.
    #[inline]
    pub(crate) fn key_of_parts(&self, parts: impl Hash + Copy) -> KeyHash {
        self.table().hash(parts)
    }

    /// Adds the key of an annotated call with its text, if it is new.
    #[inline]
    pub(crate) fn set_key_text(&self, key: KeyHash, text: impl FnOnce() -> String) {
        self.table().add_with_text(key, text);
    }

    /// The breaker of an annotated call, and the function that it guards.
    #[inline]
    pub(crate) fn place(&self, key: KeyHash, site: &'static Site) -> KeyedPlace<'_> {
        KeyedPlace::new(self.table(), key, Some(site))
    }

    /// The same for the retry around it.
    pub(crate) fn breaker(&self, key: KeyHash) -> KeyedCircuitBreaker<'_, ()> {
        KeyedCircuitBreaker { table: self.table(), key, text: None }
    }

    #[inline]
    fn table(&self) -> &Table {
        let table = self.table.get_or_init(|| {
            let table = Arc::new(Table::new(self.name, self.policy, self.max_keys));
            listed::list(&table);
            table
        });
        #[cfg(feature = "testing")]
        let table = isolation::current(&**table);
        table
    }
}

/// The breaker of one key of a set. See [`CircuitBreakers::get`].
///
/// It finds the breaker again with each use, so it never refers to the breaker of another key.
pub struct KeyedCircuitBreaker<'a, K: ?Sized> {
    table: &'a Table,
    key: KeyHash,
    text: Option<(Text<K>, &'a K)>,
}

impl<'a, K: ?Sized> KeyedCircuitBreaker<'a, K> {
    /// Requests permission to make a call now. See [`CircuitBreaker::acquire`].
    ///
    /// ```
    /// use resilience::CircuitBreakers;
    ///
    /// let hosts: CircuitBreakers<str> = CircuitBreakers::new("hosts");
    /// hosts.get("a.example").acquire()?.succeeded();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected::CircuitOpen`] while the circuit is open, or half-open with all probes running.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'a>, Rejected> {
        let (breaker, admission) = match self.table.enter_at_once(self.key) {
            Some((breaker, ticket)) => (breaker, Ok(ticket)),
            None => self.table.enter(self.key, || self.text(), None, None),
        };
        match admission {
            Ok(ticket) => Ok(Permit::granted((), breaker, ticket)),
            Err(wait) => Err(breaker.inner.rejection(wait)),
        }
    }

    /// Returns the current state. That of a key that isn't in the set is `Closed`.
    pub fn state(&self) -> CircuitState {
        let state = self.table.read(self.key, |inner| inner.core.snapshot().0);
        state.unwrap_or(CircuitState::Closed)
    }

    /// Returns the number of consecutive failures, which is 0 unless the circuit is closed, and 0
    /// with a [failure rate](CircuitBreaker::failure_rate).
    pub fn consecutive_failures(&self) -> u64 {
        let count = |inner: &Inner| {
            if inner.is_in_rate_mode() { 0 } else { inner.core.snapshot().1 }
        };
        self.table.read(self.key, count).unwrap_or(0)
    }

    /// Returns whether a call would be rejected now because the circuit is open. See
    /// [`CircuitBreaker::would_reject`].
    pub fn would_reject(&self) -> bool {
        let rejects = |inner: &Inner| inner.core.would_reject(&inner.policy, clock::millis);
        self.table.read(self.key, rejects).unwrap_or(false)
    }

    /// Rejects every call until [`reset`](Self::reset) or another forced state. A breaker that is
    /// set manually is never removed from the set.
    ///
    /// This does nothing for a new key of a full set whose breakers are all open.
    pub fn force_open(&self) {
        self.set(CircuitState::ForcedOpen);
    }

    /// Admits every call until [`reset`](Self::reset) or another forced state. Failures are still
    /// counted and reported.
    pub fn force_closed(&self) {
        self.set(CircuitState::ForcedClosed);
    }

    /// Admits every call and counts nothing until [`reset`](Self::reset) or a forced state.
    pub fn disable(&self) {
        self.set(CircuitState::Disabled);
    }

    /// Closes the circuit from any state, and resets the count of consecutive failures.
    pub fn reset(&self) {
        self.set(CircuitState::Closed);
    }

    fn set(&self, state: CircuitState) {
        self.table.set(self.key, || self.text(), state);
    }

    fn text(&self) -> Option<String> {
        self.text.map(|(text, key)| text(key))
    }
}

impl Guard for KeyedCircuitBreaker<'_, ()> {
    fn would_reject(&self) -> bool {
        self.would_reject()
    }

    fn has_rejected(&self, rejected: &Rejected) -> bool {
        self.table.read(self.key, |inner| inner.has_rejected(rejected)).unwrap_or(false)
    }
}

/// The breaker of a key, for the annotated function that it guards.
#[derive(Debug)]
pub struct KeyedPlace<'a> {
    table: &'a Table,
    key: KeyHash,
    /// The one that has admitted or rejected the call.
    breaker: Cell<&'a CircuitBreaker>,
    site: Option<&'static Site>,
}

impl<'a> KeyedPlace<'a> {
    #[inline]
    const fn new(table: &'a Table, key: KeyHash, site: Option<&'static Site>) -> Self {
        Self { table, key, breaker: Cell::new(table.unguarded()), site }
    }
}

impl GuardedBy for KeyedPlace<'_> {
    #[inline]
    fn breaker(&self) -> &CircuitBreaker {
        self.breaker.get()
    }

    #[inline]
    fn site(&self) -> Option<&'static Site> {
        self.site
    }

    #[inline]
    fn admit_at_once(&self) -> Option<Ticket> {
        let (breaker, ticket) = self.table.enter_at_once(self.key)?;
        self.breaker.set(breaker);
        Some(ticket)
    }

    fn admit(&mut self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        let (breaker, admission) = self.table.enter(self.key, || None, longest, self.site);
        self.breaker.set(breaker);
        admission
    }
}

/// A snapshot returned by [`CircuitBreakers::metrics`]. Totals start when the set is created, and
/// wrap after 2⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreakersMetrics {
    /// The number of keys in the set.
    pub keys: usize,
    /// Breakers that are open or forced open.
    pub open: usize,
    /// Breakers that are half-open.
    pub half_open: usize,
    /// Calls that counted as failures, including probes that failed or hung.
    pub counted_failures: u64,
    /// How often a circuit opened, not counting forced opens.
    pub opened: u64,
    /// Rejected calls.
    pub rejected: u64,
    /// Calls that were dropped before they had ended, by their caller and not by a timeout of the
    /// same function.
    pub abandoned: u64,
}

impl<K: ?Sized> fmt::Debug for CircuitBreakers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakers")
            .field("name", &self.name)
            .field("max_keys", &self.max_keys)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Without the key, which may be personal.
impl<K: ?Sized> fmt::Debug for KeyedCircuitBreaker<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuitBreaker")
            .field("service", &self.table.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
