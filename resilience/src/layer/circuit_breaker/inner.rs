//! The state of a breaker, and what its calls do with it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::change::{Change, ChangeReason, CircuitState};
use super::history::History;
use super::listeners::{CountedFailure, StateChange};
use super::policy::{LONGEST, Policy};
use super::retry_after::{RetryAfter, millis};
use super::state::{Core, Ticket, Verdict};
use super::{CircuitBreaker, events, listed};
use crate::Rejected;
use crate::layer::site::Site;
use crate::support::clock;

/// Everything that [`CircuitBreaker`] consists of.
///
/// A breaker in a field can move, so [`registry`](crate::registry()) can't refer to it. With its
/// first call through an attribute, its state moves to the heap, where it stays. A static keeps its
/// state in place.
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) core: Core<AtomicU64>,
    pub(super) policy: Policy,
    /// Created when the first thing happens that is counted. Shared with the place on the heap, so
    /// nothing is lost while the state moves.
    history: OnceLock<Arc<History>>,
    /// The place on the heap. In use once the core [has moved](Core::has_moved).
    moved_to: OnceLock<Arc<CircuitBreaker>>,
}

impl Inner {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            core: Core::new(),
            policy: Policy::new(),
            history: OnceLock::new(),
            moved_to: OnceLock::new(),
        }
    }

    /// Where the state is.
    #[inline]
    pub(super) fn place(&self) -> &Self {
        self.on_heap().map_or(self, CircuitBreaker::inner)
    }

    /// The breaker that has the state, if it moved to the heap.
    #[inline]
    pub(super) fn on_heap(&self) -> Option<&CircuitBreaker> {
        if self.core.has_moved() { self.moved_to.get().map(|breaker| &**breaker) } else { None }
    }

    /// Moves the state to the heap, and lists it there.
    #[cold]
    pub(super) fn move_to_heap(&self) {
        let place = Arc::new(CircuitBreaker {
            inner: Self {
                name: self.name,
                core: Core::new(),
                policy: self.policy,
                history: OnceLock::from(Arc::clone(self.history())),
                moved_to: OnceLock::new(),
            },
        });
        // One thread moves the state. Calls of other threads go on here until it has done so.
        if self.moved_to.set(Arc::clone(&place)).is_ok() && self.core.move_to(&place.inner().core) {
            listed::list_on_heap(&place);
        }
    }

    /// What has been counted, if anything has.
    pub(super) fn known_history(&self) -> Option<&History> {
        self.history.get().map(|history| &**history)
    }

    #[inline]
    pub(super) fn history(&self) -> &Arc<History> {
        self.history.get_or_init(|| Arc::new(History::new()))
    }

    /// Reads the state: again if it moved in the meantime.
    pub(super) fn read<R>(&self, read: impl Fn(&Self) -> R) -> R {
        let place = self.place();
        let found = read(place);
        place.on_heap().map_or(found, |breaker| read(breaker.inner()))
    }

    pub(super) fn set(&self, state: CircuitState) {
        let change = self.core.set(state);
        if let (None, Some(breaker)) = (change, self.on_heap()) {
            return breaker.inner().set(state);
        }
        self.report(None, change, None);
    }

    /// Whether this breaker made a rejection, here or in its new place.
    pub(super) fn has_rejected(&self, rejected: &Rejected) -> bool {
        rejected.is_by(self)
            || self.moved_to.get().is_some_and(|place| rejected.is_by(place.inner()))
    }

    #[inline]
    pub(super) fn enter(
        &self,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        match self.core.enter_closed() {
            Some((ticket, _)) => Ok(ticket),
            None => self.admit(longest, site),
        }
    }

    #[cold]
    pub(super) fn admit(
        &self,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        self.admit_or_reject(longest, site)
    }

    /// Nearly every call that gets here is rejected by an open circuit.
    #[inline]
    fn admit_or_reject(
        &self,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        match self.core.rejects_for(&self.policy, clock::millis) {
            Some(left) => Err(self.reject(Some(left), site)),
            None => self.admit_slowly(longest, site),
        }
    }

    #[cold]
    fn admit_slowly(
        &self,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        let lease_length = longest.map_or(0, millis).min(LONGEST / 2);
        let admission = self.core.admit(&self.policy, lease_length, clock::millis);
        if admission.is_plain_rejection() {
            if let Some(breaker) = self.on_heap() {
                return breaker.inner().admit_or_reject(longest, site);
            }
        }
        let lost = admission.change.is_some_and(|change| change.reason == ChangeReason::ProbeLost);
        self.report(lost.then_some((LOST, 1)), admission.change, site);
        admission.ticket.map_err(|wait| self.reject(wait, site))
    }

    #[inline]
    fn reject(&self, wait: Option<u64>, site: Option<&Site>) -> RetryAfter {
        self.history().rejected.increment();
        let retry_after = RetryAfter(wait.unwrap_or(u64::MAX));
        events::rejected(self.name, site, retry_after);
        retry_after
    }

    /// Inlined into the caller. Returning the rejection up the stack would copy it at each level,
    /// right after it was written.
    #[inline]
    pub(super) fn rejection(&self, retry_after: RetryAfter) -> Rejected {
        Rejected::by(self, self.name, retry_after.duration())
    }

    #[cold]
    pub(super) fn settle_slowly(
        &self,
        ticket: Ticket,
        verdict: Verdict,
        code: &'static str,
        site: Option<&'static Site>,
    ) {
        let settled = self.core.settle(&self.policy, ticket, verdict, clock::millis);
        if settled.is_late {
            if let Some(breaker) = self.on_heap() {
                return breaker.inner().settle_slowly(ticket, verdict, code, site);
            }
        }
        self.report(settled.failures.map(|failures| (code, failures)), settled.change, site);
    }

    /// Settles a call that was dropped without a result, after this time if it is known.
    #[cold]
    pub(super) fn dropped(
        &self,
        ticket: Ticket,
        timed_out: bool,
        waited: impl FnOnce() -> Option<Duration>,
        site: Option<&'static Site>,
    ) {
        // A panic has its own record, and says nothing about the callee.
        let is_abandoned = !timed_out && !std::thread::panicking();
        let mut counts = timed_out;
        if is_abandoned {
            self.history().abandoned.fetch_add(1, Relaxed);
            let waited = waited();
            let limit = self.policy.abandoned_after.map(Duration::from_millis);
            counts = limit.zip(waited).is_some_and(|(limit, waited)| waited >= limit);
            events::abandoned(self.name, site, waited, counts);
        }
        let verdict = if counts { Verdict::Failure } else { Verdict::Interrupted };
        if counts || !ticket.is_closed() {
            self.settle_slowly(ticket, verdict, LOST, site);
        }
    }

    /// When a call begins, if that is needed, in nanoseconds, and otherwise 0.
    #[inline]
    pub(super) fn began(&self) -> u64 {
        match self.policy.abandoned_after {
            Some(_) => clock::to_nanos(tokio::time::Instant::now()),
            None => 0,
        }
    }

    /// Emits events and calls the listeners: first for the failure, then for the resulting change.
    pub(super) fn report(
        &self,
        failure: Option<(&'static str, u64)>,
        change: Option<Change>,
        site: Option<&Site>,
    ) {
        if let Some((code, consecutive)) = failure {
            self.history().counted_failures.fetch_add(1, Relaxed);
            let failure = CountedFailure { service: self.name, code, consecutive };
            events::failure(&failure, site);
            self.history().listeners.failure(&failure);
        }
        if let Some(Change { old, new, reason }) = change {
            if new == CircuitState::Open {
                self.history().opened.fetch_add(1, Relaxed);
            }
            let change = StateChange { service: self.name, old, new, reason };
            events::state_change(&change, site);
            self.history().listeners.state_change(&change);
        }
    }
}

/// The code of a call that was cancelled by a deadline, or that never returned.
pub(super) const LOST: &str = "NETWORK_TIMEOUT";
