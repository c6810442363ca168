//! What `#[degrade]` calls, and asks of the return type.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::fmt::Display;
#[cfg(feature = "stale")]
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::ops::Deref;
#[cfg(feature = "stale")]
use std::pin::pin;
#[cfg(feature = "stale")]
use std::task::Poll;
#[cfg(feature = "stale")]
use std::time::Duration;

use crate::degrade::Source;
#[cfg(feature = "stale")]
pub use crate::degrade::StaleValues;
use crate::layer::classified::Classified;
pub use crate::layer::degrade::internals::*;
#[cfg(feature = "stale")]
use crate::private::handle::Names;
use crate::registry::Site;
use crate::{Classify, Degrade, Flag, Rejected, Sourced, flags};

/// How a function that returns an `R` is answered for. The compiler chooses by the type: the
/// methods of `Answers<Result<Sourced<T>, E>>` hide those of [`PlainAnswers`], which it
/// dereferences to. They have names that no user trait has. Otherwise a user's blanket
/// implementation would take precedence.
#[derive(Debug)]
pub struct Answers<R>(PhantomData<fn() -> R>);

/// How a function is answered for whose `Ok` type isn't a [`Sourced`].
#[derive(Debug)]
pub struct PlainAnswers<R>(PhantomData<fn() -> R>);

impl<R> Answers<R> {
    pub const NEW: Self = Self(PhantomData);
}

impl<R> Deref for Answers<R> {
    type Target = PlainAnswers<R>;

    #[inline]
    fn deref(&self) -> &PlainAnswers<R> {
        &PlainAnswers(PhantomData)
    }
}

impl<T, E> Answers<Result<Sourced<T>, E>> {
    /// The function that makes an `Ok` value of a fallback and the code of its cause.
    #[inline]
    pub const fn make_of_fallback(&self) -> fn(T, &'static str) -> Sourced<T> {
        Sourced::fallback
    }

    /// The function that finds the last good value.
    #[cfg(feature = "stale")]
    #[inline]
    pub fn find_last_good<'a>(
        &self,
    ) -> fn(&'a StaleValues, u128, Duration) -> Stale<'a, Sourced<T>, T>
    where
        T: Keepable,
    {
        Stale::sourced
    }
}

impl<T, E> PlainAnswers<Result<T, E>> {
    /// The function that makes an `Ok` value of a fallback and the code of its cause.
    #[inline]
    pub const fn make_of_fallback(&self) -> fn(T, &'static str) -> T {
        |value, _| value
    }

    /// The function that finds the last good value.
    #[cfg(feature = "stale")]
    #[inline]
    pub fn find_last_good<'a>(&self) -> fn(&'a StaleValues, u128, Duration) -> Stale<'a, T, T>
    where
        T: Keepable,
    {
        Stale::plain
    }
}

/// [`Degrade::activate`], for an error that classifies itself. Returns its code if it applies.
#[inline]
pub fn activated<E: Classify>(
    policy: Degrade,
    error: &E,
    fallback: &'static str,
    site: &Site,
) -> Option<&'static str> {
    activated_by(policy, error, fallback, site, Classified::of)
}

/// Like [`activated`], with `classify = …`.
#[inline]
pub fn activated_by<E: Display>(
    policy: Degrade,
    error: &E,
    fallback: &'static str,
    site: &Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Option<&'static str> {
    cause_by(false, policy, error, site, classify)
        .map(|cause| falls_back(cause, error, fallback, site))
}

/// Requires a flag.
#[inline]
pub const fn flag(flag: &'static Flag) -> &'static Flag {
    flag
}

/// Whether the flag is on. The first call lists it.
#[inline]
pub fn is_on(flag: &'static Flag) -> bool {
    if !flag.is_listed() {
        flags().register(flag);
    }
    flag.is_on()
}

/// The rejection by a flag that is off.
#[inline]
pub fn switched_off(flag: &'static Flag) -> Rejected {
    Rejected::switched_off(flag.name())
}

/// Why something else answers than the callee: the error, or a flag that is off. `None` if the
/// error is to be returned.
#[inline]
pub fn cause<E: Classify>(off: bool, policy: Degrade, error: &E, site: &Site) -> Option<Cause<E>> {
    cause_by(off, policy, error, site, Classified::of)
}

/// Like [`cause`], with `classify = …`.
#[inline]
pub fn cause_by<E: Display>(
    off: bool,
    policy: Degrade,
    error: &E,
    site: &Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Option<Cause<E>> {
    if off {
        return Some(Cause::switched_off());
    }
    Cause::of(policy, error, classify, site)
}

/// Logs that the fallback answers. Returns the code of the error.
#[expect(clippy::needless_pass_by_value, reason = "a future has no space for what is moved")]
pub fn falls_back<E: Display>(
    cause: Cause<E>,
    error: &E,
    fallback: &'static str,
    site: &Site,
) -> &'static str {
    let code = cause.code();
    cause.activated(error, Some(fallback), Source::fallback(code), site);
    code
}

#[cfg(feature = "stale")]
#[inline]
pub fn stale_values<H: Names<StaleValues> + ?Sized>(handle: &H) -> &StaleValues {
    handle.named()
}

#[cfg(feature = "stale")]
impl super::handle::CloneHandle for StaleValues {}

#[cfg(feature = "stale")]
impl Names<StaleValues> for StaleValues {
    #[inline]
    fn named(&self) -> &StaleValues {
        self
    }
}

/// Like [`refresh_failed_by`], for an error that classifies itself.
#[cfg(feature = "stale")]
pub fn refresh_failed<E: Classify>(
    error: &E,
    policy: Degrade,
    alert_above: Option<(u32, Duration)>,
    site: &Site,
) -> Option<&'static str> {
    refresh_failed_by(error, policy, alert_above, site, Classified::of)
}

