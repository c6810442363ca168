//! Finds what the program's attributes have made, so that it can be watched and controlled.

use std::sync::Arc;

pub use super::site::Site;

use super::circuit_breaker::{CircuitBreaker, CircuitBreakerRef, listed};

/// What can be watched and controlled: every static circuit breaker that was used, and every other
/// one that is watched.
///
/// ```
/// use resilience::{CircuitBreaker, registry, circuit_breaker::CircuitState};
///
/// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
/// INVENTORY.register();
///
/// for breaker in registry().circuit_breakers() {
///     println!("{} is {}", breaker.name(), breaker.state());
/// }
/// registry().circuit_breaker("inventory").unwrap().force_open();
/// assert_eq!(INVENTORY.state(), CircuitState::ForcedOpen);
/// ```
pub fn registry() -> Registry {
    Registry { _later: () }
}

/// See [`registry`].
#[derive(Debug, Clone, Copy)]
pub struct Registry {
    _later: (),
}

impl Registry {
    /// The breakers listed at this moment, in the order in which they were first used or watched.
    ///
    /// A static one is listed with its first call through an attribute, or by
    /// [`register`](CircuitBreaker::register). Breakers in an `Arc` are listed by
    /// [`watch`](Self::watch), as long as they live.
    ///
    /// ```
    /// use resilience::registry;
    ///
    /// let open = registry().circuit_breakers().filter(|breaker| breaker.would_reject()).count();
    /// assert_eq!(open, 0);
    /// ```
    pub fn circuit_breakers(self) -> impl Iterator<Item = CircuitBreakerRef> {
        listed::found(|_| true)
    }

    /// The breakers of this name, which needn't be unique.
    ///
    /// ```
    /// use resilience::registry;
    ///
    /// for breaker in registry().circuit_breakers_named("inventory") {
    ///     breaker.reset();
    /// }
    /// ```
    pub fn circuit_breakers_named(
        self,
        name: &str,
    ) -> impl Iterator<Item = CircuitBreakerRef> + use<> {
        listed::found(|breaker| breaker.name() == name)
    }

    /// The first breaker of this name, if one is listed.
    ///
    /// ```
    /// assert!(resilience::registry().circuit_breaker("no such thing").is_none());
    /// ```
    pub fn circuit_breaker(self, name: &str) -> Option<CircuitBreakerRef> {
        self.circuit_breakers_named(name).next()
    }

    /// Lists a breaker that isn't a static, as long as it lives; keeps it alive no longer. Once is
    /// enough.
    ///
    /// ```
    /// use resilience::{CircuitBreaker, registry};
    /// use std::sync::Arc;
    ///
    /// let breaker = Arc::new(CircuitBreaker::new("mailer"));
    /// registry().watch(&breaker);
    /// assert!(registry().circuit_breaker("mailer").is_some());
    /// drop(breaker);
    /// assert!(registry().circuit_breaker("mailer").is_none());
    /// ```
    pub fn watch(self, breaker: &Arc<CircuitBreaker>) {
        listed::watch(breaker);
    }
}
