//! The breakers of this program that can be looked up: static ones from their first use, watched
//! ones as long as they are alive.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::CircuitBreaker;
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// A breaker found through [`registry`](crate::registry()). It dereferences to
/// [`CircuitBreaker`], and keeps a breaker in an `Arc` alive.
///
/// ```
/// use resilience::{CircuitBreaker, registry};
/// use std::sync::Arc;
///
/// let breaker = Arc::new(CircuitBreaker::new("search"));
/// registry().watch(&breaker);
/// let found = registry().circuit_breaker("search").unwrap();
/// assert!(std::ptr::eq(&*found, &*breaker));
/// ```
#[derive(Debug, Clone)]
pub struct CircuitBreakerRef(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Static(&'static CircuitBreaker),
    Watched(Arc<CircuitBreaker>),
}

impl Deref for CircuitBreakerRef {
    type Target = CircuitBreaker;

    fn deref(&self) -> &CircuitBreaker {
        match &self.0 {
            Kind::Static(breaker) => breaker,
            Kind::Watched(breaker) => breaker,
        }
    }
}

pub(in crate::layer) enum Listed {
    Static(&'static CircuitBreaker),
    Watched(&'static str, Weak<CircuitBreaker>),
}

impl Listed {
    fn get(&self) -> Option<CircuitBreakerRef> {
        Some(CircuitBreakerRef(match self {
            Self::Static(breaker) => Kind::Static(breaker),
            Self::Watched(_, breaker) => Kind::Watched(breaker.upgrade()?),
        }))
    }

    pub(in crate::layer) fn name(&self) -> &'static str {
        match self {
            Self::Static(breaker) => breaker.name(),
            Self::Watched(name, _) => name,
        }
    }

    fn is_alive(&self) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Watched(_, breaker) => breaker.strong_count() > 0,
        }
    }
}

/// The list of the process.
struct List {
    breakers: Mutex<Vec<Listed>>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl List {
    const fn new() -> Self {
        Self {
            breakers: Mutex::new(Vec::new()),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }
}

#[cfg(feature = "testing")]
impl Isolate for List {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

fn lock() -> MutexGuard<'static, Vec<Listed>> {
    static LIST: List = List::new();
    #[cfg(feature = "testing")]
    let list = isolation::current(&LIST);
    #[cfg(not(feature = "testing"))]
    let list = &LIST;
    list.breakers.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(in crate::layer) fn found(
    wanted: impl Fn(&Listed) -> bool,
) -> std::vec::IntoIter<CircuitBreakerRef> {
    let found: Vec<_> =
        lock().iter().filter(|listed| wanted(listed)).filter_map(Listed::get).collect();
    found.into_iter()
}

fn add(site: Listed) {
    let mut listed = lock();
    // Removes dead breakers only before the list would grow. Many short-lived breakers then cost
    // little each, and use no more space than those alive.
    if listed.len() == listed.capacity() {
        listed.retain(Listed::is_alive);
    }
    listed.push(site);
}

pub(super) fn list(breaker: &'static CircuitBreaker) {
    add(Listed::Static(breaker));
}

/// Lists a breaker whose state has moved to the heap.
pub(super) fn list_on_heap(place: &Arc<CircuitBreaker>) {
    add(Listed::Watched(place.name(), Arc::downgrade(place)));
}

pub(in crate::layer) fn watch(breaker: &Arc<CircuitBreaker>) {
    if breaker.inner().core.register() {
        add(Listed::Watched(breaker.name(), Arc::downgrade(breaker)));
    }
}
