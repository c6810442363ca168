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
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::layer::deadline::Deadline;
use crate::support::random;

/// Describes the current call. Returned by [`context`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallContext {
    /// The number of this attempt, starting at 1. Also 1 outside a retried function.
    pub attempt: u32,
    /// The idempotency key, if the `#[retry]` (or an outer one) has one. All attempts of a logical
    /// call share the same key.
    pub idempotency_key: Option<String>,
    /// Time left until the earliest deadline of the enclosing retried functions, or `None` if none
    /// of them has a `#[timeout]`. Timeouts of functions without `#[retry]` aren't included.
    pub time_left: Option<Duration>,
}

/// Returns the context of the current call: attempt number, idempotency key and time left.
///
/// Call it in the body of a function with `#[retry]`, or in anything that the body awaits in the
/// same task. Elsewhere it returns attempt 1, no key and no deadline. This includes tasks spawned
/// by the body, unless the body itself polls them, as with its own `LocalSet`.
///
/// The key applies to everything in the body. If a body performs two operations that each use the
/// key, both get the same one, and the callee takes the second for a repetition of the first. Make
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
///     let key = resilience::context().idempotency_key.expect("the attribute makes one");
///     // … send it as the header `idempotency-key` …
///     Ok(key)
/// }
/// # }
/// ```
///
/// Allocates only if there is a key. Reads the clock only if there is a deadline.
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

/// The context that one attempt provides to its body.
#[derive(Debug)]
pub struct Frame<'a> {
    attempt: u32,
    key: Option<&'a Key<'a>>,
    deadline: Option<&'a Deadline<'a>>,
    /// The enclosing frame while this one is visible. Uses an atomic only because a shared `Cell`
    /// would make the future `!Sync`.
    outer: AtomicPtr<()>,
}

impl<'a> Frame<'a> {
    /// Creates the frame of an attempt with this number.
    #[inline]
    pub const fn new(attempt: u32) -> Self {
        Self { attempt, key: None, deadline: None, outer: AtomicPtr::new(ptr::null_mut()) }
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
