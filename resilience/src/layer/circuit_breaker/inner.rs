//! The state of a breaker, and what its calls do with it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::change::{Change, ChangeReason, CircuitState};
use super::history::History;
use super::key_text::KeyText;
use super::listeners::{CountedFailure, StateChange};
use super::packed::Packed;
use super::policy::{LONGEST, Mode, Policy, Rate};
use super::rate::RateMode;
use super::retry_after::{RetryAfter, millis};
use super::state::{Core, Settled, Ticket, Verdict};
use super::window::{Quiet, Window, stripes};
use super::window_counts::WindowCounts;
use super::{CircuitBreaker, events, listed};
use crate::Rejected;
use crate::layer::context;
use crate::layer::deadline::Deadline;
use crate::layer::site::Site;
#[cfg(feature = "metrics")]
use crate::observe::metrics::BreakerMetrics;
use crate::support::clock;
#[cfg(feature = "testing")]
use crate::support::isolation::Identity;

/// Everything that [`CircuitBreaker`] consists of.
///
/// A breaker in a field can move, so [`registry`](crate::registry()) can't refer to it. With its
/// first call through an attribute, its state moves to the heap, where it stays. A static keeps its
/// state in place.
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) core: Core<AtomicU64>,
    pub(super) policy: Policy,
    /// Only used in rate mode. Shared with the place on the heap, as the history is.
    window: OnceLock<Arc<Window<AtomicU64>>>,
    /// Created when the first thing happens that is counted. Shared with the place on the heap, so
    /// nothing is lost while the state moves.
    history: OnceLock<Arc<History>>,
    /// The place on the heap. In use once the core [has moved](Core::has_moved).
    moved_to: OnceLock<Arc<CircuitBreaker>>,
    /// Only that of a breaker in a set has a text.
    key: KeyText,
    /// Whether there are so many that a window must be small.
    is_in_set: bool,
    #[cfg(feature = "testing")]
    pub(super) identity: Identity,
    #[cfg(feature = "metrics")]
    pub(super) metrics: BreakerMetrics,
}

