use std::fmt;
use std::mem;

use super::state::{Ticket, Verdict};
use super::{CircuitBreaker, LOST};
use crate::layer::classified::Classified;
use crate::layer::deadline::Deadline;
use crate::{Category, Classification};

/// Leave to make one call, which takes its result. See [`CircuitBreaker::acquire`].
///
/// Dropped without a result it counts as nothing and gives a probe's slot back, also when a panic
/// drops it; unless a timeout around the call has run out, which counts as a failure.
#[must_use = "a permit that is dropped at once counts as nothing"]
pub struct Permit<'a, A: Above = ()> {
    breaker: &'a CircuitBreaker,
    ticket: Ticket,
    /// A type of its own where there is no timeout above, so that it takes no room in the future.
    above: A,
}

/// The timeout above a call, or `()`.
pub trait Above {
    /// Whether it has given the call up.
    fn fired(&self) -> bool;
}

impl Above for () {
    #[inline]
    fn fired(&self) -> bool {
        false
    }
}

impl Above for &Deadline<'_> {
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

    /// Puts the call under a timeout above: should that run out and drop the call, it is a failure.
    #[doc(hidden)]
    #[inline]
    pub fn under<'d>(self, above: &'d Deadline<'d>) -> Permit<'a, &'d Deadline<'d>> {
        let Self { breaker, ticket, .. } = self;
        mem::forget(self);
        Permit { breaker, ticket, above }
    }
}

impl<A: Above> Permit<'_, A> {
    /// The call succeeded.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.succeeded();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn succeeded(self) {
        if !self.breaker.core.is_at(self.ticket) {
            self.breaker.settle_slowly(self.ticket, Verdict::Success, LOST);
        }
        mem::forget(self);
    }

    /// The call failed with an error of this classification, which decides what that counts as.
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
            (None, Some(Category::Permanent | Category::Partial)) => Verdict::Answer,
        };
        self.breaker.settle_slowly(self.ticket, verdict, error.code());
        mem::forget(self);
    }

    /// The call ended with this result; `classify` is asked only about an error.
    ///
    /// ```
    /// use resilience::{Classify, Rejected};
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// let result: Result<u32, Rejected> = Ok(1);
    /// breaker.acquire()?.settle(&result, Rejected::classify);
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    ///
    /// Should `classify` panic, the call counts as nothing.
    #[inline]
    pub fn settle<T, E>(self, result: &Result<T, E>, classify: impl FnOnce(&E) -> Classification) {
        match result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(&classify(error)),
        }
    }

    /// The same at an annotated function, which says once if an error is unclassified.
    #[doc(hidden)]
    #[inline]
    pub fn settle_at<T, E: fmt::Display, C: Into<Classified<E>>>(
        self,
        site: &crate::registry::Site,
        result: &Result<T, E>,
        classify: impl FnOnce(&E) -> C,
    ) {
        self.settle(result, |error| site.classify(error, classify).class);
    }

    /// Whether a success would change nothing, so that the permit may be forgotten. By reference,
    /// since a permit that is handed over is copied first.
    #[doc(hidden)]
    #[inline]
    pub fn is_current(&self) -> bool {
        self.breaker.core.is_at(self.ticket)
    }

    /// Forgets a permit that [is current](Self::is_current), when its call succeeded.
    #[doc(hidden)]
    #[inline]
    pub fn done(self) {
        mem::forget(self);
    }

    /// The call ended in a way that tells nothing about the callee; gives a probe's slot back.
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

impl<A: Above> Drop for Permit<'_, A> {
    #[inline]
    fn drop(&mut self) {
        let verdict = if self.above.fired() { Verdict::Failure } else { Verdict::Interrupted };
        if verdict == Verdict::Failure || !self.ticket.is_closed() {
            self.breaker.settle_slowly(self.ticket, verdict, LOST);
        }
    }
}

impl<A: Above> fmt::Debug for Permit<'_, A> {
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
