//! The lock-free core: decides which calls are admitted, and applies their results.
//!
//! It has no clock, names or events of its own. The caller passes in the time and policy, and gets
//! state changes back. It is generic over the atomic, so that the model checker runs this very
//! code.

use std::sync::atomic::AtomicU64;

use super::change::{Change, ChangeReason, CircuitState};
use super::packed::{Packed, REGISTERED};
use super::policy::{Mode, Policy};
use super::window_counts::WindowCounts;
use crate::support::atomic_word::AtomicWord;

/// The mutable state of a breaker.
#[derive(Debug)]
pub struct Core<W> {
    /// See `packed.rs`.
    pub state: W,
    /// When the oldest call that half-open is waiting for started, encoded as in `packed.rs`.
    /// Written by the thread whose state change starts a lease. If it hasn't done so yet, the next
    /// caller does it.
    pub lease: W,
    /// Twice the longest time allowed for a call, in milliseconds. Calls from several functions
    /// share one breaker.
    pub lease_length: W,
    /// How often in a row the circuit has reopened, and in which generation: generation 32 bits |
    /// count 32.
    pub reopened: W,
}

/// The state in which a call was admitted. Its result counts only if the state is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// What a call's outcome says about the callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The callee works.
    Success,
    /// The callee answered with an error that isn't its fault.
    RejectedByCallee,
    /// The callee doesn't work.
    Failure,
    /// The outcome says nothing about the callee.
    Nothing,
    /// Like `Nothing`, but the call was interrupted: its caller dropped it, or this breaker
    /// rejected a nested call. This adds a slot. Otherwise concurrent or nested calls could keep
    /// interrupting each other forever.
    Interrupted,
    /// Like `Interrupted`: its caller dropped it. If calls are timed, and this one has been slow,
    /// it counts as a slow call.
    Abandoned,
}

/// The response to a request for admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The ticket, or after how many milliseconds to try again, if known.
    pub ticket: Result<Ticket, Option<u64>>,
    /// The state change caused by the request.
    pub change: Option<Change>,
}

/// The effect of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// Whether the state has changed since the call was admitted, so that the result has no effect.
    pub is_late: bool,
    /// The number of consecutive failures, if the result counted as a failure. 0 in rate mode.
    pub failures: Option<u64>,
    /// In rate mode, the calls in the window, if the result was recorded.
    pub window: Option<WindowCounts>,
    /// The state change caused by the result.
    pub change: Option<Change>,
}

impl Admission {
    /// Whether the request was rejected, and had no other effect.
    pub const fn is_plain_rejection(&self) -> bool {
        matches!(self, Self { ticket: Err(None), change: None })
    }
}

impl Ticket {
    /// No call was admitted. No state is equal to it, because a ticket never has the registered
    /// bit.
    pub(super) const NONE: Self = Self(u64::MAX);
    /// Whether the call was admitted by a closed circuit and isn't timed for slow calls, so that its
    /// result can be dropped if it counts as nothing.
    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        Packed(self.0).is_closed()
    }

    pub(super) const fn packed(self) -> Packed {
        Packed(self.0)
    }

    /// The generation in which the call was admitted.
    pub const fn generation(self) -> u64 {
        self.packed().generation()
    }

    /// Remembers when the call began, in the bits that the payload leaves. It takes no space in
    /// the call's future then. Such a ticket is at no state, so its result is settled slowly.
    pub(super) const fn with_time(self, millis: u64) -> Self {
        if self.time().is_some() { self } else { Self(self.0 | Packed(millis).payload()) }
    }

    /// When the call began, if that was needed.
    pub(super) const fn time(self) -> Option<u64> {
        match Packed(self.0).payload() {
            0 => None,
            millis => Some(millis),
        }
    }

    pub(super) const fn without_time(self) -> Self {
        Self(Packed(self.0).ticket())
    }
}

impl Core<AtomicU64> {
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            lease: AtomicU64::new(0),
            lease_length: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        }
    }

    /// A core that has been vacated.
    pub(super) const fn vacant() -> Self {
        let mut core = Self::new();
        core.state = AtomicU64::new(Packed(0).vacated().0);
        core
    }
}

impl<W: AtomicWord> Core<W> {
    /// Admits a call in the healthy case, and returns whether the breaker is listed. One load.
    #[inline]
    pub fn enter_closed(&self) -> Option<(Ticket, bool)> {
        let found = Packed(self.state.load());
        found.is_closed().then(|| (Ticket(found.ticket()), found.is_registered()))
    }

    /// Returns whether a success with this ticket would change nothing: the state is the same, and
    /// there are no failures to reset. One load.
    #[inline]
    pub fn is_at(&self, ticket: Ticket) -> bool {
        self.state.load() & !REGISTERED == ticket.0
    }

    /// Returns whether the breaker is listed, and its state is here.
    #[inline]
    pub fn is_registered_here(&self) -> bool {
        let found = Packed(self.state.load());
        found.is_registered() && !found.has_moved()
    }

