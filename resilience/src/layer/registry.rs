//! Finds what the program's attributes have made, so that it can be watched and controlled.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::CircuitBreaker;

/// What can be watched and controlled: every static circuit breaker that was used, and every other
/// one that is watched.
///
/// ```
/// use resilience::{CircuitBreaker, CircuitState, sites};
///
/// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
/// INVENTORY.register();
///
/// for breaker in sites().circuit_breakers() {
///     println!("{} is {}", breaker.name(), breaker.state());
/// }
/// sites().circuit_breaker("inventory").unwrap().force_open();
/// assert_eq!(INVENTORY.state(), CircuitState::ForcedOpen);
/// ```
pub fn sites() -> Sites {
    Sites { _later: () }
}

/// See [`sites`].
#[derive(Debug, Clone, Copy)]
pub struct Sites {
    _later: (),
}

impl Sites {
    /// The breakers listed at this moment, in the order in which they were first used or watched.
    ///
    /// A static one is listed with its first call through an attribute, or by
    /// [`register`](CircuitBreaker::register). Breakers in an `Arc` are listed by
    /// [`watch`](Self::watch), as long as they live.
    ///
    /// ```
    /// use resilience::sites;
    ///
    /// let open = sites().circuit_breakers().filter(|breaker| breaker.would_reject()).count();
    /// assert_eq!(open, 0);
    /// ```
    pub fn circuit_breakers(self) -> impl Iterator<Item = CircuitBreakerRef> {
        found(|_| true)
    }

    /// The breakers of this name, which needn't be unique.
    ///
    /// ```
    /// use resilience::sites;
    ///
    /// for breaker in sites().circuit_breakers_named("inventory") {
    ///     breaker.reset();
    /// }
    /// ```
    pub fn circuit_breakers_named(
        self,
        name: &str,
    ) -> impl Iterator<Item = CircuitBreakerRef> + use<> {
        found(|listed| listed.name() == name)
    }

    /// The first breaker of this name, if one is listed.
    ///
    /// ```
    /// assert!(resilience::sites().circuit_breaker("no such thing").is_none());
    /// ```
    pub fn circuit_breaker(self, name: &str) -> Option<CircuitBreakerRef> {
        self.circuit_breakers_named(name).next()
    }

    /// Lists a breaker that isn't a static, as long as it lives; keeps it alive no longer. Once is
    /// enough.
    ///
    /// ```
    /// use resilience::{CircuitBreaker, sites};
    /// use std::sync::Arc;
    ///
    /// let breaker = Arc::new(CircuitBreaker::new("mailer"));
    /// sites().watch(&breaker);
    /// assert!(sites().circuit_breaker("mailer").is_some());
    /// drop(breaker);
    /// assert!(sites().circuit_breaker("mailer").is_none());
    /// ```
    pub fn watch(self, breaker: &Arc<CircuitBreaker>) {
        if breaker.mark_registered() {
            add(Listed::Watched(breaker.name(), Arc::downgrade(breaker)));
        }
    }
}

/// A breaker found through [`sites`]; use it as a `&CircuitBreaker`. It keeps one in an `Arc`
/// alive.
///
/// ```
/// use resilience::{CircuitBreaker, sites};
/// use std::sync::Arc;
///
/// let breaker = Arc::new(CircuitBreaker::new("search"));
/// sites().watch(&breaker);
/// let found = sites().circuit_breaker("search").unwrap();
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

enum Listed {
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

    fn name(&self) -> &'static str {
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

static LISTED: Mutex<Vec<Listed>> = Mutex::new(Vec::new());

fn lock() -> MutexGuard<'static, Vec<Listed>> {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found(wanted: impl Fn(&Listed) -> bool) -> std::vec::IntoIter<CircuitBreakerRef> {
    let found: Vec<_> =
        lock().iter().filter(|listed| wanted(listed)).filter_map(Listed::get).collect();
    found.into_iter()
}

fn add(site: Listed) {
    let mut listed = lock();
    // Before it would grow, so that many short-lived breakers cost little each, and no more room
    // than those alive.
    if listed.len() == listed.capacity() {
        listed.retain(Listed::is_alive);
    }
    listed.push(site);
}

pub(crate) fn list(breaker: &'static CircuitBreaker) {
    add(Listed::Static(breaker));
}
