//! The lock-free core: which calls pass, and what their results change.
//!
//! It knows neither clock nor names nor events; those come in, and changes go out. Generic over the atomic, so that the
//! model checker runs this very code.

use super::change::{Change, ChangeReason, CircuitState};
use super::packed::{Packed, REGISTERED};
use super::policy::Policy;
use crate::word::Word;

/// Everything of a breaker that changes.
#[derive(Debug)]
pub struct Core<W> {
    /// See [`Packed`].
    pub state: W,
    /// When the oldest call that half-open waits for began, as [`Packed::lease`]. Written by whoever changed the state in
    /// a way that starts one; should it not have come to that yet, the next caller does it.
    pub lease: W,
    /// Twice the longest timeout below that was seen, in milliseconds: calls of several functions share one breaker.
    pub patience: W,
    /// How often in a row the circuit has opened again, and in which generation: generation 32 bits | count 32.
    pub reopened: W,
}

/// The state in which a call was admitted. Its result counts only if that is still the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// What a call's end tells about the callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Success,
    /// It answered, and the answer is an error that isn't its fault.
    Answer,
    /// It doesn't work.
    Failure,
    /// Nothing.
    Nothing,
}

/// The answer to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Its ticket, or after how many milliseconds to come back, where that is known.
    pub ticket: Result<Ticket, Option<u64>>,
    /// What its coming changed.
    pub change: Option<Change>,
}

/// What a result did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// It counted as a failure, the n-th in a row.
    pub failures: Option<u64>,
    /// What it changed.
    pub change: Option<Change>,
}

impl Ticket {
    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        Packed(self.0).is_closed()
    }
}

impl<W: Word> Core<W> {
    /// Admission in the healthy case, and whether the breaker is listed: one load.
    #[inline]
    pub fn enter_closed(&self) -> Option<(Ticket, bool)> {
        let found = Packed(self.state.load());
        found.is_closed().then(|| (Ticket(found.ticket()), found.is_registered()))
    }

    /// Whether a success under this ticket would change nothing: the same state, and no failures to forget. One load.
    #[inline]
    pub fn is_at(&self, ticket: Ticket) -> bool {
        self.state.load() & !REGISTERED == ticket.0
    }

    /// Asks for admission. `patience` is the timeout below in milliseconds, or 0; `now` is read only when needed, and
    /// always after the words that it is compared with: no thread can then see a start that lies in its future.
    pub fn admit(&self, policy: &Policy, patience: u64, now: impl Fn() -> u64) -> Admission {
        loop {
            let found = Packed(self.state.load());
            let lease = self.lease.load();
            let admission = match found.state() {
                CircuitState::Closed | CircuitState::ForcedClosed | CircuitState::Disabled => {
                    return Admission { ticket: Ok(Ticket(found.ticket())), change: None };
                }
                CircuitState::ForcedOpen => return Admission { ticket: Err(None), change: None },
                CircuitState::Open => self.admit_first(policy, patience, found, lease, now()),
                CircuitState::HalfOpen if found.admitted() < u64::from(policy.probes) => {
                    self.admit_next(patience, found, lease, &now)
                }
                CircuitState::HalfOpen => self.check_lease(policy, patience, found, lease, now()),
            };
            if let Some(admission) = admission {
                return admission;
            }
        }
    }

    fn admit_first(&self, policy: &Policy, patience: u64, found: Packed, lease: u64, now: u64) -> Option<Admission> {
        if let Some(left) = time_left(policy, found, now) {
            return Some(Admission { ticket: Err(Some(left)), change: None });
        }
        self.remember(patience);
        let next = found.next(CircuitState::HalfOpen, Packed::probes(1, 0));
        self.replace(found, next)?;
        self.start_lease(lease, next, now);
        let change = change(found, next, ChangeReason::RecoveryTimeout);
        Some(Admission { ticket: Ok(Ticket(next.ticket())), change })
    }

    fn admit_next(&self, patience: u64, found: Packed, lease: u64, now: impl Fn() -> u64) -> Option<Admission> {
        self.remember(patience);
        let nobody_out = found.admitted() == found.succeeded();
        let next = found.with_probes(found.admitted() + 1, found.succeeded(), nobody_out);
        self.replace(found, next)?;
        if nobody_out {
            self.start_lease(lease, next, now());
        }
        Some(Admission { ticket: Ok(Ticket(next.ticket())), change: None })
    }

    /// Every slot is taken: has a probe been out for too long?
    fn check_lease(&self, policy: &Policy, patience: u64, found: Packed, lease: u64, now: u64) -> Option<Admission> {
        let rejected = Admission { ticket: Err(None), change: None };
        let Some(start) = found.lease_start(lease) else {
            // Whoever began it hasn't written it down yet, or never will.
            self.start_lease(lease, found, now);
            return Some(rejected);
        };
        let length = policy.recovery.max(patience.saturating_mul(2)).max(self.patience.load());
        // A start in the future is one of another clock.
        if start <= now && now - start < length {
            return Some(rejected);
        }
        let (wait, change) = self.reopen(policy, found, ChangeReason::ProbeLost, now)?;
        Some(Admission { ticket: Err(Some(wait)), change })
    }

    /// Takes the result of a call; `now` is read only if it opens the circuit or moves a lease.
    pub fn settle(&self, policy: &Policy, ticket: Ticket, verdict: Verdict, now: impl Fn() -> u64) -> Settled {
        loop {
            let found = Packed(self.state.load());
            if found.ticket() != ticket.0 {
                return Settled::default();
            }
            let settled = match found.state() {
                CircuitState::Closed | CircuitState::ForcedClosed => self.count(policy, found, verdict, &now),
                CircuitState::HalfOpen => self.judge(policy, found, verdict, &now),
                CircuitState::Open | CircuitState::ForcedOpen | CircuitState::Disabled => return Settled::default(),
            };
            if let Some(settled) = settled {
                return settled;
            }
        }
    }

