//! Lists the program's circuit breakers and retry budgets, so that they can be monitored and
//! controlled.

use std::sync::Arc;

pub use super::site::Site;

use super::circuit_breaker::{
    CircuitBreaker, CircuitBreakerRef, CircuitBreakersRef, keyed, listed,
};
use super::retry_budget::{self, RetryBudgetRef};

/// Returns the registry of circuit breakers and retry budgets: all that have been used by an
/// annotated function, and the breakers that were added with [`register`](CircuitBreaker::register)
/// or [`watch`](Registry::watch).
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
///
/// In an isolated test, with the feature `testing`, these are those that the test has used.
pub fn registry() -> Registry {
    Registry { _later: () }
}

/// The list of circuit breakers and retry budgets. See [`registry`].
#[derive(Debug, Clone, Copy)]
pub struct Registry {
    _later: (),
}

impl Registry {
    /// The circuit breakers listed now, in the order in which they were added.
    ///
    /// A breaker is added by its first call through an attribute. To add it earlier, use
    /// [`register`](CircuitBreaker::register) for a static, and [`watch`](Self::watch) for one in
    /// an `Arc`. A breaker that isn't a static is removed when it is dropped. Names are only
    /// labels: two breakers of one name are two entries.
    ///
    /// A breaker in a field is found too, wherever the field moves:
    ///
    /// ```
    /// use resilience::{CircuitBreaker, Rejected, circuit_breaker, registry};
    ///
    /// struct Client {
    ///     breaker: CircuitBreaker,
    /// }
    ///
    /// impl Client {
    ///     #[circuit_breaker(self.breaker)]
    ///     async fn fetch(&self) -> Result<u32, Rejected> {
    ///         Ok(7)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let client = Client { breaker: CircuitBreaker::new("warehouse") };
    /// client.fetch().await.unwrap();
    /// let moved = Box::new(client);
    /// registry().circuit_breaker("warehouse").unwrap().force_open();
    /// assert!(moved.fetch().await.unwrap_err().is_circuit_open());
    ///
    /// drop(moved);
    /// assert!(registry().circuit_breaker("warehouse").is_none());
    /// # }
    /// ```
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

    /// The circuit breakers with this name. Names don't have to be unique.
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

    /// The first circuit breaker with this name, if there is one.
    ///
    /// ```
    /// assert!(resilience::registry().circuit_breaker("no such thing").is_none());
    /// ```
    pub fn circuit_breaker(self, name: &str) -> Option<CircuitBreakerRef> {
        self.circuit_breakers_named(name).next()
    }

    /// The sets of circuit breakers that have been used, until they are dropped.
    ///
    /// ```
    /// use resilience::registry;
    ///
    /// for set in registry().circuit_breaker_sets() {
    ///     let metrics = set.metrics();
    ///     println!("{}: {} of {} are open", set.name(), metrics.open, metrics.keys);
    /// }
    /// ```
    pub fn circuit_breaker_sets(self) -> impl Iterator<Item = CircuitBreakersRef> {
        keyed::listed::all()
    }

    /// The retry budgets listed now, in the order in which they were added: statics, fields, and
    /// those that belong to a function with `#[retry]`.
    ///
    /// A budget is added by the first call that uses it, through `#[retry]`, [`Retry::run`] or
    /// [`Attempts::judge`], and removed when it is dropped. An
    /// [unlimited](crate::RetryBudget::unlimited) one isn't added.
    ///
    /// [`Retry::run`]: crate::Retry::run
    /// [`Attempts::judge`]: crate::retry::Attempts::judge
    ///
    /// ```
    /// use resilience::registry;
    ///
    /// for budget in registry().retry_budgets() {
    ///     println!("{}: {} of {} tokens", budget.name(), budget.tokens(), budget.capacity());
    ///     if budget.refused() > 0 {
    ///         println!("{} retries weren't made", budget.refused());
    ///     }
    /// }
    /// ```
    pub fn retry_budgets(self) -> impl Iterator<Item = RetryBudgetRef> {
        retry_budget::listed::all()
    }

    /// Adds a circuit breaker in an `Arc` before its first call. The registry holds only a weak
    /// reference. Adding a breaker twice has no effect.
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
