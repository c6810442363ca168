//! The state of a breaker, and what its calls do with it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::change::{Change, ChangeReason, CircuitState};
use super::counter::Counter;
use super::events;
use super::listeners::{CountedFailure, Listeners, StateChange};
use super::packed::Packed;
use super::policy::{LONGEST, Mode, Policy, Rate};
use super::retry_after::{RetryAfter, millis};
use super::state::{Core, Settled, Ticket, Verdict};
use super::window::{Window, WindowCounts};
use crate::Rejected;
use crate::layer::site::Site;
use crate::support::clock;

/// Everything that [`CircuitBreaker`](super::CircuitBreaker) consists of.
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) core: Core<AtomicU64>,
    pub(super) policy: Policy,
    /// Only used in rate mode.
    window: OnceLock<Arc<Window<AtomicU64>>>,
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
            window: OnceLock::new(),
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
        let lost = lost.then_some((LOST, u64::from(!self.is_in_rate_mode())));
        self.report(lost, admission.change, None, site);
        let ticket = admission.ticket.map_err(|wait| self.reject(wait, site))?;
        match &self.policy.mode {
            Mode::Rate(rate) if rate.slow.is_some_and(|slow| slow.while_running) => {
                self.watch(rate, ticket, site)
            }
            _ => Ok(ticket),
        }
    }

    /// Judges the calls that are still running. If that opens the circuit, this call is rejected.
    fn watch(
        &self,
        rate: &Rate,
        ticket: Ticket,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        let Some((change, counts)) = self.core.watch(&self.policy, rate, self.window(rate), ticket)
        else {
            return Ok(ticket);
        };
        self.report(None, Some(change), Some(counts), site);
        Err(self.reject(self.core.rejects_for(&self.policy, clock::millis), site))
    }

    fn window(&self, rate: &Rate) -> &Window<AtomicU64> {
        self.window.get_or_init(|| Arc::new(Window::new(rate, || AtomicU64::new(0))))
    }

    /// Only while the breaker is built.
    pub(super) const fn set_mode(&mut self, mode: Mode) {
        self.core.state = AtomicU64::new(Packed::initial(&mode));
        self.policy.mode = mode;
    }

    pub(super) const fn is_in_rate_mode(&self) -> bool {
        matches!(self.policy.mode, Mode::Rate(_))
    }

    /// The calls in the window, in rate mode.
    pub(super) fn window_counts(&self) -> Option<WindowCounts> {
        let Mode::Rate(_) = self.policy.mode else { return None };
        let generation = self.core.generation();
        let counts = self.window.get().map(|window| window.counts(generation, clock::millis));
        Some(counts.unwrap_or_default())
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
        let (policy, now) = (&self.policy, clock::millis);
        let Settled { failures, change, window } = match &policy.mode {
            Mode::Consecutive { failures } => {
                self.core.settle(policy, *failures, ticket, verdict, now)
            }
            Mode::Rate(rate) => {
                self.core.settle_rate(policy, rate, self.window(rate), ticket, verdict, now)
            }
        };
        self.report(failures.map(|failures| (code, failures)), change, window, site);
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
        let verdict = match (counts, is_abandoned) {
            (true, _) => Verdict::Failure,
            (false, true) => Verdict::Abandoned,
            (false, false) => Verdict::Interrupted,
        };
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
        window: Option<WindowCounts>,
        site: Option<&Site>,
    ) {
        if let Some((code, consecutive)) = failure {
            self.counted_failures.fetch_add(1, Relaxed);
            let failure = CountedFailure { service: self.name, code, consecutive, window };
            events::failure(&failure, site);
            self.listeners.failure(&failure);
        }
        if let Some(Change { old, new, reason }) = change {
            if new == CircuitState::Open {
                self.opened.fetch_add(1, Relaxed);
            }
            let change = StateChange { service: self.name, old, new, reason, window };
            events::state_change(&change, site);
            self.listeners.state_change(&change);
        }
    }
}

/// The code of a call that was cancelled by a deadline, or that never returned.
pub(super) const LOST: &str = "NETWORK_TIMEOUT";
