//! One attempt of a call: the wait before it, its breaker, its timeout, and what its body can
//! query.
//!
//! These are one future, and not one for each layer, because each future and each `.await` in a
//! user's function takes time to compile.

use std::fmt::Display;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
// The path before tokio 1.44. Both paths are public.
use tokio::task::{consume_budget, unconstrained};
use tokio::time::Sleep;

use super::circuit_breaker::{GuardedBy, Permit};
use super::classified::Classified;
use super::context::{self, AttemptState, Key, Visible, WithKey};
use super::deadline::{Deadline, OuterTimeout};
use super::events;
use super::retry::{Attempts, Wait};
use super::site::Site;
use crate::{Classify, Rejected, taxonomy::FromRejected};

pin_project! {
    /// The future of an attempt. Types of no size stand for the layers that it doesn't have.
    #[allow(missing_debug_implementations)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Attempt<F, R, G, T, C> {
        // Dropped before the guard, which is released when the call is over.
        #[pin]
        call: F,
        // Waits before the attempt, and then for the timeout.
        #[pin]
        timer: T,
        repeated: R,
        guard: G,
        convert: C,
    }
}

impl<F, R, G, T, C> Attempt<F, R, G, T, C> {
    #[inline]
    pub(crate) const fn new(call: F, timer: T, repeated: R, guard: G, convert: C) -> Self {
        Self { call, timer, repeated, guard, convert }
    }
}

impl<T, E, F, R, G, S, C> Future for Attempt<F, R, G, S, C>
where
    F: Future<Output = Result<T, E>>,
    R: Repeated,
    G: Guard<E, C>,
    S: Timer,
    C: Reject<E>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if (R::WAITS || G::REQUESTS) && !this.guard.has_begun() {
            if let Some(wait) = this.repeated.wait() {
                ready!(this.timer.as_mut().pause(wait, cx));
            }
            if let Err(rejected) = this.guard.request() {
                return Poll::Ready(Err(this.convert.reject(rejected)));
            }
        }
        let call = this.call;
        // A deadline above is visible already.
        let deadline = if S::LIMITS { this.guard.deadline() } else { None };
        match this.repeated.during(deadline, || call.poll(cx)) {
            Poll::Ready(Ok(value)) => {
                this.guard.succeeded();
                Poll::Ready(Ok(value))
            }
            Poll::Ready(Err(error)) => {
                this.guard.failed(&error, this.convert);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let (deadline, site) = (this.guard.deadline(), this.guard.site());
                let rejected = ready!(this.timer.wait(deadline, site, cx));
                let error = this.convert.reject(rejected);
                this.guard.failed(&error, this.convert);
                Poll::Ready(Err(error))
            }
        }
    }
}

/// An attempt of a retried call, or `()`.
pub trait Repeated: Visible {
    /// Whether the attempt waits before it begins. Otherwise the loop does.
    const WAITS: bool;

    /// How long this attempt waits.
    fn wait(&self) -> Option<Duration>;
}

macro_rules! never_waits {
    ($($type:ty),*) => {$(
        impl Repeated for $type {
            const WAITS: bool = false;

            #[inline]
            fn wait(&self) -> Option<Duration> {
                None
            }
        }
    )*};
}

never_waits!((), &AttemptState, WithKey<'_>);

/// An attempt that waits before it begins.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a, V> {
    attempts: &'a Attempts,
    visible: V,
}

impl<'a> Waiting<'a, ()> {
    #[inline]
    pub(crate) const fn new(attempts: &'a Attempts) -> Self {
        Self { attempts, visible: () }
    }

    /// Adds the call's idempotency key.
    #[inline]
    pub(crate) const fn with_key(self, key: &'a Key<'a>) -> Waiting<'a, &'a Key<'a>> {
        Waiting { attempts: self.attempts, visible: key }
    }
}

impl Visible for Waiting<'_, ()> {
    #[inline]
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T {
        self.attempts.current().during(deadline, poll)
    }
}

