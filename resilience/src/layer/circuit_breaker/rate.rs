//! Applies the results of calls in rate mode.
//!
//! While a window of calls is full of successes, one more changes nothing. The state then has the
//! payload 0, and a success only loads it, as in consecutive mode. A failure is recorded first, and
//! then gives the state a payload that it never had before. So who makes it 0 knows that no failure
//! has been recorded since it looked at the window. A success that still finds 0 comes before the
//! failures that are being recorded at that time.

use std::cell::Cell;

use super::change::{Change, ChangeReason, CircuitState};
use super::packed::Packed;
use super::policy::{Policy, Rate};
use super::state::{Core, Settled, Ticket, Verdict, change};
use super::window::{Outcome, Quiet, Window};
use super::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

const GOOD: Outcome = Outcome { failed: false, slow: false };
const LATE: Settled = Settled { is_late: true, failures: None, window: None, change: None };

/// The settings of a breaker in rate mode, and where it records results.
#[derive(Debug)]
pub struct RateMode<'a, W> {
    /// All settings.
    pub policy: &'a Policy,
    /// Those of the rate.
    pub rate: &'a Rate,
    /// The calls in the window.
    pub window: &'a Window<W>,
}

impl<W: AtomicWord> Core<W> {
    /// Records a success that isn't timed and can't open the circuit, without a look at the other
    /// calls.
    #[inline]
    pub fn succeed_quietly(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        now: impl FnOnce() -> u64,
    ) -> Quiet {
        let found = Packed(self.state.load());
        if mode.rate.slow.is_some() || found.ticket() != ticket.packed().ticket() || !counts(found)
        {
            return Quiet::NotRecorded;
        }
        self.record_quietly(mode, found, ticket, now)
    }

    #[inline]
    fn record_quietly(
        &self,
        mode: &RateMode<'_, W>,
        found: Packed,
        ticket: Ticket,
        now: impl FnOnce() -> u64,
    ) -> Quiet {
        if !mode.window.is_settled(ticket.generation()) {
            return mode.window.record_quietly(ticket.generation(), now);
        }
        // From now on, a success that isn't timed loads only the state. If a failure has been
        // recorded since the state was loaded, it has another mark, and stays as it is.
        if mode.rate.slow.is_none() {
            let _ = self.replace(found, found.settled());
        }
        Quiet::Recorded
    }

    /// Judges the calls after a success that was recorded without it.
    #[cold]
    pub fn judge_success(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        now: impl Fn() -> u64,
    ) -> Settled {
        let counts = mode.window.counts(ticket.generation(), &now);
        self.judge_window(mode, ticket, GOOD, counts, now)
    }

    /// Records the result of a call. `is_current` returns whether the ticket's generation isn't
    /// over, wherever the state is by now.
    #[inline]
    pub fn settle_rate(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        verdict: Verdict,
        now: impl Fn() -> u64,
        is_current: impl Fn() -> bool,
    ) -> Settled {
        let found = Packed(self.state.load());
        if found.ticket() != ticket.packed().ticket() {
            return LATE;
        }
        // Nearly every call of a healthy breaker.
        if verdict == Verdict::Success && mode.rate.slow.is_none() && counts(found) {
            return self.record(mode, found, ticket, GOOD, once(now), is_current);
        }
        self.settle_rate_slowly(mode, found, (ticket, verdict), now, is_current)
    }