    /// Returns whether the state has moved to another core for good. Then this one rejects all
    /// calls, and ignores all results.
    #[inline]
    pub fn has_moved(&self) -> bool {
        Packed(self.state.load()).has_moved()
    }

    /// Returns whether the circuit is closed, and not manually.
    pub fn is_closed(&self) -> bool {
        Packed(self.state.load()).state() == CircuitState::Closed
    }

    /// Returns whether the generation of a ticket isn't over.
    #[inline]
    pub fn is_in(&self, ticket: Ticket) -> bool {
        Packed(self.state.load()).ticket() == ticket.packed().ticket()
    }

    /// Returns whether the core has no owner.
    #[inline]
    pub fn is_vacant(&self) -> bool {
        Packed(self.state.load()).is_vacant()
    }

    /// Returns the state, or `None` if the core has no owner.
    pub fn state_if_owned(&self) -> Option<CircuitState> {
        let found = Packed(self.state.load());
        (!found.is_vacant()).then(|| found.state())
    }

    /// Takes a closed core from its owner. It rejects all calls, and ignores the results of earlier
    /// ones, until it is [occupied](Self::occupy). Returns false if it isn't closed.
    pub fn vacate(&self) -> bool {
        loop {
            let found = Packed(self.state.load());
            if found.state() != CircuitState::Closed {
                return false;
            }
            if self.replace(found, found.vacated()).is_some() {
                return true;
            }
        }
    }

    /// Closes a vacant core for its next owner.
    pub fn occupy(&self, mode: &Mode) {
        let _ = self.lease_length.compare_exchange(self.lease_length.load(), 0);
        let found = Packed(self.state.load());
        if found.is_vacant() {
            // Nothing else changes a vacant core.
            let next = found.next_counting(CircuitState::Closed, mode);
            let _ = self.state.compare_exchange(found.0, next.0);
        }
    }

    /// Moves the state to `place`, which is registered then. Returns false, and changes nothing
    /// here, if this core has been registered by another thread.
    ///
    /// Tickets stay valid. Only one thread may move the state, and no other uses `place` before
    /// that is done. A lease that is being started meanwhile is started by the next caller, and a
    /// growth of the recovery timeout that is being stored meanwhile starts again.
    pub fn move_to(&self, place: &Self) -> bool {
        let copy = |from: u64, to: &W| {
            let _ = to.compare_exchange(to.load(), from);
        };
        loop {
            let found = Packed(self.state.load());
            if found.is_registered() {
                return false;
            }
            copy(found.0 | REGISTERED, &place.state);
            copy(self.lease.load(), &place.lease);
            copy(self.lease_length.load(), &place.lease_length);
            copy(self.reopened.load(), &place.reopened);
            if self.replace(found, Packed::MOVED).is_some() {
                return true;
            }
        }
    }

    /// Reopens a half-open circuit, and returns for how long.
    pub(super) fn reopen(
        &self,
        policy: &Policy,
        found: Packed,
        why: ChangeReason,
        now: u64,
    ) -> Option<(u64, Option<Change>)> {
        let written = self.reopened.load();
        // Only the generation just before this one continues a series, so this never needs to be
        // reset.
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

    /// Sets the state manually. Results of earlier calls no longer count. Does nothing if the state
    /// is already set, except that setting `Closed` again resets the failure count.
    pub fn set(&self, mode: &Mode, state: CircuitState) -> Option<Change> {
        loop {
            let found = Packed(self.state.load());
            if found.has_moved()
                || found.is_vacant()
                || found.state() == state && state != CircuitState::Closed
            {
                return None;
            }
            let next = match state {
                CircuitState::Closed | CircuitState::ForcedClosed => {
                    found.next_counting(state, mode)
                }
                state => found.next(state, 0),
            };
            if self.replace(found, next).is_some() {
                return change(found, next, ChangeReason::Control);
            }
        }
    }

    /// Sets the registered bit. Returns false if it was already set.
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

    /// Returns the state and the number of consecutive failures, which has no meaning in rate mode.
    pub fn snapshot(&self) -> (CircuitState, u64) {
        let found = Packed(self.state.load());
        let counts = matches!(found.state(), CircuitState::Closed | CircuitState::ForcedClosed);
        (found.state(), if counts { found.payload() } else { 0 })
    }

    /// The generation, by which the words of a window are tagged.
    pub(super) fn generation(&self) -> u64 {
        Packed(self.state.load()).generation()
    }

    #[inline]
    pub(super) fn replace(&self, found: Packed, next: Packed) -> Option<()> {
        self.state.compare_exchange_weak(found.0, next.0).ok().map(drop)
    }

    /// If another thread has written since `seen`, its value is kept: either it is newer, or the
    /// next caller will find that it is stale.
    pub(super) fn start_lease(&self, seen: u64, state: Packed, now: u64) {
        let _ = self.lease.compare_exchange(seen, state.lease(now));
    }
}

pub(super) fn change(old: Packed, new: Packed, reason: ChangeReason) -> Option<Change> {
    (old.state() != new.state()).then(|| Change { old: old.state(), new: new.state(), reason })
}