impl<'a> Visible for Waiting<'a, &'a Key<'a>> {
    #[inline]
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T {
        WithKey { attempt: self.attempts.current(), key: self.visible }.during(deadline, poll)
    }
}

impl<V> Repeated for Waiting<'_, V>
where
    Self: Visible,
{
    const WAITS: bool = true;

    #[inline]
    fn wait(&self) -> Option<Duration> {
        self.attempts.wait()
    }
}

/// The breaker of an attempt, or none.
pub trait Guard<E, C> {
    /// Whether it must be asked for permission.
    const REQUESTS: bool;

    /// Whether the body has been polled, or permission for it was granted.
    fn has_begun(&self) -> bool;

    fn request(&mut self) -> Result<(), Rejected>;

    fn succeeded(&mut self);

    fn failed(&mut self, error: &E, convert: &C);

    /// The innermost deadline of the attempt.
    fn deadline(&self) -> Option<&Deadline<'_>>;

    fn site(&self) -> Option<&Site>;
}

impl<E: Display, C: ClassifyError<E>, A: OuterTimeout, P: GuardedBy> Guard<E, C>
    for Permit<'_, A, P>
{
    const REQUESTS: bool = true;

    #[inline]
    fn has_begun(&self) -> bool {
        self.is_granted()
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a rejection is written where the caller wants it")]
    fn request(&mut self) -> Result<(), Rejected> {
        self.request_again()
    }

    #[inline]
    fn succeeded(&mut self) {
        self.record_success();
    }

    #[cold]
    fn failed(&mut self, error: &E, convert: &C) {
        let class = match self.place().site() {
            Some(site) => site.classify(error, |error| convert.classify(error)).class,
            None => convert.classify(error).class,
        };
        self.record_failure(&class);
    }

    #[inline]
    fn deadline(&self) -> Option<&Deadline<'_>> {
        self.above().deadline()
    }

    #[inline]
    fn site(&self) -> Option<&Site> {
        self.place().site()
    }
}

/// An attempt with a timeout and no breaker.
#[derive(Debug)]
pub struct Unguarded<D, S> {
    pub(crate) deadline: D,
    pub(crate) site: S,
}

/// The annotated function of an attempt: a function that returns it, which takes no space in a
/// future, or a reference.
pub trait At {
    fn site(&self) -> &Site;
}

impl At for &Site {
    #[inline]
    fn site(&self) -> &Site {
        self
    }
}

impl<F: Fn() -> &'static Site> At for F {
    #[inline]
    fn site(&self) -> &Site {
        self()
    }
}

impl<E, C, D: OuterTimeout, S: At> Guard<E, C> for Unguarded<D, S> {
    const REQUESTS: bool = false;

    #[inline]
    fn has_begun(&self) -> bool {
        self.deadline.deadline().is_some_and(Deadline::has_started)
    }

    #[inline]
    fn request(&mut self) -> Result<(), Rejected> {
        Ok(())
    }

    #[inline]
    fn succeeded(&mut self) {}

    #[inline]
    fn failed(&mut self, _: &E, _: &C) {}

    #[inline]
    fn deadline(&self) -> Option<&Deadline<'_>> {
        self.deadline.deadline()
    }

    #[inline]
    fn site(&self) -> Option<&Site> {
        Some(self.site.site())
    }
}

/// The timer of an attempt that waits or has a timeout, or `()`.
pub trait Timer {
    /// Whether it is the timer of a timeout.
    const LIMITS: bool;

    /// Waits before the attempt.
    fn pause(self: Pin<&mut Self>, wait: Duration, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready once the deadline is over.
    fn wait(
        self: Pin<&mut Self>,
        deadline: Option<&Deadline<'_>>,
        site: Option<&Site>,
        cx: &mut Context<'_>,
    ) -> Poll<Rejected>;
}

impl Timer for () {
    const LIMITS: bool = false;

