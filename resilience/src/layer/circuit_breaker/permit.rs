use std::fmt;
use std::mem;
use std::time::Duration;

use super::inner::{Inner, LOST};
use super::state::{Ticket, Verdict};
use crate::layer::deadline::Deadline;
use crate::layer::site::Place;
use crate::support::clock;
use crate::{Category, Classification};

/// Permission to make one call, which also records its result. See
/// [`CircuitBreaker::acquire`](super::CircuitBreaker::acquire).
///
/// A permit dropped without a result, even by a panic, counts as nothing and frees a probe's slot.
/// If a timeout around the call has expired, dropping it counts as a failure instead.
#[must_use = "a permit that is dropped at once counts as nothing"]
pub struct Permit<'a, A: OuterTimeout = (), P: Place = ()> {
    breaker: &'a Inner,
    ticket: Ticket,
    /// `()` if there is no enclosing timeout, so that it takes no space in the future.
    above: A,
    place: P,
}

/// The timeout around a call, or `()`.
pub trait OuterTimeout {
    /// Returns whether the timeout has cancelled the call.
    fn fired(&self) -> bool;

    /// Returns how long the call has waited, if that is known.
    fn waited(&self) -> Option<Duration>;
}

impl OuterTimeout for () {
    #[inline]
    fn fired(&self) -> bool {
        false
    }

    #[inline]
    fn waited(&self) -> Option<Duration> {
        None
    }
}

/// When a call without a timeout began, in nanoseconds of the clock, or 0 if it isn't needed.
#[derive(Debug, Clone, Copy)]
pub struct Began(u64);

impl OuterTimeout for Began {
    #[inline]
    fn fired(&self) -> bool {
        false
    }

    fn waited(&self) -> Option<Duration> {
        let now = || clock::to_nanos(tokio::time::Instant::now());
        (self.0 != 0).then(|| Duration::from_nanos(now().saturating_sub(self.0)))
    }
}

impl OuterTimeout for &Deadline<'_> {
    #[inline]
    fn fired(&self) -> bool {
        Deadline::fired(self)
    }

    fn waited(&self) -> Option<Duration> {
        Deadline::waited(self)
    }
}

impl<'a, P: Place + Copy> Permit<'a, (), P> {
    #[inline]
    pub(super) fn new(breaker: &'a Inner, ticket: Ticket, place: P) -> Self {
        Self { breaker, ticket, above: (), place }
    }

    /// Remembers when the call began, if the breaker asks for it.
    #[inline]
    pub(crate) fn began(self) -> Permit<'a, Began, P> {
        let Self { breaker, ticket, place, .. } = self;
        mem::forget(self);
        Permit { breaker, ticket, above: Began(breaker.began()), place }
    }

    /// Attaches a timeout, which knows how long the call has waited. If it is an enclosing one, and
    /// expires and drops the call, that counts as a failure.
    #[inline]
    pub(crate) fn under<'d>(self, above: &'d Deadline<'d>) -> Permit<'a, &'d Deadline<'d>, P> {
        let Self { breaker, ticket, place, .. } = self;
        mem::forget(self);
        Permit { breaker, ticket, above, place }
    }
}

impl<A: OuterTimeout, P: Place> Permit<'_, A, P> {
    /// Records that the call succeeded.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.succeeded();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn succeeded(self) {
        let (breaker, ticket, site) = (self.breaker, self.ticket, self.place.site());
        mem::forget(self);
        if !breaker.core.is_at(ticket) {
            breaker.settle_slowly(ticket, Verdict::Success, LOST, site);
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
            (Some(rejected), _) if self.breaker.has_rejected(&rejected) => Verdict::Interrupted,
            (Some(_), _) | (_, Some(Category::Fatal)) => Verdict::Nothing,
            (None, None | Some(Category::Transient)) => Verdict::Failure,
            (None, Some(Category::Permanent | Category::Partial)) => Verdict::RejectedByCallee,
        };
        self.breaker.settle_slowly(self.ticket, verdict, error.code(), self.place.site());
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
            self.breaker.settle_slowly(self.ticket, Verdict::Nothing, LOST, self.place.site());
        }
        mem::forget(self);
    }
}

impl<A: OuterTimeout, P: Place> Drop for Permit<'_, A, P> {
    #[inline]
    fn drop(&mut self) {
        let (above, site) = (&self.above, self.place.site());
        self.breaker.dropped(self.ticket, above.fired(), || above.waited(), site);
    }
}

impl<A: OuterTimeout, P: Place> fmt::Debug for Permit<'_, A, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("service", &self.breaker.name).finish_non_exhaustive()
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
