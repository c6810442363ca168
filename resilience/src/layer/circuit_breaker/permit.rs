use std::fmt;
use std::mem;

use super::state::{Ticket, Verdict};
use super::{CircuitBreaker, LOST};
use crate::layer::deadline::Deadline;
use crate::{Category, Classification};

/// Permission to make one call, which also records its result. See [`CircuitBreaker::acquire`].
///
/// A permit dropped without a result, even by a panic, counts as nothing and frees a probe's slot.
/// If a timeout around the call has expired, dropping it counts as a failure instead.
#[must_use = "a permit that is dropped at once counts as nothing"]
pub struct Permit<'a, A: OuterTimeout = ()> {
    breaker: &'a CircuitBreaker,
    ticket: Ticket,
    /// `()` if there is no enclosing timeout, so that it takes no space in the future.
    above: A,
}

/// The timeout around a call, or `()`.
pub trait OuterTimeout {
    /// Returns whether the timeout has cancelled the call.
    fn fired(&self) -> bool;
}

impl OuterTimeout for () {
    #[inline]
    fn fired(&self) -> bool {
        false
    }
}

impl OuterTimeout for &Deadline<'_> {
    #[inline]
    fn fired(&self) -> bool {
        Deadline::fired(self)
    }
}

impl<'a> Permit<'a> {
    #[inline]
    pub(super) fn new(breaker: &'a CircuitBreaker, ticket: Ticket) -> Self {
        Self { breaker, ticket, above: () }
    }

    /// Attaches an enclosing timeout. If it expires and drops the call, that counts as a failure.
    #[inline]
    pub(crate) fn under<'d>(self, above: &'d Deadline<'d>) -> Permit<'a, &'d Deadline<'d>> {
        let Self { breaker, ticket, .. } = self;
        mem::forget(self);
        Permit { breaker, ticket, above }
    }
}

impl<A: OuterTimeout> Permit<'_, A> {
    /// Records that the call succeeded.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.succeeded();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn succeeded(self) {
        let (breaker, ticket) = (self.breaker, self.ticket);
        mem::forget(self);
        if !breaker.core.is_at(ticket) {
            breaker.settle_slowly(ticket, Verdict::Success, LOST);
        }
    }

    /// Records that the call failed. The error's classification decides what the failure counts as.
    ///
    /// ```
    /// # use resilience::Classification;
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.failed(&Classification::transient("BUSY"));
    /// assert_eq!(breaker.metrics().consecutive_failures, 1);
    /// breaker.acquire()?.failed(&Classification::permanent("NOT_FOUND"));
    /// assert_eq!(breaker.metrics().consecutive_failures, 1);
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[cold]
    pub fn failed(self, error: &Classification) {
        let verdict = match (error.rejected(), error.category()) {
            (Some(rejected), _) if rejected.is_timed_out() => Verdict::Failure,
            (Some(rejected), _) if rejected.service() == self.breaker.name() => {
                Verdict::Interrupted
            }
            (Some(_), _) | (_, Some(Category::Fatal)) => Verdict::Nothing,
            (None, None | Some(Category::Transient)) => Verdict::Failure,
            (None, Some(Category::Permanent | Category::Partial)) => Verdict::RejectedByCallee,
        };
        self.breaker.settle_slowly(self.ticket, verdict, error.code());
        mem::forget(self);
    }

    /// Records the call's result. `classify` is only called for an error.
    ///
    /// ```
    /// use resilience::{Classify, Rejected};
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// let result: Result<u32, Rejected> = Ok(1);
    /// breaker.acquire()?.settle(&result, Rejected::classify);
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    ///
    /// If `classify` panics, the call counts as nothing.
    #[inline]
    pub fn settle<T, E>(self, result: &Result<T, E>, classify: impl FnOnce(&E) -> Classification) {
        match result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(&classify(error)),
        }
    }

    /// Returns whether a success would change nothing, so that the permit can be forgotten. Takes a
    /// reference, since passing the permit by value would copy it first.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.breaker.core.is_at(self.ticket)
    }

    /// Forgets a permit that [is current](Self::is_current), after its call succeeded.
    #[inline]
    pub(super) fn done(self) {
        mem::forget(self);
    }

    /// Records that the call's outcome says nothing about the callee. Frees a probe's slot.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.ignore();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn ignore(self) {
        if !self.ticket.is_closed() {
            self.breaker.settle_slowly(self.ticket, Verdict::Nothing, LOST);
        }
        mem::forget(self);
    }
}

impl<A: OuterTimeout> Drop for Permit<'_, A> {
    #[inline]
    fn drop(&mut self) {
        let verdict = if self.above.fired() { Verdict::Failure } else { Verdict::Interrupted };
        if verdict == Verdict::Failure || !self.ticket.is_closed() {
            self.breaker.settle_slowly(self.ticket, verdict, LOST);
        }
    }
}

impl<A: OuterTimeout> fmt::Debug for Permit<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("service", &self.breaker.name()).finish_non_exhaustive()
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Permit<'static>>();
    assert!(
        size_of::<Permit<'static>>() <= 16,
        "a permit is held across the call, in every future"
    );
};