    fn count(&self, policy: &Policy, found: Packed, verdict: Verdict, now: impl Fn() -> u64) -> Option<Settled> {
        let failures = match verdict {
            Verdict::Success => 0,
            Verdict::Failure => found.payload() + 1,
            Verdict::Answer | Verdict::Nothing => return Some(Settled::default()),
        };
        let counted = (failures > 0).then_some(failures);
        if found.is_closed() && failures >= u64::from(policy.failure_threshold) {
            let next = found.next(CircuitState::Open, Packed::until(now().saturating_add(policy.wait(0))));
            self.replace(found, next)?;
            return Some(Settled { failures: counted, change: change(found, next, ChangeReason::FailureThreshold) });
        }
        if failures != found.payload() {
            self.replace(found, found.with_failures(failures))?;
        }
        Some(Settled { failures: counted, change: None })
    }

    fn judge(&self, policy: &Policy, found: Packed, verdict: Verdict, now: impl Fn() -> u64) -> Option<Settled> {
        match verdict {
            Verdict::Success | Verdict::Answer if found.succeeded() + 1 >= u64::from(policy.probes) => {
                let next = found.next(CircuitState::Closed, 0);
                self.replace(found, next)?;
                Some(Settled { failures: None, change: change(found, next, ChangeReason::ProbesSucceeded) })
            }
            Verdict::Success | Verdict::Answer => {
                let lease = self.lease.load();
                let next = found.with_probes(found.admitted(), found.succeeded() + 1, true);
                self.replace(found, next)?;
                self.start_lease(lease, next, now());
                Some(Settled::default())
            }
            Verdict::Failure => {
                let (_, change) = self.reopen(policy, found, ChangeReason::ProbeFailed, now())?;
                Some(Settled { failures: Some(1), change })
            }
            Verdict::Nothing => {
                let next = found.with_probes(found.admitted() - 1, found.succeeded(), false);
                self.replace(found, next)?;
                Some(Settled::default())
            }
        }
    }

    /// From half-open to open, and for how long.
    fn reopen(&self, policy: &Policy, found: Packed, why: ChangeReason, now: u64) -> Option<(u64, Option<Change>)> {
        let written = self.reopened.load();
        // Only the generation just before this one continues a series, so nothing ever needs to be set back.
        let before = if written >> 32 == found.previous_generation() { written & u64::from(u32::MAX) } else { 0 };
        let times = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        let wait = policy.wait(times);
        let next = found.next(CircuitState::Open, Packed::until(now.saturating_add(wait)));
        self.replace(found, next)?;
        if policy.growth > 1 {
            let _ = self.reopened.compare_exchange(written, next.generation() << 32 | u64::from(times));
        }
        Some((wait, change(found, next, why)))
    }

    /// Sets a state by hand: results of calls from before no longer count. Nothing happens if it is that state already,
    /// except that `Closed` anew forgets the failures.
    pub fn set(&self, state: CircuitState) -> Option<Change> {
        loop {
            let found = Packed(self.state.load());
            if found.state() == state && state != CircuitState::Closed {
                return None;
            }
            let next = found.next(state, 0);
            if self.replace(found, next).is_some() {
                return change(found, next, ChangeReason::Control);
            }
        }
    }

    /// Sets the registered bit; false if it was set.
    pub fn register(&self) -> bool {
        loop {
            let found = Packed(self.state.load());
            if found.is_registered() {
                return false;
            }
            if self.replace(found, Packed(found.0 | REGISTERED)).is_some() {
                return true;
            }
        }
    }

    /// What the state is, and how many failures in a row there were.
    pub fn snapshot(&self) -> (CircuitState, u64) {
        let found = Packed(self.state.load());
        let counts = matches!(found.state(), CircuitState::Closed | CircuitState::ForcedClosed);
        (found.state(), if counts { found.payload() } else { 0 })
    }

    /// Whether a call that came now would be rejected for being too early.
    pub fn would_reject(&self, policy: &Policy, now: impl Fn() -> u64) -> bool {
        let found = Packed(self.state.load());
        match found.state() {
            CircuitState::Open => time_left(policy, found, now()).is_some(),
            state => state == CircuitState::ForcedOpen,
        }
    }

    #[inline]
    fn replace(&self, found: Packed, next: Packed) -> Option<()> {
        self.state.compare_exchange_weak(found.0, next.0).ok().map(drop)
    }

    /// If somebody has written since `seen`, they know better, or the next caller will find that they don't.
    fn start_lease(&self, seen: u64, state: Packed, now: u64) {
        let _ = self.lease.compare_exchange(seen, state.lease(now));
    }

    fn remember(&self, timeout_below: u64) {
        let patience = timeout_below.saturating_mul(2);
        let mut found = self.patience.load();
        while found < patience {
            match self.patience.compare_exchange_weak(found, patience) {
                Ok(_) => return,
                Err(other) => found = other,
            }
        }
    }
}

/// Until an open circuit admits a probe; `None` when it does. A wait longer than any that is ever set is a clock that was
/// put back, and over.
fn time_left(policy: &Policy, open: Packed, now: u64) -> Option<u64> {
    let left = open.payload().saturating_sub(now);
    (0 < left && left <= policy.longest_wait()).then_some(left)
}

fn change(old: Packed, new: Packed, reason: ChangeReason) -> Option<Change> {
    (old.state() != new.state()).then(|| Change { old: old.state(), new: new.state(), reason })
}
