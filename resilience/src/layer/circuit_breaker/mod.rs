//! Stops calling a failing dependency, and detects when it has recovered.

#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod admit;
mod builder;
mod call;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod change;
mod control;
mod counter;
mod events;
mod history;
mod inner;
pub(super) mod listed;
mod listeners;
mod packed;
mod permit;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod policy;
mod retry_after;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod settle;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod state;

use std::fmt;
use std::time::Duration;

pub use change::{ChangeReason, CircuitState};
pub use control::CircuitMetrics;
pub use listed::CircuitBreakerRef;
pub use listeners::{CountedFailure, StateChange};
#[doc(hidden)]
pub use permit::Began;
pub use permit::{OuterTimeout, Permit};

use crate::layer::site::Place;
use crate::support::clock;
use crate::{Classify, Rejected, taxonomy::FromRejected};
use call::Call;
use inner::Inner;

/// Rejects calls to a dependency after too many consecutive failures, to give it time to recover.
///
/// Use one breaker per dependency: a `static`, a field, or an [`Arc`](std::sync::Arc). Every
/// function that calls the dependency refers to it, as in `#[circuit_breaker(INVENTORY)]`, or uses
/// [`call`](Self::call). The name is only a label for logs. Two breakers with the same name share
/// nothing.
///
/// ```
/// use resilience::{CircuitBreaker, Rejected, circuit_breaker::CircuitState};
/// use std::time::Duration;
///
/// static INVENTORY: CircuitBreaker =
///     CircuitBreaker::new("inventory").failure_threshold(3).recovery_timeout(Duration::from_secs(20));
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let timed_out = || async { Err::<u32, _>(Rejected::timed_out("inventory", Duration::from_secs(5))) };
/// for _ in 0..3 {
///     assert!(INVENTORY.call(timed_out()).await.unwrap_err().is_timed_out());
/// }
/// assert_eq!(INVENTORY.state(), CircuitState::Open);
/// assert!(INVENTORY.call(async { Ok::<_, Rejected>(1) }).await.unwrap_err().is_circuit_open());
///
/// tokio::time::advance(Duration::from_secs(20)).await;
/// assert_eq!(INVENTORY.call(async { Ok::<_, Rejected>(1) }).await, Ok(1));
/// assert_eq!(INVENTORY.state(), CircuitState::Closed);
/// # }
/// ```
///
/// # What counts
///
/// | result of the call | closed | half-open |
/// |---|---|---|
/// | success | resets the failure count | the probe succeeded |
/// | a transient or unclassified error, or a timeout inside or around the call | a failure | opens again |
/// | a permanent or partial error: the callee answered | nothing | the probe succeeded |
/// | a fatal error, or a rejection by another layer | nothing | frees its slot |
/// | dropped by its caller after [`abandoned_after`](Self::abandoned_after), if that is set | a failure | opens again |
/// | otherwise dropped, panicked, or a nested call was rejected by this breaker | nothing | frees its slot, and adds one |
///
/// A result counts only in the state in which its call was admitted. A late success doesn't close a
/// circuit that has opened in the meantime, and a late failure isn't counted in the next round.
///
/// # States
///
/// *Closed* → *open* after `failure_threshold` consecutive failures. *Open* → *half-open* with the
/// first call after `recovery_timeout`. *Half-open* admits `probes` calls: → *closed* when all have
/// succeeded, → *open* on the first failure. A probe that doesn't finish counts as a failure and
/// loses its slot to the next caller. This happens after the recovery timeout, or after twice the
/// time that the enclosing `#[timeout]`s allow, whichever is longer, but after one day at most. So
/// a breaker can't get stuck because of a cancelled, panicked or hung call, or a clock that is set
/// back.
///
/// # Cost
///
/// While closed and healthy, a call of a static costs two loads, no write and no clock read. A
/// breaker in a field moves its state to the heap with its first call through an attribute, so that
/// [`registry`](crate::registry()) finds it wherever the field moves; a call then costs two loads
/// more. All state changes are lock-free, except for listeners.
pub struct CircuitBreaker {
    inner: Inner,
}

