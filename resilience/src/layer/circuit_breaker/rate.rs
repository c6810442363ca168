//! Applies the results of calls in rate mode.

use super::change::{Change, ChangeReason, CircuitState};
use super::packed::Packed;
use super::policy::{Policy, Rate};
use super::state::{Core, Settled, Ticket, Verdict, change};
use super::window::{Outcome, Window};
use super::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

const LATE: Settled = Settled { is_late: true, failures: None, window: None, change: None };

impl<W: AtomicWord> Core<W> {
    /// Records the result of a call.
    pub fn settle_rate(
        &self,
        policy: &Policy,
        rate: &Rate,
        window: &Window<W>,
        ticket: Ticket,
        verdict: Verdict,
        now: impl Fn() -> u64,
    ) -> Settled {
        let found = Packed(self.state.load());
        if found.ticket() != ticket.packed().ticket() {
            return LATE;
        }
        let is_closed = matches!(found.state(), CircuitState::Closed | CircuitState::ForcedClosed);
        let is_fast = verdict == Verdict::Success && rate.slow.is_none();
        // Nearly every call of a healthy breaker.
        if is_closed && is_fast && window.is_settled(ticket.generation()) {
            return Settled::default();
        }
        let was_slow = rate
            .slow
            .is_some_and(|slow| now().saturating_sub(ticket.packed().payload()) > slow.longer_than);
        let outcome = match verdict {
            Verdict::Success => Some(Outcome { failed: false, slow: was_slow }),
            Verdict::Failure => Some(Outcome { failed: true, slow: was_slow }),
            Verdict::Abandoned if was_slow => Some(Outcome { failed: false, slow: true }),
            Verdict::RejectedByCallee
            | Verdict::Nothing
            | Verdict::Interrupted
            | Verdict::Abandoned => None,
        };
        match found.state() {
            CircuitState::Closed | CircuitState::ForcedClosed => {
                let is_current = || self.is_in(ticket);
                window.ended(ticket.generation(), ticket.packed().payload(), is_current);
                let Some(outcome) = outcome else { return Settled::default() };
                let Some(counts) = window.record(ticket.generation(), outcome, &now, is_current)
                else {
                    return LATE;
                };
                let reason = rate.judge(counts);
                let change = reason.and_then(|reason| self.open(policy, ticket, reason, now));
                let failures = outcome.failed.then_some(0);
                Settled { failures, change, window: Some(counts), is_late: false }
            }
            CircuitState::HalfOpen => {
                // A permanent or partial error is an answer, so it has to end the probe.
                let answered = verdict == Verdict::RejectedByCallee;
                let outcome =
                    outcome.or(answered.then_some(Outcome { failed: false, slow: was_slow }));
                self.settle_probe(policy, rate, window, ticket, (verdict, outcome), now)
            }
            CircuitState::Open | CircuitState::ForcedOpen | CircuitState::Disabled => {
                Settled::default()
            }
        }
    }

    /// Judges the calls that are still running, when a call is admitted to a closed circuit.
    /// Returns the change and the calls in the window if that opens it. Otherwise the call is
    /// watched too.
    pub fn watch(
        &self,
        policy: &Policy,
        rate: &Rate,
        window: &Window<W>,
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
        policy: &Policy,
        rate: &Rate,
        window: &Window<W>,
        ticket: Ticket,
        (verdict, outcome): (Verdict, Option<Outcome>),
        now: impl Fn() -> u64,
    ) -> Settled {
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
                None => self.judge(policy, found, verdict, &now),
                Some(outcome) => self.report_probe(policy, rate, window, found, outcome, &now),
            };
            if let Some(settled) = settled {
                return settled;
            }
        }
    }

    fn report_probe(
        &self,
        policy: &Policy,
        rate: &Rate,
        window: &Window<W>,
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
