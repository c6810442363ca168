use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::time::Duration;

use super::CircuitBreaker;
use super::inner::LOST;
use super::retry_after::RetryAfter;
use super::state::{Ticket, Verdict};
use crate::layer::deadline::{Deadline, OuterTimeout};
use crate::layer::site::{Label, Site};
use crate::support::clock;
use crate::{Category, Classification, Rejected};

/// Permission to make one call, which also records its result. See
/// [`CircuitBreaker::acquire`](super::CircuitBreaker::acquire).
///
/// A permit dropped without a result, even by a panic, counts as nothing and frees a probe's slot.
/// If a timeout around the call has expired, dropping it counts as a failure instead.
#[must_use = "a permit that is dropped at once counts as nothing"]
pub struct Permit<'a, A: OuterTimeout = (), P: GuardedBy = &'a CircuitBreaker> {
    ticket: Ticket,
    /// `()` if there is no enclosing timeout, so that it takes no space in the future.
    above: A,
    place: P,
    /// When the call was admitted, in nanoseconds of the clock.
    #[cfg(feature = "metrics")]
    admitted: u64,
    breaker: PhantomData<&'a CircuitBreaker>,
}

/// A breaker, and the annotated function that it guards.
///
/// For a static breaker this is a function that returns both, which takes no space in a future.
pub trait GuardedBy {
    /// The breaker.
    fn breaker(&self) -> &CircuitBreaker;

    /// The annotated function.
    fn site(&self) -> Option<&'static Site>;

    /// Admits a call to a closed circuit.
    #[doc(hidden)]
    #[inline]
    fn admit_at_once(&self) -> Option<Ticket> {
        Some(self.breaker().inner().core.enter_closed()?.0)
    }

    /// Requests admission of a call that takes at most so long: a probe counts as lost after twice
    /// that time, or after one day if that is shorter, so even a call with a huge limit can't be
    /// waited for indefinitely.
    #[doc(hidden)]
    fn admit(&mut self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        self.breaker().inner().admit(longest, self.site())
    }
}

impl GuardedBy for &CircuitBreaker {
    #[inline]
    fn breaker(&self) -> &CircuitBreaker {
        self
    }

    #[inline]
    fn site(&self) -> Option<&'static Site> {
        None
    }

    fn admit(&mut self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        // Its state may have moved to the heap, where it may be closed.
        *self = self.inner().on_heap().unwrap_or(self);
        match self.admit_at_once() {
            Some(ticket) => Ok(ticket),
            None => self.inner().admit(longest, None),
        }
    }
}

impl<F: Fn() -> (&'static CircuitBreaker, &'static Site)> GuardedBy for F {
    #[inline]
    fn breaker(&self) -> &CircuitBreaker {
        self().0
    }

    #[inline]
    fn site(&self) -> Option<&'static Site> {
        Some(self().1)
    }

    #[inline]
    fn admit_at_once(&self) -> Option<Ticket> {
        match self().0.inner().core.enter_closed()? {
            (ticket, true) => Some(ticket),
            // To list it.
            (_, false) => None,
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the compiler takes this for cold: it calls `admit`")]
    fn admit(&mut self, longest: Option<Duration>) -> Result<Ticket, RetryAfter> {
        let (breaker, site) = self();
        breaker.admit_listed(longest, site)
    }
}

impl<F: Fn() -> (&'static CircuitBreaker, &'static Site) + Sync> Label for F {
    fn label(&self) -> &'static str {
        self().0.name()
    }
}

/// A breaker that isn't a static, and the annotated function that it guards.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    pub(crate) breaker: &'a CircuitBreaker,
    pub(crate) site: &'static Site,
}

impl GuardedBy for Held<'_> {
    #[inline]
    fn breaker(&self) -> &CircuitBreaker {
        self.breaker
    }

    #[inline]
    fn site(&self) -> Option<&'static Site> {
        Some(self.site)
    }
}

