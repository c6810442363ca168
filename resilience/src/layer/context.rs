//! The context of a call, available in the body of a retried function.
//!
//! This is the only module in the crate with `unsafe` code: a thread-local pointer to a frame in
//! the future being polled.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::layer::deadline::{Deadline, Remaining};
use crate::support::random;

/// Describes the current call. Returned by [`context`].
///
/// It is a snapshot, except for [`mark_sent`](Self::mark_sent), which applies to the calls around
/// the place where it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    attempt: u32,
    key: Option<OwnedKey>,
    /// Read without the clock, which most callers don't need.
    deadline: Remaining,
}

impl CallContext {
    /// The number of this attempt, starting at 1. Also 1 outside a retried function.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The idempotency key, if the `#[retry]` (or an outer one) has one. All attempts of a logical
    /// call share the same key.
    pub fn idempotency_key(&self) -> Option<String> {
        self.key.as_ref().map(|key| key.as_key().to_string())
    }

    /// Time left until the earliest deadline of the enclosing retried functions and of the gRPC
    /// client that made the request, or `None` if none of them has one. Timeouts of functions
    /// without `#[retry]` aren't included.
    ///
    /// Reads the clock if there is a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.left()
    }

    /// Records that the body has done something that must not be done twice, such as sending a
    /// request. Under `#[retry(non_idempotent)]`, the attempt isn't repeated after that, even if
    /// its error says that nothing was sent.
    ///
    /// A `non_idempotent` call is only repeated if nothing was sent, and an error only knows about
    /// its own step. Some steps are recorded for you: an answer passed to `checked`, the commit of
    /// a `#[transaction]`, and the errors of inner annotated calls. A body that visibly awaits
    /// another step after one that isn't recorded is never repeated once it has begun. In functions
    /// that the body calls, call this after a step if a later step may fail.
    ///
    /// Applies to the current attempts of all enclosing calls in the same task. Starting a task
    /// with [`resilience::spawn`](crate::spawn) also marks them. Does nothing outside of an
    /// attempt, and has no effect on calls that may be repeated. Doesn't allocate.
    ///
    /// ```
    /// # #[cfg(feature = "macros")] {
    /// # #[derive(Debug, thiserror::Error, resilience::ServiceError)]
    /// # enum PrintError {
    /// #     #[error(transparent)] #[service(transparent)] Io(#[from] std::io::Error),
    /// #     #[error(transparent)] #[service(transparent)] Rejected(#[from] resilience::Rejected),
    /// # }
    /// # async fn print_label(_: u32) -> Result<(), PrintError> { Ok(()) }
    /// # async fn tell_the_courier(_: u32) -> Result<(), PrintError> { Ok(()) }
    /// use resilience::{retry, timeout};
    ///
    /// #[retry(non_idempotent)]
    /// #[timeout("5s")]
    /// async fn ship(order: u32) -> Result<(), PrintError> {
    ///     print_label(order).await?;
    ///     resilience::context().mark_sent();
    ///     tell_the_courier(order).await // if this is refused, no second label is printed
    /// }
    /// # }
    /// ```
    #[allow(clippy::unused_self, reason = "applies to the current call; reads well at the caller")]
    pub fn mark_sent(&self) {
        mark_sent();
    }
}

/// Returns the context of the current call: attempt number, idempotency key and time left.
///
/// Call it in the body of a function with `#[retry]`, or in anything that the body awaits in the
/// same task. A task started with [`resilience::spawn`](crate::spawn) sees the attempt that started
/// it. Elsewhere it returns attempt 1, no key and no deadline, also in other tasks that the body
/// spawns, unless the body itself polls them, as with its own `LocalSet`.
///
/// The key applies to everything in the body. If a body performs two operations that each use the
/// key, both get the same one, and the callee treats the second as a repetition of the first. Make
/// the keys distinct, for example with `format!("{key}-refund")`.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// # #[derive(Debug, thiserror::Error, resilience::ServiceError)]
/// # enum ChargeError { #[error(transparent)] #[service(transparent)] Rejected(#[from] resilience::Rejected) }
/// use resilience::{retry, timeout};
///
/// #[retry(idempotency_key)]
/// #[timeout("2s")]
/// async fn charge() -> Result<String, ChargeError> {
///     let key = resilience::context().idempotency_key().expect("the attribute makes one");
///     // … send it as the header `idempotency-key` …
///     Ok(key)
/// }
/// # }
/// ```
///
/// Allocates only if the attribute's key is an expression. Reads no clock.
pub fn context() -> CallContext {
    let mut context = CallContext { attempt: 1, key: None, deadline: Remaining::NONE };
    let mut innermost = true;
    with_frames(|frame| {
        if let (true, Some(attempt)) = (innermost, frame.attempt) {
            context.attempt = attempt.number;
            innermost = false;
        }
        if context.key.is_none() {
            context.key = frame.key.map(OwnedKey::of);
        }
        if let Some(deadline) = frame.deadline {
            context.deadline = context.deadline.earliest(deadline.remaining());
        }
    });
    context
}