    #[cold]
    fn settle_rate_slowly(
        &self,
        mode: &RateMode<'_, W>,
        found: Packed,
        (ticket, verdict): (Ticket, Verdict),
        now: impl Fn() -> u64,
        is_current: impl Fn() -> bool,
    ) -> Settled {
        let once = once(&now);
        let was_slow = mode.rate.slow.is_some_and(|slow| {
            once().saturating_sub(ticket.packed().payload()) > slow.longer_than
        });
        let outcome = match verdict {
            Verdict::Success => Some(Outcome { failed: false, slow: was_slow }),
            Verdict::Failure => Some(Outcome { failed: true, slow: was_slow }),
            Verdict::Abandoned if was_slow => Some(Outcome { failed: false, slow: true }),
            Verdict::RejectedByCallee
            | Verdict::Nothing
            | Verdict::Interrupted
            | Verdict::Abandoned => None,
        };
        if counts(found) {
            mode.window.ended(ticket.generation(), ticket.packed().payload(), &is_current);
            let Some(outcome) = outcome else { return Settled::default() };
            return self.record(mode, found, ticket, outcome, once, is_current);
        }
        if found.state() != CircuitState::HalfOpen {
            return Settled::default();
        }
        // A permanent or partial error is an answer, so it has to end the probe.
        let answered = verdict == Verdict::RejectedByCallee;
        let outcome = outcome.or(answered.then_some(Outcome { failed: false, slow: was_slow }));
        self.settle_probe(mode, ticket, (verdict, outcome), &now)
    }

    /// Records a result in a closed circuit, which was `found` in this state before.
    #[inline]
    fn record(
        &self,
        mode: &RateMode<'_, W>,
        found: Packed,
        ticket: Ticket,
        outcome: Outcome,
        now: impl Fn() -> u64,
        is_current: impl Fn() -> bool,
    ) -> Settled {
        if outcome.is_good() {
            match self.record_quietly(mode, found, ticket, &now) {
                Quiet::Recorded => return Settled::default(),
                Quiet::RecordedUnjudged => return self.judge_success(mode, ticket, now),
                Quiet::NotRecorded => {}
            }
        }
        self.record_and_judge(mode, ticket, outcome, now, is_current)
    }

    #[cold]
    fn record_and_judge(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        outcome: Outcome,
        now: impl Fn() -> u64,
        is_current: impl Fn() -> bool,
    ) -> Settled {
        match mode.window.record(ticket.generation(), outcome, &now, is_current) {
            Some(counts) => {
                if !outcome.is_good() && mode.rate.slow.is_none() {
                    self.unsettle(mode.window, ticket);
                }
                self.judge_window(mode, ticket, outcome, counts, now)
            }
            None => LATE,
        }
    }

    #[cold]
    fn judge_window(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        outcome: Outcome,
        counts: WindowCounts,
        now: impl Fn() -> u64,
    ) -> Settled {
        let reason = mode.rate.judge(counts);
        if reason.is_none() && mode.rate.are_enough(counts) {
            mode.window.is_judged(ticket.generation(), &now);
        }
        let change = reason.and_then(|reason| self.open(mode.policy, ticket, reason, now));
        let failures = outcome.failed.then_some(0);
        Settled { failures, change, window: Some(counts), is_late: false }
    }

    /// Continues where another core recorded a result, if its state moved here before it could act
    /// on it. Returns the change and the calls in the window if they open the circuit.
    pub fn judge_moved(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        now: impl Fn() -> u64,
    ) -> Option<(Change, WindowCounts)> {
        if mode.rate.slow.is_none() {
            self.unsettle(mode.window, ticket);
        }
        let counts = mode.window.counts(ticket.generation(), &now);
        let reason = mode.rate.judge(counts)?;
        Some((self.open(mode.policy, ticket, reason, now)?, counts))
    }

    /// Ends the time in which a success changes nothing, after a failure was recorded.
    fn unsettle(&self, window: &Window<W>, ticket: Ticket) {
        let Some(mark) = window.next_mark() else { return };
        loop {
            let found = Packed(self.state.load());
            if found.ticket() != ticket.packed().ticket()
                || self.replace(found, found.unsettled(mark)).is_some()
            {
                return;
            }
        }
    }

