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
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::error::taxonomy::{LastFailure, last_failure};
use crate::layer::deadline::{Deadline, OuterTimeout, Remaining};
use crate::layer::retry_budget::BudgetCharge;
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

    /// The key of one operation among several under the same key: `{key}-{operation}`.
    ///
    /// If one body makes two calls that each need a key, or calls two functions that do, the callee
    /// would take the second for a repetition of the first. Give each a name, such as the function's,
    /// which must not change between attempts.
    ///
    /// ```
    /// # #[cfg(feature = "macros")] {
    /// # #[derive(Debug, thiserror::Error, resilience::ServiceError)]
    /// # enum ChargeError { #[error(transparent)] #[service(transparent)] Rejected(#[from] resilience::Rejected) }
    /// # async fn send(_: &str, _: String) -> Result<(), ChargeError> { Ok(()) }
    /// use resilience::{context, retry, timeout};
    ///
    /// #[retry(idempotency_key)]
    /// #[timeout("2s")]
    /// async fn exchange() -> Result<(), ChargeError> {
    ///     for operation in ["charge", "refund"] {
    ///         let key = context().idempotency_key_for(operation).expect("the attribute makes one");
    ///         send(operation, key).await?; // `…-charge`, `…-refund`
    ///     }
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn idempotency_key_for(&self, operation: &str) -> Option<String> {
        self.key.as_ref().map(|key| format!("{}-{operation}", key.as_key()))
    }

    /// Time left until the earliest deadline of the enclosing annotated functions, of the request,
    /// and of the gRPC client that has made it, or `None` if none of them has one.
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
/// key, both get the same one, and the callee takes the second for a repetition of the first. Make
/// the keys distinct with [`idempotency_key_for`](CallContext::idempotency_key_for).
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
            context.attempt = attempt.number();
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

/// Records for the current attempts of all enclosing calls that a breaker inside them has rejected a
/// call. Their bodies have run then, whichever breaker it was.
#[inline]
pub(crate) fn note_rejected_inside() {
    if !INNERMOST.get().is_null() {
        mark_rejected_inside();
    }
}

#[cold]
fn mark_rejected_inside() {
    with_frames(|frame| {
        if let Some(attempt) = frame.attempt {
            attempt.word.fetch_or(AttemptState::REJECTED_INSIDE, Relaxed);
        }
    });
}

/// Notes a failure for the timeouts of all enclosing calls, which tell it if they expire.
pub(crate) fn note_failure(service: &'static str, code: &'static str) {
    if INNERMOST.get().is_null() {
        return;
    }
    let failure = last_failure::number_of(service, code);
    with_frames(|frame| {
        if let Some(deadline) = frame.deadline {
            deadline.note(failure);
        }
    });
}

/// Notes for the current attempts of all enclosing calls that a retry has given up with this error.
pub(crate) fn note_given_up(service: &'static str, code: &'static str) {
    if INNERMOST.get().is_null() {
        return;
    }
    // There are fewer failures than that.
    let failure = last_failure::number_of(service, code).try_into().unwrap_or(0);
    with_frames(|frame| {
        if let Some(attempt) = frame.attempt {
            attempt.given_up.store(failure, Relaxed);
        }
    });
}

/// Forgets that, because the error has been handled.
pub(crate) fn forget_given_up() {
    with_frames(|frame| {
        if let Some(attempt) = frame.attempt {
            attempt.given_up.store(0, Relaxed);
        }
    });
}

/// The time left until the earliest deadline around this place, if there is one.
pub(crate) fn time_left(now: Instant) -> Option<Duration> {
    let mut least: Option<Duration> = None;
    with_frames(|frame| {
        if let Some(left) = frame.deadline.map(|deadline| deadline.time_left(now)) {
            least = Some(least.map_or(left, |least| least.min(left)));
        }
    });
    least
}

/// Runs a function under a deadline, for example that of a request.
#[inline]
pub(crate) fn within<T>(deadline: &Deadline<'_>, function: impl FnOnce() -> T) -> T {
    Linked::run(deadline, function)
}

/// The number of an attempt, and what it remembers.
///
/// Atomics only because a shared `Cell` would make the future `!Send`.
#[derive(Debug)]
pub struct AttemptState {
    /// The number above two flags.
    word: AtomicU32,
    /// The number of the error with which an inner retry has given up, or 0.
    given_up: AtomicU16,
    /// What the retry has cost that this attempt is. Here, because there is space for it.
    pub(crate) withdrawn: Option<BudgetCharge>,
}

/// Every future of a retried call contains one.
const _: () = assert!(size_of::<AttemptState>() == 8);

