//! Stops calling a dependency that doesn't work, and finds out when it works again.

mod admit;
mod builder;
mod call;
mod change;
mod control;
mod counter;
mod events;
pub(super) mod listed;
mod listeners;
mod packed;
mod permit;
mod policy;
mod settle;
mod state;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use change::{ChangeReason, CircuitState};
pub use control::CircuitMetrics;
pub use listed::CircuitBreakerRef;
pub use listeners::{CountedFailure, StateChange};
pub use permit::Permit;

use crate::support::clock;
use crate::{Classify, Rejected, taxonomy::FromRejected};
use call::Call;
use change::Change;
use counter::Counter;
use listeners::Listeners;
use policy::{LONGEST, Policy};
use state::{Core, Ticket, Verdict};

/// Rejects calls to a dependency that has failed too often in a row, until it has had time to
/// recover.
///
/// One breaker belongs to one dependency: a `static`, a field, or an [`Arc`](std::sync::Arc). Every
/// function that calls the dependency names it, as `#[circuit_breaker(INVENTORY)]`, or goes through
/// [`call`](Self::call). The name is only a label for logs; two breakers of one name share nothing.
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
/// | a call ends with | closed | half-open |
/// |---|---|---|
/// | success | forgets the failures | a probe that succeeded |
/// | a transient or unclassified error, or a timeout below or above | a failure | opens again |
/// | a permanent or partial error: the callee answered | nothing | a probe that succeeded |
/// | a fatal error, a rejection by another layer | nothing | gives its slot back |
/// | it was dropped, it panicked, or this breaker rejected a call further in | nothing | gives its slot back, and there is one more |
///
/// A result counts only in the state in which its call was admitted: a late success doesn't close a
/// circuit that opened meanwhile, and a late failure isn't counted in the next round.
///
/// # States
///
/// *Closed* → *open* after `failure_threshold` failures in a row. *Open* → *half-open* with the
/// first call after `recovery_timeout`. *Half-open* admits `probes` calls; when all have succeeded
/// → *closed*, with the first failure → *open*. A probe that doesn't end loses its slot to the next
/// caller after the recovery timeout or twice the time that the `#[timeout]`s of its nest leave it,
/// whichever is longer, but a day at most, and counts as a failure. So no cancelled, panicked or
/// hung call can wedge a breaker, and no clock that is put back can.
///
/// # Cost
///
/// While closed and healthy: two loads, no write, no clock. All changes are lock-free, except for
/// listeners.
pub struct CircuitBreaker {
    name: &'static str,
    core: Core<AtomicU64>,
    policy: Policy,
    counted_failures: AtomicU64,
    opened: AtomicU64,
    rejected: Counter,
    listeners: Listeners,
}