/// Starts the task that refreshes a stale value. It ends with a shutdown.
#[cfg(feature = "stale")]
pub fn refresh<A, T, E, F>(
    refresh: Refresh<A, T>,
    call: F,
    failed: impl FnOnce(&E) -> Option<&'static str> + Send + 'static,
) where
    F: Future<Output = Result<A, E>> + Send + 'static,
{
    crate::boundary::request::spawn_detached(async move {
        let mut requested = pin!(crate::shutdown::requested());
        let mut call = pin!(call);
        let outcome = poll_fn(|cx| match requested.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => call.as_mut().poll(cx).map(Some),
        });
        if let Some(outcome) = outcome.await {
            refresh.end(outcome, failed);
        }
    });
}

/// The statements that find the last good value, and the name that they give it.
///
/// The feature is checked here because the user's crate doesn't know it.
#[cfg(feature = "stale")]
#[doc(hidden)]
#[macro_export]
macro_rules! __stale {
    ($stale:ident $($statements:tt)*) => {
        $($statements)*
    };
}

/// Without the feature, `stale(…)` is an error, and only one.
#[cfg(not(feature = "stale"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __stale {
    ($stale:ident $($statements:tt)*) => {
        ::core::compile_error!(
            "`stale` needs the feature `stale` of `resilience`; write `features = [\"stale\"]` where your Cargo.toml names it"
        );
        let $stale = $crate::__private::NoStale;
    };
}

/// Takes the place of a `Stale` in code that doesn't compile.
#[cfg(not(feature = "stale"))]
#[must_use]
#[derive(Debug)]
pub struct NoStale;

#[cfg(not(feature = "stale"))]
pub use self::{NoStale as KeptPlace, NoStale as SharedCall, NoStale as Stale};

#[cfg(not(feature = "stale"))]
impl NoStale {
    pub fn keep<V>(&self, _: &V, _: impl FnOnce(&V) -> u32) {}

    pub fn recall<V, E>(&self, _: &Cause<E>, _: &E, _: &Site) -> Option<V> {
        None
    }
}

/// The rest of what `refresh` and `coalesce` call, for the same reason.
#[cfg(not(feature = "stale"))]
mod without_stale {
    use std::future::{Future, Ready, ready};
    use std::time::Duration;

    use super::{Cause, NoStale};
    use crate::Degrade;
    use crate::registry::Site;

    #[derive(Debug)]
    pub enum Served<V> {
        Value(V),
        Outdated(V, NoStale),
        Nothing,
    }

    impl NoStale {
        pub const fn serve<V>(&self, _: Duration) -> Served<V> {
            Served::Nothing
        }

        pub const fn place(&self) -> Self {
            Self
        }

        pub const fn not_shared(&self) -> Self {
            Self
        }

        pub fn share<V>(&self, _: &mut Self, _: &Site) -> Ready<Option<V>> {
            ready(None)
        }

        pub const fn succeeded<V>(&mut self, _: &V) {}

        pub const fn failed<E>(&mut self, _: Option<&Cause<E>>) {}
    }

    #[derive(Debug)]
    pub struct Detached<'a, B: ?Sized>(&'a B);

    impl<B: ?Sized> Detached<'_, B> {
        pub const fn get(&self) -> &B {
            self.0
        }
    }

    pub const fn detach<B: ?Sized>(borrowed: &B) -> Detached<'_, B> {
        Detached(borrowed)
    }

    pub fn refresh<A, E, F: Future<Output = Result<A, E>>>(
        _: NoStale,
        _: F,
        _: impl FnOnce(&E) -> Option<&'static str>,
    ) {
    }

    pub const fn refresh_failed<E>(
        _: &E,
        _: Degrade,
        _: Option<(u32, Duration)>,
        _: &Site,
    ) -> Option<&'static str> {
        None
    }

    pub fn refresh_failed_by<E, C>(
        _: &E,
        _: Degrade,
        _: Option<(u32, Duration)>,
        _: &Site,
        _: impl FnOnce(&E) -> C,
    ) -> Option<&'static str> {
        None
    }
}

#[cfg(not(feature = "stale"))]
pub use without_stale::*;

/// Sets the rate above which there is an alert.
#[cfg(feature = "boundary")]
#[doc(hidden)]
#[macro_export]
macro_rules! __alert_above {
    ($cause:ident, $count:expr, $secs:expr, $nanos:expr) => {
        $cause.alert_above($count, ::core::time::Duration::new($secs, $nanos))
    };
}

/// Without the feature there are no alerts.
#[cfg(not(feature = "boundary"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __alert_above {
    ($cause:ident, $count:expr, $secs:expr, $nanos:expr) => {{
        ::core::compile_error!(
            "`alert_above` needs the feature `boundary` of `resilience`; write `features = [\"boundary\"]` where your Cargo.toml names it"
        );
        $cause
    }};
}