impl AttemptState {
    /// The body has done something that must not be done twice.
    const SENT: u32 = 1;
    /// A breaker has rejected a call inside the body.
    const REJECTED_INSIDE: u32 = 1 << 1;
    const FIRST: u32 = 1 << 2;
    /// The largest number. More attempts than that count as this one.
    const LAST: u32 = u32::MAX / Self::FIRST;

    /// The state before the first attempt.
    #[inline]
    pub(crate) const fn first() -> Self {
        Self { word: AtomicU32::new(Self::FIRST), given_up: AtomicU16::new(0), withdrawn: None }
    }

    /// The attempt of a call that has started the task.
    #[cfg(feature = "boundary")]
    fn carried(number: u32) -> Self {
        let attempt = Self::first();
        attempt.word.store(number.min(Self::LAST) * Self::FIRST, Relaxed);
        attempt
    }

    /// The code of the error with which an inner retry has given up in this attempt.
    pub(crate) fn given_up(&self) -> Option<&'static str> {
        last_failure::by_number(self.given_up.load(Relaxed).into()).map(LastFailure::code)
    }

    /// Starts at 1.
    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.word.load(Relaxed) / Self::FIRST
    }

    #[inline]
    pub(crate) fn is_first(&self) -> bool {
        self.word.load(Relaxed) < 2 * Self::FIRST
    }

    #[inline]
    pub(crate) fn mark_sent(&self) {
        self.word.fetch_or(Self::SENT, Relaxed);
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.word.load(Relaxed) & Self::SENT != 0
    }

    pub(crate) fn has_rejected_inside(&self) -> bool {
        self.word.load(Relaxed) & Self::REJECTED_INSIDE != 0
    }

    /// Moves on to the next attempt, and keeps what it has cost.
    pub(crate) fn next(&mut self) {
        let number = (self.number() + 1).min(Self::LAST);
        let word = AtomicU32::new(number * Self::FIRST);
        *self = Self { word, withdrawn: self.withdrawn, ..Self::first() };
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

/// What a body can query, while it is polled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// `None` if the call isn't retried.
    attempt: Option<&'a AttemptState>,
    key: Option<&'a Key<'a>>,
    /// The innermost deadline around the body.
    deadline: Option<&'a Deadline<'a>>,
}

impl<'a> Frame<'a> {
    #[inline]
    pub(crate) const fn new(
        attempt: Option<&'a AttemptState>,
        key: Option<&'a Key<'a>>,
        deadline: Option<&'a Deadline<'a>>,
    ) -> Self {
        Self { attempt, key, deadline }
    }

    /// Makes the frame visible while `body` runs.
    #[inline]
    pub(crate) fn run<T>(self, body: impl FnOnce() -> T) -> T {
        Linked::run(self, body)
    }
}

/// A frame, or the parts of one that has no others: each part takes time to write.
trait Parts {
    /// The type, in the low bits of a pointer to it.
    const TYPE: usize;
}

/// The bits of a pointer that tell the type.
const TYPE_BITS: usize = 0b11;

impl Parts for Frame<'_> {
    const TYPE: usize = 0;
}

impl<'a> Parts for &'a Deadline<'a> {
    const TYPE: usize = 1;
}

impl Parts for &AttemptState {
    const TYPE: usize = 2;
}

impl<'a> Parts for (&'a AttemptState, &'a Deadline<'a>) {
    const TYPE: usize = 3;
}

/// A frame in the list of those that are visible.
struct Linked<P> {
    /// The enclosing frame, with its type.
    outer: *const (),
    parts: P,
}

impl<P: Parts> Linked<P> {
    /// Makes the parts visible while `body` runs.
    #[inline]
    fn run<T>(parts: P, body: impl FnOnce() -> T) -> T {
        const { assert!(align_of::<Self>() > TYPE_BITS) }
        let restore = Restore(INNERMOST.get());
        let linked = Self { outer: restore.0, parts };
        INNERMOST.set(ptr::from_ref(&linked).cast::<()>().map_addr(|address| address | P::TYPE));
        body()
    }
}

/// What is visible to a body beside a deadline: an attempt, with its key if it has one, or nothing.
pub trait Visible {
    /// Runs a part of the body under the innermost deadline around it.
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T;
}

impl Visible for () {
    #[inline]
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T {
        match deadline {
            Some(deadline) => within(deadline, poll),
            None => poll(),
        }
    }
}

impl Visible for &AttemptState {
    #[inline]
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T {
        match deadline {
            Some(deadline) => Linked::run((*self, deadline), poll),
            None => Linked::run(*self, poll),
        }
    }
}

