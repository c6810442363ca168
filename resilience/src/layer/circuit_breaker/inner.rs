//! The state of a breaker, and what its calls do with it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::change::{Change, ChangeReason, CircuitState};
use super::counter::Counter;
use super::events;
use super::listeners::{CountedFailure, Listeners, StateChange};
use super::policy::{LONGEST, Policy};
use super::retry_after::{RetryAfter, millis};
use super::state::{Core, Ticket, Verdict};
use crate::Rejected;
use crate::layer::site::Site;
use crate::support::clock;

/// Everything that [`CircuitBreaker`](super::CircuitBreaker) consists of.
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) core: Core<AtomicU64>,
    pub(super) policy: Policy,
    pub(super) counted_failures: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) rejected: Counter,
    pub(super) abandoned: AtomicU64,
    pub(super) listeners: Listeners,
}

impl Inner {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            core: Core {
                state: AtomicU64::new(0),
                lease: AtomicU64::new(0),
                lease_length: AtomicU64::new(0),
                reopened: AtomicU64::new(0),
            },
            policy: Policy::new(),
            counted_failures: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            rejected: Counter::new(),
            abandoned: AtomicU64::new(0),
            listeners: Listeners::new(),
        }
    }

    pub(super) fn would_reject(&self) -> bool {
        self.core.would_reject(&self.policy, clock::millis)
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
    pub(super) fn admit_or_reject(
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
        let lost = admission.change.is_some_and(|change| change.reason == ChangeReason::ProbeLost);
        self.report(lost.then_some((LOST, 1)), admission.change, site);
        admission.ticket.map_err(|wait| self.reject(wait, site))
    }

    #[inline]
    fn reject(&self, wait: Option<u64>, site: Option<&Site>) -> RetryAfter {
        self.rejected.increment();
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
            self.abandoned.fetch_add(1, Relaxed);
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
            self.counted_failures.fetch_add(1, Relaxed);
            let failure = CountedFailure { service: self.name, code, consecutive };
            events::failure(&failure, site);
            self.listeners.failure(&failure);
        }
        if let Some(Change { old, new, reason }) = change {
            if new == CircuitState::Open {
                self.opened.fetch_add(1, Relaxed);
            }
            let change = StateChange { service: self.name, old, new, reason };
            events::state_change(&change, site);
            self.listeners.state_change(&change);
        }
    }
}

/// The code of a call that was cancelled by a deadline, or that never returned.
pub(super) const LOST: &str = "NETWORK_TIMEOUT";