    #[inline]
    fn pause(self: Pin<&mut Self>, _: Duration, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    #[inline]
    fn wait(
        self: Pin<&mut Self>,
        _: Option<&Deadline<'_>>,
        _: Option<&Site>,
        _: &mut Context<'_>,
    ) -> Poll<Rejected> {
        Poll::Pending
    }
}

impl Timer for Option<Sleep> {
    const LIMITS: bool = true;

    #[cold]
    fn pause(mut self: Pin<&mut Self>, wait: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_none() && Wait(wait).is_skipped() {
            // Has no state, so it can be created anew at every poll.
            return pin!(consume_budget()).poll(cx);
        }
        if self.is_none() {
            self.set(Some(tokio::time::sleep(wait)));
        }
        if let Some(sleep) = self.as_mut().as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        self.set(None);
        Poll::Ready(())
    }

    fn wait(
        mut self: Pin<&mut Self>,
        deadline: Option<&Deadline<'_>>,
        site: Option<&Site>,
        cx: &mut Context<'_>,
    ) -> Poll<Rejected> {
        let (Some(deadline), Some(site)) = (deadline, site) else { return Poll::Pending };
        if self.is_none() {
            self.set(Some(tokio::time::sleep_until(deadline.start())));
        }
        // Unconstrained. Otherwise the timer would never make progress if the call uses up the
        // task's budget at every poll.
        match self.as_pin_mut().map(|sleep| pin!(unconstrained(sleep)).poll(cx)) {
            Some(Poll::Ready(())) => {
                // Fires before the call is dropped, so that a permit inside it settles as timed
                // out.
                deadline.fire();
                let failure = deadline.last_failure();
                events::call_timed_out(site, deadline.after(), failure);
                // The frames that are visible here are those of enclosing calls.
                context::note_failure(site.service(), "NETWORK_TIMEOUT");
                Poll::Ready(Rejected::timed_out_after(site.service(), deadline.after(), failure))
            }
            _ => Poll::Pending,
        }
    }
}

/// Converts a layer's own failure into the call's error type.
pub trait Reject<E> {
    fn reject(&self, rejected: Rejected) -> E;
}

/// Classifies the call's errors.
pub trait ClassifyError<E> {
    fn classify(&self, error: &E) -> Classified<E>;
}

/// Both, for an error that does it by itself.
///
/// From a closure in the expansion, so that the type doesn't repeat the bounds on the error. rustc
/// would report a missing trait again wherever the future is used.
#[derive(Debug, Clone, Copy)]
pub struct ByItself<F>(pub(crate) F);

/// What the closure returns.
#[derive(Debug)]
pub struct Conversions<E> {
    reject: fn(Rejected) -> E,
    classify: fn(&E) -> Classified<E>,
}

impl<E: Classify + FromRejected> Conversions<E> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { reject: E::from_rejected, classify: Classified::of }
    }
}

impl<E, F: Fn() -> Conversions<E>> Reject<E> for ByItself<F> {
    #[inline]
    fn reject(&self, rejected: Rejected) -> E {
        ((self.0)().reject)(rejected)
    }
}

impl<E, F: Fn() -> Conversions<E>> ClassifyError<E> for ByItself<F> {
    #[inline]
    fn classify(&self, error: &E) -> Classified<E> {
        ((self.0)().classify)(error)
    }
}

/// `rejected = …` and `classify = …`.
#[derive(Debug, Clone, Copy)]
pub struct By<R, C>(pub(crate) R, pub(crate) C);

impl<E, R: Fn(Rejected) -> E, C> Reject<E> for By<R, C> {
    #[inline]
    fn reject(&self, rejected: Rejected) -> E {
        (self.0)(rejected)
    }
}

impl<E, R, C: Fn(&E) -> Classified<E>> ClassifyError<E> for By<R, C> {
    #[inline]
    fn classify(&self, error: &E) -> Classified<E> {
        (self.1)(error)
    }
}