/// An attempt of a call that has an idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct WithKey<'a> {
    pub(crate) attempt: &'a AttemptState,
    pub(crate) key: &'a Key<'a>,
}

impl Visible for WithKey<'_> {
    #[inline]
    fn during<T>(&self, deadline: Option<&Deadline<'_>>, poll: impl FnOnce() -> T) -> T {
        Frame::new(Some(self.attempt), Some(self.key), deadline).run(poll)
    }
}

pin_project! {
    /// A body to which an attempt is visible, only while it is being polled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub(crate) struct Scoped<V, D, F> {
        visible: V,
        deadline: D,
        #[pin]
        body: F,
    }
}

impl<V, D, F> Scoped<V, D, F> {
    #[inline]
    pub(crate) const fn new(visible: V, deadline: D, body: F) -> Self {
        Self { visible, deadline, body }
    }
}

impl<V: Visible, D: OuterTimeout, F: Future> Future for Scoped<V, D, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let body = this.body;
        this.visible.during(this.deadline.deadline(), || body.poll(cx))
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
    if INNERMOST.get().is_null() {
        return Carried { call: None, body };
    }
    mark_sent();
    let CallContext { attempt, key, deadline } = context();
    let attempt = AttemptState::carried(attempt);
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
        let frame = Frame::new(Some(&call.attempt), key.as_ref(), call.deadline.as_ref());
        frame.run(|| this.body.poll(cx))
    }
}

thread_local! {
    static INNERMOST: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Restores the previous frame, even if the body panics.
struct Restore(*const ());

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

/// Calls `look` with each visible frame, innermost first.
fn with_frames(mut look: impl FnMut(&Frame<'_>)) {
    let mut at = INNERMOST.get();
    while !at.is_null() {
        // SAFETY: the list contains only frames of calls to `run` that are still running. Each
        // frame is a local of a `run` further up this thread's stack, whose guard unlinks it before
        // `run` returns or unwinds. `look` is generic over the frame's lifetime, so nothing of it
        // can escape.
        let (outer, frame) = unsafe { read(at) };
        look(&frame);
        at = outer;
    }
}

/// Returns the enclosing frame, and what the frame at `at` consists of.
///
/// # Safety
/// `at` must be a pointer that [`Linked::run`] has set, and that `run` must not end in `'a`.
unsafe fn read<'a>(at: *const ()) -> (*const (), Frame<'a>) {
    /// # Safety
    /// As above, and `P` must be the type that the pointer tells.
    unsafe fn linked<P: Parts + Copy>(at: *const ()) -> (*const (), P) {
        let linked = at.map_addr(|address| address & !TYPE_BITS).cast::<Linked<P>>();
        // SAFETY: the pointer comes from a reference to a `Linked<P>`, which nothing writes to once
        // it is linked.
        let linked = unsafe { &*linked };
        (linked.outer, linked.parts)
    }

    // SAFETY: `run` writes the type of its parts into the pointer.
    unsafe {
        match at.addr() & TYPE_BITS {
            <&Deadline<'_>>::TYPE => {
                let (outer, deadline) = linked::<&'a Deadline<'a>>(at);
                (outer, Frame::new(None, None, Some(deadline)))
            }
            <&AttemptState>::TYPE => {
                let (outer, attempt) = linked::<&'a AttemptState>(at);
                (outer, Frame::new(Some(attempt), None, None))
            }
            <(&AttemptState, &Deadline<'_>)>::TYPE => {
                let (outer, (attempt, deadline)) =
                    linked::<(&'a AttemptState, &'a Deadline<'a>)>(at);
                (outer, Frame::new(Some(attempt), None, Some(deadline)))
            }
            _ => linked::<Frame<'a>>(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> AttemptState {
        let mut attempt = AttemptState::first();
        (1..number).for_each(|_| attempt.next());
        attempt
    }

    fn run<T>(attempt: &AttemptState, body: impl FnOnce() -> T) -> T {
        Frame::new(Some(attempt), None, None).run(body)
    }

    #[test]
    fn nested_frames_are_visible_until_they_end() {
        let key = Key::Given("outer-key");
        let (outer, inner, panicking) = (attempt(3), attempt(1), attempt(9));
        Frame::new(Some(&outer), Some(&key), None).run(|| {
            assert_eq!(context().attempt(), 3);
            run(&inner, || {
                assert_eq!(context().attempt(), 1);
                assert_eq!(context().idempotency_key().as_deref(), Some("outer-key"));
            });
            let unwound = std::panic::catch_unwind(|| run(&panicking, || panic!("inside")));
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
        run(&outer, || {
            run(&earlier, || ());
            run(&inner, || context().mark_sent());
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