/// Records for the current attempts of all enclosing calls that something was sent.
#[inline]
pub(crate) fn mark_sent() {
    with_frames(|frame| {
        if let Some(attempt) = frame.attempt {
            attempt.mark_sent();
        }
    });
}

/// The number of enclosing retried calls.
pub(crate) fn enclosing_calls() -> u32 {
    let mut calls = 0;
    with_frames(|frame| calls += u32::from(frame.attempt.is_some()));
    calls
}

/// The time left until the earliest deadline around this place, if there is one. Ignores the
/// deadline of a call that started this task, because the task may outlive the call.
pub(crate) fn time_left(now: Instant) -> Option<Duration> {
    let mut least: Option<Duration> = None;
    with_frames(|frame| {
        if frame.attempt.is_some_and(|attempt| attempt.is_carried) {
            return;
        }
        if let Some(left) = frame.deadline.map(|deadline| deadline.time_left(now)) {
            least = Some(least.map_or(left, |least| least.min(left)));
        }
    });
    least
}

/// Runs a function under a deadline that the caller has set.
#[cfg(feature = "tonic")]
pub(crate) fn within<T>(deadline: &Deadline<'_>, function: impl FnOnce() -> T) -> T {
    Frame { attempt: None, ..Frame::new(&AttemptState::first()) }.deadline(deadline).run(function)
}

/// One attempt of a retried call.
#[derive(Debug)]
pub struct AttemptState {
    /// Starts at 1.
    pub(crate) number: u32,
    /// Whether the body has done something that must not be done twice. Uses an atomic only because
    /// a shared `Cell` would make the future `!Send`.
    sent: AtomicBool,
    /// Whether this is the attempt of a call that started this task.
    is_carried: bool,
}

impl AttemptState {
    /// The state before the first attempt.
    pub(crate) const fn first() -> Self {
        Self { number: 1, sent: AtomicBool::new(false), is_carried: false }
    }

    #[inline]
    pub(crate) fn mark_sent(&self) {
        self.sent.store(true, Relaxed);
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.sent.load(Relaxed)
    }

    /// Moves on to the next attempt.
    pub(crate) fn next(&mut self) {
        *self = Self { number: self.number.saturating_add(1), ..Self::first() };
    }
}

/// An idempotency key: either generated, or the value of the attribute's expression.
pub enum Key<'a> {
    /// Random bits.
    Generated(u128),
    /// A key supplied by the user.
    Given(&'a str),
}

impl Key<'_> {
    /// Creates a random key: 122 random bits, formatted as a version 4 UUID (RFC 9562).
    pub fn generate() -> Self {
        let version = 4 << 76;
        let variant = 2 << 62;
        Self::Generated(random::unique128() & !(0xf << 76) & !(3 << 62) | version | variant)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generated(bits) => {
                let hex = format_args!("{bits:032x}").to_string();
                write!(
                    f,
                    "{}-{}-{}-{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                )
            }
            Self::Given(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// A key that outlives its call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnedKey {
    Generated(u128),
    Given(Box<str>),
}

impl OwnedKey {
    fn of(key: &Key<'_>) -> Self {
        match key {
            Key::Generated(bits) => Self::Generated(*bits),
            Key::Given(text) => Self::Given((*text).into()),
        }
    }

    fn as_key(&self) -> Key<'_> {
        match self {
            Self::Generated(bits) => Key::Generated(*bits),
            Self::Given(text) => Key::Given(text),
        }
    }
}

/// The context that one attempt provides to its body.
#[derive(Debug)]
pub struct Frame<'a> {
    /// `None` if the call isn't retried.
    attempt: Option<&'a AttemptState>,
    key: Option<&'a Key<'a>>,
    deadline: Option<&'a Deadline<'a>>,
    /// The enclosing frame while this one is visible. Uses an atomic only because a shared `Cell`
    /// would make the future `!Sync`.
    outer: AtomicPtr<()>,
}

impl<'a> Frame<'a> {
    /// Creates the frame of an attempt.
    #[inline]
    pub const fn new(attempt: &'a AttemptState) -> Self {
        Self {
            attempt: Some(attempt),
            key: None,
            deadline: None,
            outer: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Adds the call's idempotency key.
    #[inline]
    #[must_use]
    pub const fn key(mut self, key: &'a Key<'a>) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds the innermost deadline around the body.
    #[inline]
    #[must_use]
    pub const fn deadline(mut self, deadline: &'a Deadline<'a>) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs the body of a synchronous function.
    #[inline]
    pub fn run<T>(self, body: impl FnOnce() -> T) -> T {
        enter(&self, body)
    }

    /// Makes the frame visible only while `body` is being polled.
    #[inline]
    pub const fn scope<F>(self, body: F) -> Scoped<'a, F> {
        Scoped { frame: self, body }
    }
}

pin_project! {
    /// The future of [`Frame::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Scoped<'a, F> {
        frame: Frame<'a>,
        #[pin]
        body: F,
    }
}

