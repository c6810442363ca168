//! Decides which calls are admitted.

use super::change::{ChangeReason, CircuitState};
use super::packed::Packed;
use super::policy::Policy;
use super::state::{Admission, Core, Ticket, change};
use crate::support::atomic_word::AtomicWord;

impl<W: AtomicWord> Core<W> {
    /// Requests admission. `lease_length` is the call's maximum duration in milliseconds, or 0.
    /// `now` is only called when needed, and always after loading the words it is compared with, so
    /// no thread can see a start in its future.
    pub fn admit(&self, policy: &Policy, lease_length: u64, now: impl Fn() -> u64) -> Admission {
        loop {
            let found = Packed(self.state.load());
            let lease = self.lease.load();
            let admission = match found.state() {
                CircuitState::Closed | CircuitState::ForcedClosed | CircuitState::Disabled => {
                    return Admission { ticket: Ok(ticket(policy, found, now)), change: None };
                }
                CircuitState::ForcedOpen => return Admission { ticket: Err(None), change: None },
                CircuitState::Open => self.admit_first(policy, lease_length, found, lease, now()),
                CircuitState::HalfOpen if found.admitted() < found.slots(policy.probes) => {
                    self.admit_next(policy, lease_length, found, lease, &now)
                }
                CircuitState::HalfOpen => {
                    self.check_lease(policy, lease_length, found, lease, now())
                }
            };
            if let Some(admission) = admission {
                return admission;
            }
        }
    }

    fn admit_first(
        &self,
        policy: &Policy,
        lease_length: u64,
        found: Packed,
        lease: u64,
        now: u64,
    ) -> Option<Admission> {
        if let Some(left) = time_left(policy, found, now) {
            return Some(Admission { ticket: Err(Some(left)), change: None });
        }
        self.remember(lease_length);
        let next = found.next(CircuitState::HalfOpen, Packed::probes(1, 0));
        self.replace(found, next)?;
        self.start_lease(lease, next, now);
        let change = change(found, next, ChangeReason::RecoveryTimeout);
        Some(Admission { ticket: Ok(ticket(policy, next, || now)), change })
    }

    fn admit_next(
        &self,
        policy: &Policy,
        lease_length: u64,
        found: Packed,
        lease: u64,
        now: impl Fn() -> u64,
    ) -> Option<Admission> {
        self.remember(lease_length);
        let nobody_out = found.admitted() == found.succeeded();
        let next = found.with_probes(found.admitted() + 1, found.succeeded(), nobody_out);
        self.replace(found, next)?;
        if nobody_out {
            self.start_lease(lease, next, now());
        }
        Some(Admission { ticket: Ok(ticket(policy, next, now)), change: None })
    }

    /// All slots are taken: checks whether a probe has been running for too long.
    fn check_lease(
        &self,
        policy: &Policy,
        lease_length: u64,
        found: Packed,
        lease: u64,
        now: u64,
    ) -> Option<Admission> {
        let rejected = Admission { ticket: Err(None), change: None };
        let Some(start) = found.lease_start(lease) else {
            // The thread that started the lease hasn't stored its start yet, or never will.
            self.start_lease(lease, found, now);
            return Some(rejected);
        };
        let length =
            policy.recovery.max(lease_length.saturating_mul(2)).max(self.lease_length.load());
        // A start in the future comes from a different clock.
        if start <= now && now - start < length {
            return Some(rejected);
        }
        let (wait, change) = self.reopen(policy, found, ChangeReason::ProbeLost, now)?;
        Some(Admission { ticket: Err(Some(wait)), change })
    }

    /// Milliseconds until an open circuit admits a probe, if it rejects a call now. Nearly every
    /// rejection takes this path: one load and one clock read.
    #[inline]
    pub fn rejects_for(&self, policy: &Policy, now: impl Fn() -> u64) -> Option<u64> {
        let found = Packed(self.state.load());
        if found.state() == CircuitState::Open { time_left(policy, found, now()) } else { None }
    }

    /// The same, if the breaker is listed.
    #[inline]
    pub fn rejects_if_listed(&self, policy: &Policy, now: impl Fn() -> u64) -> Option<u64> {
        let found = Packed(self.state.load());
        if found.is_open_and_registered() { time_left(policy, found, now()) } else { None }
    }

