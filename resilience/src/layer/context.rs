//! What the body of a retried function can ask about the call it belongs to.
//!
//! This is the crate's one module with `unsafe` code: a thread-local pointer to a frame in the
//! future that is polled.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::layer::deadline::Deadline;
use crate::support::random;

/// The call that the current body belongs to; see [`context`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallContext {
    /// The number of this attempt, from 1. Also 1 outside a retried function.
    pub attempt: u32,
    /// The idempotency key, if the `#[retry]` (or one further out) has one; the same in every
    /// attempt of a logical call.
    pub idempotency_key: Option<String>,
    /// What is left until the earliest deadline of the retried functions around, or `None` where
    /// none of them has a `#[timeout]`. That of a function without `#[retry]` isn't among
    /// them.
    pub time_left: Option<Duration>,
}

/// What is known about the call under way: attempt number, idempotency key, time left.
///
/// To be called in the body of a function under `#[retry]`, or in anything that the body awaits in
/// the same task. Outside it answers attempt 1, no key and no deadline. A task that the body spawns
/// is outside, unless the body itself polls it, as it does in a `LocalSet` of its own.
///
/// A key holds for everything within: a body that makes two operations, each of which asks for the
/// key, gets the same one twice, and has to tell them apart (`format!("{key}-refund")`), or the
/// callee takes the second for a repetition of the first.
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
///     let key = resilience::context().idempotency_key.expect("the attribute makes one");
///     // … send it as the header `idempotency-key` …
///     Ok(key)
/// }
/// # }
/// ```
///
/// Allocates only if there is a key. Costs a look at the clock if there is a deadline.
pub fn context() -> CallContext {
    let mut context = CallContext { attempt: 1, idempotency_key: None, time_left: None };
    let mut innermost = true;
    with_frames(|frame| {
        if innermost {
            context.attempt = frame.attempt;
            innermost = false;
        }
        if context.idempotency_key.is_none() {
            context.idempotency_key = frame.key.map(ToString::to_string);
        }
        if let Some(left) = frame.deadline.map(|deadline| deadline.time_left(Instant::now())) {
            context.time_left = Some(context.time_left.map_or(left, |least| least.min(left)));
        }
    });
    context
}

/// An idempotency key: generated, or the value of the attribute's expression.
pub enum Key<'a> {
    /// Random bits.
    Generated(u128),
    /// The user's.
    Given(&'a str),
}

impl Key<'_> {
    /// A random key: 122 random bits in the form of a version 4 UUID (RFC 9562).
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

/// What one attempt shows its body.
#[derive(Debug)]
pub struct Frame<'a> {
    attempt: u32,
    key: Option<&'a Key<'a>>,
    deadline: Option<&'a Deadline<'a>>,
    /// The frame around it while this one is visible. An atomic only because a shared `Cell` would
    /// make the future `!Sync`.
    outer: AtomicPtr<()>,
}

impl<'a> Frame<'a> {
    /// The attempt with this number.
    #[inline]
    pub const fn new(attempt: u32) -> Self {
        Self { attempt, key: None, deadline: None, outer: AtomicPtr::new(ptr::null_mut()) }
    }

    /// With the call's idempotency key.
    #[inline]
    #[must_use]
    pub const fn key(mut self, key: &'a Key<'a>) -> Self {
        self.key = Some(key);
        self
    }

    /// With the innermost deadline around the body.
    #[inline]
    #[must_use]
    pub const fn deadline(mut self, deadline: &'a Deadline<'a>) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs the body of a function that isn't async.
    #[inline]
    pub fn run<T>(self, body: impl FnOnce() -> T) -> T {
        enter(&self, body)
    }

    /// Makes the frame visible while `body` is polled, and at no other time.
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

thread_local! {
    static INNERMOST: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
}

/// Puts back what was there, also when the body panics.
struct Restore(*mut ());

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

#[inline]
fn enter<T>(frame: &Frame<'_>, body: impl FnOnce() -> T) -> T {
    let restore = Restore(INNERMOST.get());
    frame.outer.store(restore.0, Relaxed);
    INNERMOST.set(ptr::from_ref(frame).cast_mut().cast());
    body()
}

/// Shows the frames, the innermost first.
fn with_frames(mut look: impl FnMut(&Frame<'_>)) {
    let mut at = INNERMOST.get();
    // SAFETY: the list holds only frames that `enter` put there and has not left: each is borrowed
    // by an `enter` further up this thread's stack, whose guard unlinks it before it returns or
    // unwinds. Frames are only read, through a shared reference that doesn't outlive `look`, whose
    // argument is generic over the frame's lifetime and so can't leave it.
    while let Some(frame) = unsafe { at.cast_const().cast::<Frame<'_>>().as_ref() } {
        look(frame);
        at = frame.outer.load(Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_nest_and_go() {
        let key = Key::Given("outer-key");
        Frame::new(3).key(&key).run(|| {
            assert_eq!(context().attempt, 3);
            Frame::new(1).run(|| {
                assert_eq!(context().attempt, 1);
                assert_eq!(context().idempotency_key.as_deref(), Some("outer-key"));
            });
            let unwound = std::panic::catch_unwind(|| Frame::new(9).run(|| panic!("inside")));
            assert!(unwound.is_err());
            assert_eq!(context().attempt, 3);
        });
        assert_eq!(context(), CallContext { attempt: 1, idempotency_key: None, time_left: None });
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