impl<F: Future> Future for Scoped<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let body = this.body;
        enter(this.frame, || body.poll(cx))
    }
}

/// What a task keeps of the call that started it.
#[cfg(feature = "boundary")]
#[derive(Debug)]
struct OwnedFrame {
    attempt: AttemptState,
    key: Option<OwnedKey>,
    deadline: Option<Deadline<'static>>,
}

/// Passes the context of the current call on to another task: the number of the attempt, the key
/// and the deadline.
///
/// Marks the attempt as sent, because it is unknown what the task has done by the time the attempt
/// fails.
#[cfg(feature = "boundary")]
pub(crate) fn carry<F>(body: F) -> Carried<F> {
    if enclosing_calls() == 0 {
        return Carried { call: None, body };
    }
    mark_sent();
    let CallContext { attempt, key, deadline } = context();
    let attempt = AttemptState { number: attempt, is_carried: true, ..AttemptState::first() };
    let deadline = Deadline::of_remaining(deadline);
    Carried { call: Some(Box::new(OwnedFrame { attempt, key, deadline })), body }
}

#[cfg(feature = "boundary")]
pin_project! {
    /// The future of [`carry`].
    pub(crate) struct Carried<F> {
        // Boxed, because most tasks have none.
        call: Option<Box<OwnedFrame>>,
        #[pin]
        body: F,
    }
}

#[cfg(feature = "boundary")]
impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(call) = this.call else { return this.body.poll(cx) };
        let key = call.key.as_ref().map(OwnedKey::as_key);
        let mut frame = Frame::new(&call.attempt);
        frame.key = key.as_ref();
        frame.deadline = call.deadline.as_ref();
        enter(&frame, || this.body.poll(cx))
    }
}

thread_local! {
    static INNERMOST: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
}

/// Restores the previous frame, even if the body panics.
struct Restore(*mut ());

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

#[inline]
pub(super) fn enter<T>(frame: &Frame<'_>, body: impl FnOnce() -> T) -> T {
    let restore = Restore(INNERMOST.get());
    frame.outer.store(restore.0, Relaxed);
    INNERMOST.set(ptr::from_ref(frame).cast_mut().cast());
    body()
}

/// Calls `look` with each visible frame, innermost first.
fn with_frames(mut look: impl FnMut(&Frame<'_>)) {
    let mut at = INNERMOST.get();
    // SAFETY: the list contains only frames added by calls to `enter` that are still running. Each
    // frame is borrowed by an `enter` further up this thread's stack, whose guard unlinks it before
    // `enter` returns or unwinds. Frames are only read, through a shared reference that doesn't
    // outlive `look`: its argument is generic over the frame's lifetime, so the reference can't
    // escape.
    while let Some(frame) = unsafe { at.cast_const().cast::<Frame<'_>>().as_ref() } {
        look(frame);
        at = frame.outer.load(Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> AttemptState {
        AttemptState { number, ..AttemptState::first() }
    }

    #[test]
    fn nested_frames_are_visible_until_they_end() {
        let key = Key::Given("outer-key");
        let (outer, inner, panicking) = (attempt(3), attempt(1), attempt(9));
        Frame::new(&outer).key(&key).run(|| {
            assert_eq!(context().attempt(), 3);
            Frame::new(&inner).run(|| {
                assert_eq!(context().attempt(), 1);
                assert_eq!(context().idempotency_key().as_deref(), Some("outer-key"));
            });
            let unwound =
                std::panic::catch_unwind(|| Frame::new(&panicking).run(|| panic!("inside")));
            assert!(unwound.is_err());
            assert_eq!(context().attempt(), 3);
        });
        let outside = context();
        assert_eq!((outside.attempt(), outside.idempotency_key()), (1, None));
        assert_eq!(outside.remaining(), None);
    }

    #[test]
    fn mark_reaches_all_enclosing_attempts_and_no_other() {
        let (outer, inner, earlier) = (attempt(1), attempt(2), attempt(1));
        Frame::new(&outer).run(|| {
            Frame::new(&earlier).run(|| ());
            Frame::new(&inner).run(|| context().mark_sent());
        });
        assert!(outer.has_sent() && inner.has_sent() && !earlier.has_sent());
        context().mark_sent();
    }

    #[test]
    fn a_generated_key_is_a_version_4_uuid() {
        let text = Key::generate().to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert_ne!(text, Key::generate().to_string());
    }
}