impl<A: OuterTimeout, P: GuardedBy> Permit<'_, A, P> {
    /// A permit that hasn't been granted.
    #[inline]
    pub(crate) const fn vacant(above: A, place: P) -> Self {
        Self {
            ticket: Ticket::NONE,
            above,
            place,
            #[cfg(feature = "metrics")]
            admitted: 0,
            breaker: PhantomData,
        }
    }

    /// A permit of a call that has been admitted.
    #[inline]
    pub(super) fn granted(above: A, place: P, ticket: Ticket) -> Self {
        let mut permit = Self::vacant(above, place);
        permit.grant(ticket);
        permit
    }

    /// Requests permission, if that is granted at once.
    #[inline]
    pub(crate) fn granted_at_once(mut self) -> Self {
        if let Some(ticket) = self.place.admit_at_once() {
            self.grant(ticket);
        }
        self
    }

    #[inline]
    fn grant(&mut self, ticket: Ticket) {
        let policy = &self.place.breaker().inner().policy;
        let keeps_time = !A::KEEPS_TIME && policy.abandoned_after.is_some();
        self.ticket = if keeps_time { ticket.with_time(clock::millis()) } else { ticket };
        #[cfg(feature = "metrics")]
        {
            self.admitted = clock::to_nanos(tokio::time::Instant::now());
        }
    }

    #[inline]
    pub(crate) fn is_granted(&self) -> bool {
        self.ticket != Ticket::NONE
    }

    /// Requests permission to make a call, which takes at most as long as its deadline allows.
    #[inline]
    pub(crate) fn request(&mut self) -> Result<(), Rejected> {
        let longest = self.above.deadline().map(Deadline::after);
        self.request_for(longest)
    }

    /// Requests permission to make a call that takes at most so long.
    #[inline]
    pub(crate) fn request_for(&mut self, longest: Option<Duration>) -> Result<(), Rejected> {
        if let Some(ticket) = self.place.admit_at_once() {
            self.grant(ticket);
            return Ok(());
        }
        self.request_slowly(longest)
    }

    /// Like [`request`](Self::request), after [`granted_at_once`](Self::granted_at_once).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the compiler takes this for cold: it calls `admit`")]
    pub(crate) fn request_again(&mut self) -> Result<(), Rejected> {
        let longest = self.above.deadline().map(Deadline::after);
        self.request_slowly(longest)
    }

    /// Returning the rejection up the stack would copy it at each level, right after it was written.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the compiler takes this for cold: it calls `admit`")]
    fn request_slowly(&mut self, longest: Option<Duration>) -> Result<(), Rejected> {
        match self.place.admit(longest) {
            Ok(ticket) => {
                self.grant(ticket);
                Ok(())
            }
            Err(wait) => Err(self.place.breaker().inner().rejection(wait)),
        }
    }

    pub(crate) fn place(&self) -> &P {
        &self.place
    }

    pub(crate) fn above(&self) -> &A {
        &self.above
    }

    /// Records that the call succeeded.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.succeeded();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn succeeded(mut self) {
        self.record_success();
    }

    /// Like [`succeeded`](Self::succeeded). Takes a reference, since passing the permit by value
    /// would copy it first.
    #[inline]
    pub(crate) fn record_success(&mut self) {
        #[cfg(feature = "metrics")]
        self.place.breaker().inner().metrics.succeeded(self.place.breaker().name(), self.elapsed());
        if !self.place.breaker().inner().core.is_at(self.ticket) {
            self.settle_slowly(Verdict::Success, LOST);
        }
        // Stored on both paths, so that the compiler knows it where the permit is dropped.
        self.ticket = Ticket::NONE;
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
    pub fn failed(mut self, error: &Classification) {
        self.record_failure(error);
    }

    #[cold]
    pub(crate) fn record_failure(&mut self, error: &Classification) {
        let breaker = self.place.breaker();
        metric!(breaker_call_failed(
            breaker.name(),
            crate::observe::metrics::outcome(error),
            self.elapsed()
        ));
        let verdict = match (error.rejected(), error.category()) {
            (Some(rejected), _) if rejected.is_timed_out() => Verdict::Failure,
            (Some(rejected), _) if breaker.inner().has_rejected(&rejected) => Verdict::Interrupted,
            (Some(_), _) | (_, Some(Category::Fatal)) => Verdict::Nothing,
            (None, None | Some(Category::Transient)) => Verdict::Failure,
            (None, Some(Category::Permanent | Category::Partial)) => Verdict::RejectedByCallee,
        };
        self.settle_slowly(verdict, error.code());
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

    /// Records that the call's outcome says nothing about the callee. Frees a probe's slot.
    ///
    /// ```
    /// # let breaker = resilience::CircuitBreaker::new("inventory");
    /// breaker.acquire()?.ignore();
    /// # Ok::<_, resilience::Rejected>(())
    /// ```
    #[inline]
    pub fn ignore(mut self) {
        metric!(breaker_call_failed(self.place.breaker().name(), "ignored", self.elapsed()));
        if !self.ticket.is_closed() {
            self.settle_slowly(Verdict::Nothing, LOST);
        }
        self.ticket = Ticket::NONE;
    }

    #[cfg(feature = "metrics")]
    fn elapsed(&self) -> Duration {
        let now = clock::to_nanos(tokio::time::Instant::now());
        Duration::from_nanos(now.saturating_sub(self.admitted))
    }

    /// Drops the permit if the call panics, and not only when the caller drops the call.
    #[inline]
    pub(crate) fn release_on_panic<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let on_panic = Release(self);
        let value = call();
        mem::forget(on_panic);
        value
    }

    /// As if the permit was dropped.
    #[inline]
    fn release(&mut self) {
        if self.is_granted() {
            self.release_slowly();
        }
    }

    /// Little code for the caller, so that the drop of a future stays inlined.
    #[cold]
    #[inline(never)]
    fn release_slowly(&mut self) {
        let ticket = mem::replace(&mut self.ticket, Ticket::NONE);
        let inner = self.place.breaker().inner();
        metric!(breaker_call_failed(
            inner.name,
            if self.above.deadline().is_some_and(Deadline::fired) {
                "rejected"
            } else {
                "abandoned"
            },
            self.elapsed()
        ));
        inner.dropped(ticket, self.above.deadline(), self.place.site());
    }

    #[cold]
    #[inline(never)]
    fn settle_slowly(&mut self, verdict: Verdict, code: &'static str) {
        // Taken, so that a panic doesn't record a second result.
        let ticket = mem::replace(&mut self.ticket, Ticket::NONE);
        self.place.breaker().inner().settle_slowly(ticket, verdict, code, self.place.site());
    }
}

impl<A: OuterTimeout, P: GuardedBy> Drop for Permit<'_, A, P> {
    #[inline]
    fn drop(&mut self) {
        self.release();
    }
}

struct Release<'p, 'a, A: OuterTimeout, P: GuardedBy>(&'p mut Permit<'a, A, P>);

impl<A: OuterTimeout, P: GuardedBy> Drop for Release<'_, '_, A, P> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<A: OuterTimeout, P: GuardedBy> fmt::Debug for Permit<'_, A, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.place.breaker().name();
        f.debug_struct("Permit").field("service", &name).finish_non_exhaustive()
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Permit<'static>>();
    assert!(
        size_of::<Permit<'static>>() <= if cfg!(feature = "metrics") { 24 } else { 16 },
        "a permit is held across the call, in every future"
    );
};