impl CircuitBreaker {
    /// Requests permission to make a call now. Report the call's result to the returned permit.
    ///
    /// ```
    /// use resilience::{Classification, CircuitBreaker};
    ///
    /// static PRINTER: CircuitBreaker = CircuitBreaker::new("printer");
    ///
    /// let permit = PRINTER.acquire().expect("closed");
    /// match std::fs::read("/dev/null") {
    ///     Ok(_) => permit.succeeded(),
    ///     Err(_) => permit.failed(&Classification::transient("PRINTER_BUSY")),
    /// }
    /// ```
    ///
    /// Dropping a permit without a result counts as nothing.
    ///
    /// # Errors
    ///
    /// [`Rejected::CircuitOpen`] while the circuit is open, or half-open with all probes running.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, Rejected> {
        let inner = self.inner();
        // A permit from either path would be assembled in memory.
        let (inner, ticket) = match inner.core.enter_closed() {
            Some((ticket, _)) => (inner, ticket),
            None => {
                let inner = inner.place();
                (inner, inner.enter(None, None).map_err(|wait| inner.rejection(wait))?)
            }
        };
        Ok(Permit::new(inner, ticket, ()))
    }

    /// Like [`acquire`](Self::acquire), with the maximum duration of the call. A probe counts as
    /// lost after twice that time, or after one day if that is shorter, so even a call with a huge
    /// limit can't be waited for indefinitely.
    ///
    /// The first call lists the breaker in [`registry`](crate::registry()).
    #[inline]
    pub(crate) fn acquire_for<P: Place + Copy>(
        &self,
        longest: Option<Duration>,
        place: P,
    ) -> Result<Permit<'_, (), P>, Rejected> {
        let inner = self.listed_place().inner();
        let ticket = inner.enter(longest, place.site()).map_err(|wait| inner.rejection(wait))?;
        Ok(Permit::new(inner, ticket, place))
    }

    /// Like `acquire_for`, for a static breaker, whose state stays where it is.
    #[inline]
    pub(crate) fn acquire_static<P: Place + Copy>(
        &'static self,
        longest: Option<Duration>,
        place: P,
    ) -> Result<Permit<'static, (), P>, Rejected> {
        let inner = self.inner();
        // A permit from either path would be assembled in memory.
        let (inner, ticket) = match inner.core.enter_closed() {
            Some((ticket, true)) => (inner, ticket),
            _ => {
                let inner = self.registered_place();
                (inner, inner.admit(longest, place.site()).map_err(|wait| inner.rejection(wait))?)
            }
        };
        Ok(Permit::new(inner, ticket, place))
    }

    /// Lists this breaker in [`registry`](crate::registry()). Otherwise it is listed on the first
    /// call through an attribute.
    ///
    /// ```
    /// use resilience::{CircuitBreaker, registry};
    ///
    /// static LEDGER: CircuitBreaker = CircuitBreaker::new("ledger");
    ///
    /// LEDGER.register();
    /// assert_eq!(registry().circuit_breaker("ledger").unwrap().name(), "ledger");
    /// ```
    ///
    /// To list a breaker in an `Arc`, use [`Registry::watch`](crate::registry::Registry::watch).
    pub fn register(&'static self) {
        if self.inner().core.register() {
            listed::list(self);
        }
    }

    /// Makes a call if it is admitted, and records its result.
    ///
    /// ```
    /// use resilience::{CircuitBreaker, Rejected};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let breaker = CircuitBreaker::new("inventory");
    /// assert_eq!(breaker.call(async { Ok::<_, Rejected>(7) }).await, Ok(7));
    /// # }
    /// ```
    ///
    /// If the call is rejected, the future is dropped without being polled. Dropping the returned
    /// future drops the call, which then counts as nothing.
    ///
    /// # Errors
    ///
    /// The future's own error, or [`Rejected::CircuitOpen`] converted to it if the call is
    /// rejected.
    #[inline]
    pub fn call<T, E, F>(&self, future: F) -> impl Future<Output = Result<T, E>>
    where
        E: Classify + FromRejected,
        F: Future<Output = Result<T, E>>,
    {
        Call::new(self, future)
    }

    /// Returns whether a call would be rejected now because the circuit is open. This neither
    /// requests admission nor changes any state.
    ///
    /// ```
    /// let breaker = resilience::CircuitBreaker::new("inventory");
    /// assert!(!breaker.would_reject());
    /// breaker.force_open();
    /// assert!(breaker.would_reject());
    /// ```
    ///
    /// True while forced open, and while open until the recovery timeout is over. False while
    /// half-open, although a call is rejected if all probes are running.
    pub fn would_reject(&self) -> bool {
        self.inner().read(|inner| inner.core.would_reject(&inner.policy, clock::millis))
    }

    /// Returns whether this breaker made a rejection. Names don't tell, since several breakers may
    /// have one.
    pub(crate) fn has_rejected(&self, rejected: &Rejected) -> bool {
        self.inner().has_rejected(rejected)
    }

    /// The breaker that has the state: this one if it is listed, such as one in a watched `Arc`, or
    /// else one on the heap, where the state moves now. An annotated function uses this place of a
    /// breaker that isn't known to be a static.
    #[inline]
    pub(crate) fn listed_place(&self) -> &Self {
        let inner = self.inner();
        if inner.core.is_registered_here() {
            return self;
        }
        if !inner.core.has_moved() {
            inner.move_to_heap();
        }
        inner.on_heap().unwrap_or(self)
    }

    /// The state. Every access goes through here.
    #[inline]
    const fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The state of a static, which is listed there. Nearly always it has been since long.
    #[inline]
    fn registered_place(&'static self) -> &'static Inner {
        let inner = self.inner();
        if inner.core.is_registered_here() { inner } else { self.register_here() }
    }

    #[cold]
    fn register_here(&'static self) -> &'static Inner {
        self.register();
        self.inner().place()
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name())
            .field("metrics", &self.metrics())
            .field("policy", &self.inner().policy)
            .finish_non_exhaustive()
    }
}

/// Exposes the lock-free core to the model checker, and to tests what they can't do from outside.
#[cfg(feature = "_internals")]
pub mod internals {
    pub use super::change::Change;
    pub use super::policy::Policy;
    pub use super::state::{Admission, Core, Settled, Ticket, Verdict};

    /// Marks the deadline as expired, as an enclosing timeout does before it drops the call.
    pub fn fire(deadline: &crate::layer::deadline::Deadline<'_>) {
        deadline.fire();
    }
}
