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
mod key_text;
pub(super) mod keyed;
pub(super) mod listed;
mod listeners;
mod packed;
mod permit;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod policy;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod rate;
mod retry_after;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod settle;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod state;
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod window;
mod window_counts;

use std::fmt;
use std::time::Duration;

pub use change::{ChangeReason, CircuitState};
pub use control::CircuitMetrics;
pub use keyed::{CircuitBreakers, CircuitBreakersMetrics, CircuitBreakersRef, KeyedCircuitBreaker};
pub(crate) use keyed::{KeyHash, KeyedPlace};
pub use listed::CircuitBreakerRef;
pub use listeners::{CountedFailure, StateChange};
pub(crate) use permit::Held;
pub use permit::{GuardedBy, Permit};
pub use window_counts::WindowCounts;

pub use crate::layer::deadline::OuterTimeout;
use crate::layer::site::Site;
use crate::support::clock;
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};
use crate::{Classify, Rejected, taxonomy::FromRejected};
use call::Call;
use inner::Inner;
use retry_after::RetryAfter;
use state::Ticket;

/// Rejects calls to a dependency after too many failures, to give it time to recover.
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
/// Tests of one binary share a `static`. The feature `testing` gives each test its own: see
/// `resilience::testing`.
///
/// # What counts
///
/// | result of the call | closed | half-open |
/// |---|---|---|
/// | success | resets the failure count, or is one more call in the window | the probe succeeded |
/// | a transient or unclassified error, or a timeout inside or around the call | a failure | opens again |
/// | a permanent or partial error: the callee answered | nothing | the probe succeeded |
/// | a fatal error, or a rejection by another layer | nothing | frees its slot |
/// | dropped by its caller after [`abandoned_after`](Self::abandoned_after), if that is set | a failure | opens again |
/// | dropped by its caller after longer than the limit for slow calls, if [that](Self::slow_calls) is set | a slow call | the probe was slow |
/// | otherwise dropped, panicked, or a nested call was rejected by this breaker | nothing | frees its slot, and adds one |
///
/// A result counts only in the state in which its call was admitted. A late success doesn't close a
/// circuit that has opened in the meantime, and a late failure isn't counted in the next round.
///
/// # States
///
/// *Closed* → *open* after `failure_threshold` consecutive failures, or at a
/// [failure rate](#failure-rates). *Open* → *half-open* with the first call after
/// `recovery_timeout`. *Half-open* admits `probes` calls: → *closed* when all have succeeded, →
/// *open* on the first failure; with a failure rate, the rate of all probes decides. A probe that doesn't finish counts as a failure and
/// loses its slot to the next caller. This happens after the recovery timeout, or after twice the
/// time that the enclosing `#[timeout]`s allow, whichever is longer, but after one day at most. So
/// a breaker can't get stuck because of a cancelled, panicked or hung call, or a clock that is set
/// back.
///
/// # Failure rates
///
/// Consecutive failures suit a callee with little traffic, or one that is down or not. A callee with
/// much traffic may fail half of its calls without failing five in a row.
/// [`failure_rate`](Self::failure_rate) judges the share of failed calls in a window:
///
/// ```
/// use resilience::{CircuitBreaker, secs};
///
/// static SEARCH: CircuitBreaker = CircuitBreaker::new("search")
///     .failure_rate(50) // percent
///     .window_time(secs(10)) // or `.window(100)`, the last 100 calls
///     .min_calls(20)
///     .slow_calls(secs(2), 80); // or if 80 % take longer than 2 s
/// ```
///
/// | | |
/// |---|---|
/// | what is in the window | every call that succeeded or failed, as in the table above. What counts as nothing isn't in it |
/// | when it is judged | after every recorded call, a successful one too |
/// | when it opens | at `min_calls` or more calls, with a rate of failures, or of slow calls, at or above the limit |
/// | window of calls | exactly the last N. While several threads report at once, their order is that in which they are counted |
/// | window of time | ten buckets: the current one, and the nine before. A call leaves after nine to ten tenths of the window |
/// | slow | took longer than the limit, not equal to it; from admission to result, in whole milliseconds. A failed call may be slow too |
/// | running | with [`slow_while_running`](Self::slow_while_running), a call counts as slow as soon as it has taken longer than the limit, and is noticed by the next call at most a quarter of the limit later |
/// | half-open | is judged when all `probes` have reported: reopens at or above a limit, else closes. `min_calls` doesn't matter |
/// | start of the window | empty whenever the circuit closes, or is [reset](Self::reset) |
///
/// # Cost
///
/// While closed and healthy, a call of a static costs two loads, no write and no clock read. A
/// breaker in a field moves its state to the heap with its first call through an attribute, so that
/// [`registry`](crate::registry()) finds it wherever the field moves; a call then costs two loads
/// more. All state changes are lock-free, except for listeners.
///
/// With a failure rate, and without slow calls:
///
/// | window | a success costs |
/// |---|---|
/// | of calls, full and without a failure | the same two loads |
/// | of calls, otherwise | a write to one to three words of the window |
/// | of time | a read of the clock, and a write to a word that only a part of the threads shares. The first call in a bucket adds up all buckets, and so does each success while the window has fewer than `min_calls` |
///
/// Slow calls read the clock twice. A window is allocated once, when the first call is recorded:
/// two bits for each call in it, or for a window of time 200 bytes, and 128 for each processor, up
/// to eight of them. In a [set](crate::CircuitBreakers), it is 328 bytes for each key that has one.
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
        // The result belongs to the state that admits the call, wherever it is reported.
        #[cfg(feature = "testing")]
        let this = isolation::current(self);
        #[cfg(not(feature = "testing"))]
        let this = self;
        let mut permit = Permit::vacant((), this);
        permit.request()?;
        Ok(permit)
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
        #[cfg(feature = "testing")]
        let this = isolation::current(self);
        #[cfg(not(feature = "testing"))]
        let this = self;
        if this.inner.core.register() {
            listed::list(this);
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
    fn inner(&self) -> &Inner {
        #[cfg(feature = "testing")]
        return &isolation::current(self).inner;
        #[cfg(not(feature = "testing"))]
        &self.inner
    }

    /// Requests admission to a static, which is listed then. Nearly every call that gets here is
    /// rejected by an open circuit that has been listed since long.
    #[cold]
    fn admit_listed(
        &'static self,
        longest: Option<Duration>,
        site: &'static Site,
    ) -> Result<Ticket, RetryAfter> {
        let inner = self.inner();
        match inner.core.rejects_if_listed(&inner.policy, clock::millis) {
            Some(left) => Err(inner.reject(Some(left), Some(site))),
            None => self.list_and_admit(longest, site),
        }
    }

    #[cold]
    #[inline(never)]
    fn list_and_admit(
        &'static self,
        longest: Option<Duration>,
        site: &'static Site,
    ) -> Result<Ticket, RetryAfter> {
        let inner = self.inner();
        if !inner.core.is_registered_here() {
            self.register();
        }
        self.inner().place().admit(longest, Some(site))
    }
}