    /// Returns whether a call would be rejected now because the circuit is open.
    pub fn would_reject(&self, policy: &Policy, now: impl Fn() -> u64) -> bool {
        let found = Packed(self.state.load());
        match found.state() {
            CircuitState::Open => time_left(policy, found, now()).is_some(),
            state => state == CircuitState::ForcedOpen,
        }
    }

    fn remember(&self, longest: u64) {
        let lease_length = longest.saturating_mul(2);
        let mut found = self.lease_length.load();
        while found < lease_length {
            match self.lease_length.compare_exchange_weak(found, lease_length) {
                Ok(_) => return,
                Err(other) => found = other,
            }
        }
    }
}

/// The ticket of a call that is admitted in this state.
fn ticket(policy: &Policy, state: Packed, now: impl FnOnce() -> u64) -> Ticket {
    Ticket(if policy.mode.is_timed() { state.timed_ticket(now()) } else { state.ticket() })
}

/// Time until an open circuit admits a probe, or `None` if it admits one now. A wait longer than
/// the longest possible one means that the clock was set back, and counts as over.
#[inline]
fn time_left(policy: &Policy, open: Packed, now: u64) -> Option<u64> {
    let left = open.payload().saturating_sub(now);
    // Most waits are within the recovery timeout; computing the longest one takes arithmetic.
    let possible = left <= policy.recovery || left <= policy.longest_wait();
    (0 < left && possible).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::circuit_breaker::policy::Mode;
    use crate::layer::circuit_breaker::state::Verdict;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    fn open(policy: &Policy) -> Core<AtomicU64> {
        let word = || AtomicU64::new(0);
        let core = Core { state: word(), lease: word(), lease_length: word(), reopened: word() };
        let ticket = core.admit(policy, 0, || 0).ticket.unwrap();
        let opened = core.settle(policy, 1, ticket, Verdict::Failure, || 0);
        assert_eq!(opened.change.map(|change| change.new), Some(CircuitState::Open));
        core
    }

    const POLICY: Policy =
        Policy { mode: Mode::Consecutive { failures: 1 }, recovery: 100, ..Policy::new() };

    #[test]
    fn next_caller_starts_a_lease_that_was_not_stored() {
        let core = open(&POLICY);
        assert!(core.admit(&POLICY, 0, || 100).ticket.is_ok());
        // Simulates a prober whose thread was stopped before it stored the lease.
        core.lease.store(0, Relaxed);
        assert_eq!(core.admit(&POLICY, 0, || 1_000).ticket, Err(None));
        assert_eq!(core.admit(&POLICY, 0, || 1_099).change, None);
        let lost = core.admit(&POLICY, 0, || 1_100).change.unwrap();
        assert_eq!((lost.new, lost.reason), (CircuitState::Open, ChangeReason::ProbeLost));
    }

    #[test]
    fn growth_that_was_not_stored_starts_again() {
        let policy = Policy { growth: 2, ..POLICY };
        let core = open(&policy);
        let mut now = 0;
        let mut reopen = || {
            now += 10_000;
            let ticket = core.admit(&policy, 0, || now).ticket.unwrap();
            core.settle(&policy, 1, ticket, Verdict::Failure, || now);
            core.admit(&policy, 0, || now).ticket.unwrap_err()
        };
        assert_eq!([reopen(), reopen()], [Some(200), Some(400)]);
        core.reopened.store(0, Relaxed);
        assert_eq!([reopen(), reopen()], [Some(200), Some(400)]);
    }

    #[test]
    fn lease_of_all_probes_is_that_of_the_longest_call() {
        let core = open(&POLICY);
        assert!(core.admit(&POLICY, 500, || 100).ticket.is_ok());
        assert_eq!(core.admit(&POLICY, 10, || 1_099).change, None);
        assert!(core.admit(&POLICY, 10, || 1_100).change.is_some());
    }

    #[test]
    fn a_generation_that_wraps_around_changes_nothing() {
        let core = open(&POLICY);
        for _ in 0..1 << 20 {
            core.set(&POLICY.mode, CircuitState::Closed);
        }
        let ticket = core.admit(&POLICY, 0, || 0).ticket;
        assert!(ticket.is_ok());
        core.settle(&POLICY, 1, ticket.unwrap(), Verdict::Failure, || 50);
        assert_eq!(core.admit(&POLICY, 0, || 149).ticket, Err(Some(1)));
        assert!(core.admit(&POLICY, 0, || 150).ticket.is_ok());
    }
}