impl Inner {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            core: Core::new(),
            policy: Policy::new(),
            window: OnceLock::new(),
            history: OnceLock::new(),
            moved_to: OnceLock::new(),
            key: KeyText::none(),
            is_in_set: false,
            #[cfg(feature = "testing")]
            identity: Identity::new(),
            #[cfg(feature = "metrics")]
            metrics: BreakerMetrics::new(),
        }
    }

    /// A breaker of a set, which belongs to no key yet. What happens is counted for the set.
    pub(super) fn vacant(name: &'static str, policy: Policy, history: Arc<History>) -> Self {
        Self {
            core: Core::vacant(),
            policy,
            history: OnceLock::from(history),
            is_in_set: true,
            #[cfg(feature = "testing")]
            identity: Identity::never_replaced(),
            ..Self::new(name)
        }
    }

    pub(super) fn set_key(&self, text: Option<String>) {
        self.key.set(text);
    }

    /// Where the state is.
    #[inline]
    pub(super) fn place(&self) -> &Self {
        self.on_heap().map_or(self, |breaker| &breaker.inner)
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
                policy: self.policy,
                window: match &self.policy.mode {
                    Mode::Rate(rate) => OnceLock::from(Arc::clone(self.window(rate))),
                    Mode::Consecutive { .. } => OnceLock::new(),
                },
                history: OnceLock::from(Arc::clone(self.history())),
                #[cfg(feature = "testing")]
                identity: self.identity.of_moved(),
                #[cfg(feature = "metrics")]
                metrics: BreakerMetrics::new(),
                ..Self::new(self.name)
            },
        });
        // One thread moves the state. Calls of other threads go on here until it has done so.
        if self.moved_to.set(Arc::clone(&place)).is_ok() && self.core.move_to(&place.inner.core) {
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
        place.on_heap().map_or(found, |breaker| read(&breaker.inner))
    }

    pub(super) fn set(&self, state: CircuitState) {
        let change = self.core.set(&self.policy.mode, state);
        if let (None, Some(breaker)) = (change, self.on_heap()) {
            return breaker.inner.set(state);
        }
        self.report(None, change, None, None);
    }

    /// Whether this breaker made a rejection, here or in its new place.
    pub(super) fn has_rejected(&self, rejected: &Rejected) -> bool {
        rejected.is_by(self)
            || self.moved_to.get().is_some_and(|place| rejected.is_by(&place.inner))
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
    #[inline(never)]
    fn admit_slowly(
        &self,
        longest: Option<Duration>,
        site: Option<&'static Site>,
    ) -> Result<Ticket, RetryAfter> {
        let lease_length = longest.map_or(0, millis).min(LONGEST / 2);
        let admission = self.core.admit(&self.policy, lease_length, clock::millis);
        if admission.is_plain_rejection() {
            if let Some(breaker) = self.on_heap() {
                return breaker.inner.admit_or_reject(longest, site);
            }
        }
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
        let Some((change, counts)) = self.core.watch(&self.rate_mode(rate), ticket) else {
            return Ok(ticket);
        };
        self.report(None, Some(change), Some(counts), site);
        Err(self.reject(self.core.rejects_for(&self.policy, clock::millis), site))
    }

    fn window(&self, rate: &Rate) -> &Arc<Window<AtomicU64>> {
        self.window.get_or_init(|| {
            let stripes = if self.is_in_set { 1 } else { stripes() };
            Arc::new(Window::new(rate, stripes, || AtomicU64::new(0)))
        })
    }

    fn rate_mode<'a>(&'a self, rate: &'a Rate) -> RateMode<'a, AtomicU64> {
        RateMode { policy: &self.policy, rate, window: self.window(rate) }
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
    pub(super) fn reject(&self, wait: Option<u64>, site: Option<&Site>) -> RetryAfter {
        self.history().rejected.increment();
        context::note_rejected_inside();
        let retry_after = RetryAfter(wait.unwrap_or(u64::MAX));
        events::rejected(self.name, &self.key, site, retry_after);
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
        if verdict == Verdict::Success && self.succeed_quietly(ticket, site) {
            return;
        }
        let (policy, now) = (&self.policy, clock::millis);
        let settled = match &policy.mode {
            Mode::Consecutive { failures } => {
                self.core.settle(policy, *failures, ticket.without_time(), verdict, now)
            }
            Mode::Rate(rate) => self.settle_rate(rate, ticket, verdict),
        };
        if settled.is_late {
            if let Some(breaker) = self.on_heap() {
                return breaker.inner.settle_slowly(ticket, verdict, code, site);
            }
        }
        let Settled { failures, change, window, .. } = settled;
        self.report(failures.map(|failures| (code, failures)), change, window, site);
    }

    /// Records a success in rate mode, if it can't open the circuit. Nearly every call.
    #[inline]
    fn succeed_quietly(&self, ticket: Ticket, site: Option<&'static Site>) -> bool {
        let Mode::Rate(rate) = &self.policy.mode else { return false };
        let mode = self.rate_mode(rate);
        match self.core.succeed_quietly(&mode, ticket, clock::millis) {
            Quiet::Recorded => true,
            Quiet::NotRecorded => false,
            Quiet::RecordedUnjudged => {
                let settled = self.core.judge_success(&mode, ticket, clock::millis);
                let Settled { change, window, .. } = self.settled_here(&mode, ticket, settled);
                self.report(None, change, window, site);
                true
            }
        }
    }

    fn settle_rate(&self, rate: &Rate, ticket: Ticket, verdict: Verdict) -> Settled {
        let (mode, now) = (self.rate_mode(rate), clock::millis);
        // Also after the state has moved, so that a result is recorded at once and as a whole.
        let is_current = || self.place().core.is_in(ticket.without_time());
        let settled = self.core.settle_rate(&mode, ticket, verdict, now, is_current);
        self.settled_here(&mode, ticket, settled)
    }

    /// What was recorded here, and judged again where the state is if that has moved meanwhile.
    fn settled_here(
        &self,
        mode: &RateMode<'_, AtomicU64>,
        ticket: Ticket,
        settled: Settled,
    ) -> Settled {
        match (self.on_heap(), settled) {
            (Some(breaker), Settled { window: Some(_), change: None, .. }) => {
                match breaker.inner.core.judge_moved(mode, ticket, clock::millis) {
                    Some((change, window)) => {
                        Settled { change: Some(change), window: Some(window), ..settled }
                    }
                    None => settled,
                }
            }
            (_, settled) => settled,
        }
    }

    /// Settles a call that was dropped without a result, under this deadline if it has one.
    #[cold]
    pub(super) fn dropped(
        &self,
        ticket: Ticket,
        deadline: Option<&Deadline<'_>>,
        site: Option<&'static Site>,
    ) {
        let timed_out = deadline.is_some_and(Deadline::fired);
        // A panic has its own record, and says nothing about the callee.
        let is_abandoned = !timed_out && !std::thread::panicking();
        let mut counts = timed_out;
        if is_abandoned {
            self.history().abandoned.fetch_add(1, Relaxed);
            let waited = deadline.map_or_else(|| waited_since(ticket), Deadline::waited);
            let limit = self.policy.abandoned_after.map(Duration::from_millis);
            counts = limit.zip(waited).is_some_and(|(limit, waited)| waited >= limit);
            // The breaker of a set may belong to another key by now.
            let key =
                if self.core.is_in(ticket.without_time()) { &self.key } else { &KeyText::none() };
            events::abandoned(self.name, key, site, waited, counts);
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

    /// Emits events and calls the listeners: first for the failure, then for the resulting change.
    pub(super) fn report(
        &self,
        failure: Option<(&'static str, u64)>,
        change: Option<Change>,
        window: Option<WindowCounts>,
        site: Option<&Site>,
    ) {
        if let Some((code, consecutive)) = failure {
            self.history().counted_failures.fetch_add(1, Relaxed);
            let failure = CountedFailure { service: self.name, code, consecutive, window };
            events::failure(&failure, &self.key, site);
            self.history().listeners.failure(&failure);
        }
        if let Some(Change { old, new, reason }) = change {
            if new == CircuitState::Open {
                self.history().opened.fetch_add(1, Relaxed);
            }
            let change = StateChange { service: self.name, old, new, reason, window };
            events::state_change(&change, &self.key, site);
            self.history().listeners.state_change(&change);
        }
    }
}

/// How long a call has waited that has no deadline, if its ticket knows when it began.
fn waited_since(ticket: Ticket) -> Option<Duration> {
    let began = ticket.time()?;
    Some(Duration::from_millis(clock::millis().saturating_sub(began)))
}

/// The code of a call that was cancelled by a deadline, or that never returned.
pub(super) const LOST: &str = "NETWORK_TIMEOUT";