    /// Judges the calls that are still running, when a call is admitted to a closed circuit.
    /// Returns the change and the calls in the window if that opens it. Otherwise the call is
    /// watched too.
    pub fn watch(
        &self,
        RateMode { policy, rate, window }: &RateMode<'_, W>,
        ticket: Ticket,
    ) -> Option<(Change, WindowCounts)> {
        let started = ticket.packed();
        if started.state() == CircuitState::Closed {
            if let Some(counts) =
                window.counts_with_running(started.generation(), started.payload())
            {
                let reason = rate.judge(counts);
                let change =
                    reason.and_then(|why| self.open(policy, ticket, why, || started.payload()));
                if let Some(change) = change {
                    return Some((change, counts));
                }
            }
        }
        if matches!(started.state(), CircuitState::Closed | CircuitState::ForcedClosed) {
            window.started(started.generation(), started.payload(), || self.is_in(ticket));
        }
        None
    }

    /// Opens a closed circuit, unless it is forced closed or has left the ticket's generation.
    fn open(
        &self,
        policy: &Policy,
        ticket: Ticket,
        reason: ChangeReason,
        now: impl Fn() -> u64,
    ) -> Option<Change> {
        loop {
            let found = Packed(self.state.load());
            if found.ticket() != ticket.packed().ticket() || found.state() != CircuitState::Closed {
                return None;
            }
            let until = Packed::until(now().saturating_add(policy.wait(0)));
            let next = found.next(CircuitState::Open, until);
            if self.replace(found, next).is_some() {
                return change(found, next, reason);
            }
        }
    }

    /// All probes report before they are judged. Their results are recorded before they report, so
    /// the last one to report finds all of them.
    fn settle_probe(
        &self,
        mode: &RateMode<'_, W>,
        ticket: Ticket,
        (verdict, outcome): (Verdict, Option<Outcome>),
        now: impl Fn() -> u64,
    ) -> Settled {
        let window = mode.window;
        if let Some(outcome) = outcome {
            if !window.record_probe(ticket.generation(), outcome, || self.is_in(ticket)) {
                return LATE;
            }
        }
        loop {
            let found = Packed(self.state.load());
            if found.ticket() != ticket.packed().ticket() {
                // If the state has moved, the result is recorded again where it is.
                if let Some(outcome) = outcome {
                    window.take_back_probe(ticket.generation(), outcome);
                }
                return LATE;
            }
            let settled = match outcome {
                None => self.judge(mode.policy, found, verdict, &now),
                Some(outcome) => self.report_probe(mode, found, outcome, &now),
            };
            if let Some(settled) = settled {
                return settled;
            }
        }
    }

    fn report_probe(
        &self,
        RateMode { policy, rate, window }: &RateMode<'_, W>,
        found: Packed,
        outcome: Outcome,
        now: impl Fn() -> u64,
    ) -> Option<Settled> {
        let reported = found.succeeded() + 1;
        let failures = outcome.failed.then_some(0);
        if reported < u64::from(policy.probes) {
            let lease = self.lease.load();
            let next = found.with_probes(found.admitted(), reported, true);
            self.replace(found, next)?;
            self.start_lease(lease, next, now());
            return Some(Settled { failures, ..Settled::default() });
        }
        let counts = window.probes(found.generation(), reported);
        let change = if rate.judge_probes(counts).is_some() {
            self.reopen(policy, found, ChangeReason::ProbeFailed, now())?.1
        } else {
            let next = found.next_counting(CircuitState::Closed, &policy.mode);
            self.replace(found, next)?;
            change(found, next, ChangeReason::ProbesSucceeded)
        };
        Some(Settled { failures, change, window: Some(counts), is_late: false })
    }
}

/// Whether results are recorded in the window in this state.
fn counts(state: Packed) -> bool {
    matches!(state.state(), CircuitState::Closed | CircuitState::ForcedClosed)
}

/// Reads the clock at most once.
fn once(now: impl Fn() -> u64) -> impl Fn() -> u64 {
    let read = Cell::new(None);
    move || match read.get() {
        Some(time) => time,
        None => {
            let time = now();
            read.set(Some(time));
            time
        }
    }
}
