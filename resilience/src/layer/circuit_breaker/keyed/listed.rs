//! The sets that can be found, as long as they are alive.

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::table::Table;
use super::{CircuitBreakersMetrics, KeyedCircuitBreaker};
#[cfg(feature = "testing")]
use crate::support::isolation;

/// A set of breakers found through [`registry`](crate::registry()). It keeps the set's breakers
/// alive.
///
/// ```
/// use resilience::{CircuitBreakers, registry};
///
/// let hosts: CircuitBreakers<str> = CircuitBreakers::new("mirrors");
/// hosts.register();
/// let found = registry().circuit_breaker_sets().find(|set| set.name() == "mirrors").unwrap();
/// found.get("a.example").force_open();
/// assert!(hosts.get("a.example").would_reject());
/// drop((hosts, found));
/// assert!(!registry().circuit_breaker_sets().any(|set| set.name() == "mirrors"));
/// ```
#[derive(Clone)]
pub struct CircuitBreakersRef(Arc<Table>);

impl CircuitBreakersRef {
    /// Returns the set's label.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Returns the number of keys and of open breakers, and what all breakers together have
    /// counted. See [`CircuitBreakers::metrics`](crate::CircuitBreakers::metrics).
    pub fn metrics(&self) -> CircuitBreakersMetrics {
        self.table().metrics()
    }

    /// Closes all circuits, from any state.
    pub fn reset(&self) {
        self.table().reset();
    }

    /// The breaker of a key. The key has to hash like those of the set: a `str` like a `String`,
    /// but a `u32` not like a `u64`.
    pub fn get<K: Hash + ?Sized>(&self, key: &K) -> KeyedCircuitBreaker<'_, K> {
        let table = self.table();
        KeyedCircuitBreaker { table, key: table.hash(key), text: None }
    }

    fn table(&self) -> &Table {
        #[cfg(feature = "testing")]
        return isolation::current(&*self.0);
        #[cfg(not(feature = "testing"))]
        &self.0
    }
}

impl fmt::Debug for CircuitBreakersRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakersRef")
            .field("name", &self.name())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

static LISTED: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());

pub(super) fn list(table: &Arc<Table>) {
    let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    // Before the list would grow, as that of single breakers.
    if listed.len() == listed.capacity() {
        listed.retain(|set| set.strong_count() > 0);
    }
    listed.push(Arc::downgrade(table));
}

pub(in crate::layer) fn all() -> std::vec::IntoIter<CircuitBreakersRef> {
    let listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    let sets: Vec<_> = listed.iter().filter_map(Weak::upgrade).map(CircuitBreakersRef).collect();
    sets.into_iter()
}
