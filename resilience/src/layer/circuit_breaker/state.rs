//! The lock-free core: which calls pass, and what their results change.
//!
//! It knows neither clock nor names nor events; those come in, and changes go out. Generic over the
//! atomic, so that the model checker runs this very code.

use super::change::{Change, ChangeReason, CircuitState};
use super::packed::{Packed, REGISTERED};
use super::policy::Policy;
use crate::support::atomic_word::AtomicWord;

/// Everything of a breaker that changes.
#[derive(Debug)]
pub struct Core<W> {
    /// See `packed.rs`.
    pub state: W,
    /// When the oldest call that half-open waits for began, as `packed.rs` has it. Written by
    /// whoever changed the state in a way that starts one; should it not have come to that
    /// yet, the next caller does it.
    pub lease: W,
    /// Twice the longest time that a call was given, in milliseconds: calls of several functions
    /// share one breaker.
    pub lease_length: W,
    /// How often in a row the circuit has opened again, and in which generation: generation 32
    /// bits | count 32.
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
    /// Nothing, and it was cut short: its caller dropped it, or this very breaker stopped it at a
    /// call further in. Were there no more slots than before, calls that are made together, or
    /// within each other, could cut each other short for ever.
    Interrupted,
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

impl<W: AtomicWord> Core<W> {
    /// Admission in the healthy case, and whether the breaker is listed: one load.
    #[inline]
    pub fn enter_closed(&self) -> Option<(Ticket, bool)> {
        let found = Packed(self.state.load());
        found.is_closed().then(|| (Ticket(found.ticket()), found.is_registered()))
    }

    /// Whether a success under this ticket would change nothing: the same state, and no failures to
    /// forget. One load.
    #[inline]
    pub fn is_at(&self, ticket: Ticket) -> bool {
        self.state.load() & !REGISTERED == ticket.0
    }

    /// From half-open to open, and for how long.
    pub(super) fn reopen(
        &self,
        policy: &Policy,
        found: Packed,
        why: ChangeReason,
        now: u64,
    ) -> Option<(u64, Option<Change>)> {
        let written = self.reopened.load();
        // Only the generation just before this one continues a series, so nothing ever needs to be
        // set back.
        let before = if written >> 32 == found.previous_generation() {
            written & u64::from(u32::MAX)
        } else {
            0
        };
        let times = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        let wait = policy.wait(times);
        let next = found.next(CircuitState::Open, Packed::until(now.saturating_add(wait)));
        self.replace(found, next)?;
        if policy.growth > 1 {
            let _ =
                self.reopened.compare_exchange(written, next.generation() << 32 | u64::from(times));
        }
        Some((wait, change(found, next, why)))
    }

    /// Sets a state by hand: results of calls from before no longer count. Nothing happens if it is
    /// that state already, except that `Closed` anew forgets the failures.
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

    #[inline]
    pub(super) fn replace(&self, found: Packed, next: Packed) -> Option<()> {
        self.state.compare_exchange_weak(found.0, next.0).ok().map(drop)
    }

    /// If somebody has written since `seen`, they know better, or the next caller will find that
    /// they don't.
    pub(super) fn start_lease(&self, seen: u64, state: Packed, now: u64) {
        let _ = self.lease.compare_exchange(seen, state.lease(now));
    }
}

pub(super) fn change(old: Packed, new: Packed, reason: ChangeReason) -> Option<Change> {
    (old.state() != new.state()).then(|| Change { old: old.state(), new: new.state(), reason })
}