impl CircuitBreaker {
    /// Asks to make a call now; the permit takes its result.
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
    /// A permit that is dropped counts as nothing.
    ///
    /// # Errors
    ///
    /// [`Rejected::CircuitOpen`] while the circuit is open, or half-open with every probe under
    /// way.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, Rejected> {
        self.acquire_for(None)
    }

    /// The same, and says how long the call may take: a probe is given twice that before it counts
    /// as lost, and a day at most, so that a call without a limit that matters can't be waited
    /// for without one either.
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire).
    #[doc(hidden)]
    #[inline]
    pub fn acquire_for(&self, longest: Option<Duration>) -> Result<Permit<'_>, Rejected> {
        // Both ways lead to a ticket in a register; a permit from either would be put together in
        // memory.
        let ticket = match self.core.enter_closed() {
            Some((ticket, _)) => ticket,
            None => self.admit(longest).map_err(|wait| self.rejection(wait))?,
        };
        Ok(Permit::new(self, ticket))
    }

    /// The same for a static, which is listed in [`registry`](crate::registry()) with its first call.
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire).
    #[doc(hidden)]
    #[inline]
    pub fn acquire_static(
        &'static self,
        longest: Option<Duration>,
    ) -> Result<Permit<'static>, Rejected> {
        let ticket = match self.core.enter_closed() {
            Some((ticket, true)) => ticket,
            _ => self.admit_static(longest).map_err(|wait| self.rejection(wait))?,
        };
        Ok(Permit::new(self, ticket))
    }

    /// Lists this breaker in [`registry`](crate::registry()), where it would otherwise appear with the
    /// first call through an attribute.
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
    /// A breaker in an `Arc` is listed by [`Registry::watch`](crate::registry::Registry::watch).
    pub fn register(&'static self) {
        if self.core.register() {
            listed::list(self);
        }
    }

    /// Makes a call, if it may be made, and takes its result.
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
    /// The future is dropped unpolled when the call is rejected. Dropping the returned future drops
    /// the call, which then counts as nothing.
    ///
    /// # Errors
    ///
    /// The future's own error, or the rejection as one: [`Rejected::CircuitOpen`].
    #[inline]
    pub fn call<T, E, F>(&self, future: F) -> impl Future<Output = Result<T, E>>
    where
        E: Classify + FromRejected,
        F: Future<Output = Result<T, E>>,
    {
        Call::new(self, future)
    }

    /// Whether a call that came now would be rejected for coming too early; asks for nothing and
    /// changes nothing.
    ///
    /// ```
    /// let breaker = resilience::CircuitBreaker::new("inventory");
    /// assert!(!breaker.would_reject());
    /// breaker.force_open();
    /// assert!(breaker.would_reject());
    /// ```
    ///
    /// True while open and the recovery timeout isn't over, and while forced open. In half-open it
    /// is false, though a call that finds every probe under way is rejected.
    pub fn would_reject(&self) -> bool {
        self.core.would_reject(&self.policy, clock::millis)
    }

    #[cold]
    fn admit_static(&'static self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        self.register();
        self.admit_or_reject(longest)
    }

    #[cold]
    fn admit(&self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        self.admit_or_reject(longest)
    }

    /// Nearly every call that gets here is rejected by an open circuit.
    #[inline]
    fn admit_or_reject(&self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        match self.core.rejects_for(&self.policy, clock::millis) {
            Some(left) => Err(self.reject(Some(left))),
            None => self.admit_slowly(longest),
        }
    }

    #[cold]
    fn admit_slowly(&self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        let lease_length = longest.map_or(0, millis).min(LONGEST / 2);
        let admission = self.core.admit(&self.policy, lease_length, clock::millis);
        let lost = admission.change.is_some_and(|change| change.reason == ChangeReason::ProbeLost);
        self.report(lost.then_some((LOST, 1)), admission.change);
        admission.ticket.map_err(|wait| self.reject(wait))
    }

    #[inline]
    fn reject(&self, wait: Option<u64>) -> RetryAfter {
        self.rejected.increment();
        let retry_after = RetryAfter(wait.unwrap_or(u64::MAX));
        events::rejected(self.name, retry_after);
        retry_after
    }

    /// Made where the call is: one that was handed up to there would be copied each time, right
    /// after it was written.
    #[inline]
    const fn rejection(&self, retry_after: RetryAfter) -> Rejected {
        Rejected::circuit_open(self.name, retry_after.duration())
    }

    #[cold]
    fn settle_slowly(&self, ticket: Ticket, verdict: Verdict, code: &'static str) {
        let settled = self.core.settle(&self.policy, ticket, verdict, clock::millis);
        self.report(settled.failures.map(|failures| (code, failures)), settled.change);
    }

    /// Tells everybody who wants to know: a failure first, then what it led to.
    fn report(&self, failure: Option<(&'static str, u64)>, change: Option<Change>) {
        if let Some((code, consecutive)) = failure {
            self.counted_failures.fetch_add(1, Relaxed);
            let failure = CountedFailure { service: self.name, code, consecutive };
            events::failure(&failure);
            self.listeners.failure(&failure);
        }
        if let Some(Change { old, new, reason }) = change {
            if new == CircuitState::Open {
                self.opened.fetch_add(1, Relaxed);
            }
            let change = StateChange { service: self.name, old, new, reason };
            events::state_change(&change);
            self.listeners.state_change(&change);
        }
    }
}

/// The code of a call that a deadline gave up, or that never came back.
const LOST: &str = "NETWORK_TIMEOUT";

/// When a rejected call may come back, in milliseconds; `u64::MAX` where it can't be told. Together
/// with whether the call was rejected it fits into two registers.
#[derive(Debug, Clone, Copy)]
struct RetryAfter(u64);

impl RetryAfter {
    #[inline]
    const fn duration(self) -> Option<Duration> {
        match self.0 {
            u64::MAX => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }
}

/// Rounded up, since a wait of less than a millisecond isn't none.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name)
            .field("metrics", &self.metrics())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The lock-free core, for the model checker, and what the tests can't do from outside.
pub mod internals {
    pub use super::change::Change;
    pub use super::policy::Policy;
    pub use super::state::{Admission, Core, Settled, Ticket, Verdict};

    /// Does what a timeout above does before it drops the call.
    pub fn fire(deadline: &crate::layer::deadline::Deadline<'_>) {
        deadline.fire();
    }
}