/// What a retry asks the breaker inside it.
pub(crate) trait Guard: fmt::Debug + Sync {
    /// Whether a call would be rejected now because the circuit is open.
    fn would_reject(&self) -> bool;

    /// Whether this breaker made a rejection. Names don't tell, since several breakers may have
    /// one.
    fn has_rejected(&self, rejected: &Rejected) -> bool;
}

impl Guard for CircuitBreaker {
    fn would_reject(&self) -> bool {
        self.would_reject()
    }

    fn has_rejected(&self, rejected: &Rejected) -> bool {
        self.inner().has_rejected(rejected)
    }
}

#[cfg(feature = "testing")]
impl Isolate for CircuitBreaker {
    fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    fn fresh(&self) -> Self {
        let mut inner = Inner::new(self.inner.name);
        inner.policy = self.inner.policy;
        inner.set_mode(self.inner.policy.mode);
        Self { inner }
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
    pub use super::keyed::slot::{KeyHash, Owner};
    pub use super::policy::{Extent, Mode, Policy, Rate, Slow};
    pub use super::rate::RateMode;
    pub use super::state::{Admission, Core, Settled, Ticket, Verdict};
    pub use super::window::{Outcome, Quiet, TimeWindow, Window};

    /// Marks the deadline as expired, as an enclosing timeout does before it drops the call.
    pub fn fire(deadline: &crate::layer::deadline::Deadline<'_>) {
        deadline.fire();
    }
}
