//! Applies the results of calls: in consecutive mode, and to probes.

use super::change::{ChangeReason, CircuitState};
use super::packed::Packed;
use super::policy::Policy;
use super::state::{Core, Settled, Ticket, Verdict, change};
use crate::support::atomic_word::AtomicWord;

impl<W: AtomicWord> Core<W> {
    /// Records the result of a call, where so many consecutive `failures` open the circuit. `now` is
    /// only called if it opens the circuit or moves a lease.
    pub fn settle(
        &self,
        policy: &Policy,
        failures: u32,
        ticket: Ticket,
        verdict: Verdict,
        now: impl Fn() -> u64,
    ) -> Settled {
        loop {
            let found = Packed(self.state.load());
            if found.ticket() != ticket.0 {
                return Settled { is_late: true, ..Settled::default() };
            }
            let settled = match found.state() {
                CircuitState::Closed | CircuitState::ForcedClosed => {
                    self.count(policy, failures, found, verdict, &now)
                }
                CircuitState::HalfOpen => self.judge(policy, found, verdict, &now),
                CircuitState::Open | CircuitState::ForcedOpen | CircuitState::Disabled => {
                    return Settled::default();
                }
            };
            if let Some(settled) = settled {
                return settled;
            }
        }
    }

    fn count(
        &self,
        policy: &Policy,
        threshold: u32,
        found: Packed,
        verdict: Verdict,
        now: impl Fn() -> u64,
    ) -> Option<Settled> {
        let failures = match verdict {
            Verdict::Success => 0,
            Verdict::Failure => found.payload() + 1,
            Verdict::RejectedByCallee
            | Verdict::Nothing
            | Verdict::Interrupted
            | Verdict::Abandoned => {
                return Some(Settled::default());
            }
        };
        let counted = (failures > 0).then_some(failures);
        if found.is_closed() && failures >= u64::from(threshold) {
            let next =
                found.next(CircuitState::Open, Packed::until(now().saturating_add(policy.wait(0))));
            self.replace(found, next)?;
            return Some(Settled {
                failures: counted,
                change: change(found, next, ChangeReason::FailureThreshold),
                ..Settled::default()
            });
        }
        if failures != found.payload() {
            self.replace(found, found.with_failures(failures))?;
        }
        Some(Settled { failures: counted, ..Settled::default() })
    }

    pub(super) fn judge(
        &self,
        policy: &Policy,
        found: Packed,
        verdict: Verdict,
        now: impl Fn() -> u64,
    ) -> Option<Settled> {
        match verdict {
            Verdict::Success | Verdict::RejectedByCallee
                if found.succeeded() + 1 >= u64::from(policy.probes) =>
            {
                let next = found.next_counting(CircuitState::Closed, &policy.mode);
                self.replace(found, next)?;
                Some(Settled {
                    change: change(found, next, ChangeReason::ProbesSucceeded),
                    ..Settled::default()
                })
            }
            Verdict::Success | Verdict::RejectedByCallee => {
                let lease = self.lease.load();
                let next = found.with_probes(found.admitted(), found.succeeded() + 1, true);
                self.replace(found, next)?;
                self.start_lease(lease, next, now());
                Some(Settled::default())
            }
            Verdict::Failure => {
                let (_, change) = self.reopen(policy, found, ChangeReason::ProbeFailed, now())?;
                Some(Settled { failures: Some(1), change, ..Settled::default() })
            }
            Verdict::Nothing | Verdict::Interrupted | Verdict::Abandoned => {
                let next = found.with_probes(found.admitted() - 1, found.succeeded(), false);
                let next = if verdict == Verdict::Nothing { next } else { next.with_one_more() };
                self.replace(found, next)?;
                Some(Settled::default())
            }
        }
    }
}
