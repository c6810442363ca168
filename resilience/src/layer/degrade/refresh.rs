//! `refresh = background`: the last good value is served at once, and a task refreshes it.
#![allow(missing_docs, reason = "only the expansion uses these")]

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt::{self, Display};
use std::time::Duration;

use tokio::runtime::Handle;

use super::Degrade;
use super::stale::{SharedCall, Stale};
use crate::layer::classified::Classified;
use crate::layer::events;
use crate::layer::site::Site;
use crate::observe::alert::Rate;

/// What is served before the callee is asked.
#[derive(Debug)]
pub enum Served<A: 'static, T: 'static> {
    /// The last good value, which is fresh, or being refreshed.
    Value(A),
    /// The last good value, which is to be refreshed.
    Outdated(A, Refresh<A, T>),
    /// Nothing: the callee has to be asked.
    Nothing,
}

/// A refresh that has begun. While it exists, there is no other of the same key.
#[derive(Debug)]
pub struct Refresh<A: 'static, T: 'static>(SharedCall<A, T>);

impl<A, T> Stale<'_, A, T> {
    /// The last good value if it isn't too old, and with it the task to refresh it if it is older
    /// than `fresh`.
    pub fn serve(&self, fresh: Duration) -> Served<A, T> {
        let Some((value, age)) = self.find() else { return Served::Nothing };
        let value = self.answer(value, age);
        if age <= fresh {
            return Served::Value(value);
        }
        // A task needs a runtime. Without one, the callee is asked first.
        if Handle::try_current().is_err() {
            return Served::Nothing;
        }
        match SharedCall::begin(self) {
            Some(call) => Served::Outdated(value, Refresh(call)),
            None => Served::Value(value),
        }
    }
}

impl<A, T> Refresh<A, T> {
    /// Ends the refresh with the outcome of the call. `failed` returns the code of an error that
    /// `#[degrade]` replaces. Any other is a definite answer, so the value isn't good any more, and
    /// the next caller gets that answer.
    pub(crate) fn end<E>(
        mut self,
        outcome: Result<A, E>,
        failed: impl FnOnce(&E) -> Option<&'static str>,
    ) {
        match outcome {
            Ok(value) => self.0.succeeded(&value),
            Err(error) => {
                let code = failed(&error);
                if code.is_none() {
                    self.0.forget_value();
                }
                self.0.ended_by(code);
            }
        }
    }
}

/// Logs that a refresh has failed, and counts it toward alerts. Returns the code of the error, if it
/// is one that `#[degrade]` replaces.
pub fn refresh_failed_by<E: Display>(
    error: &E,
    policy: Degrade,
    alert_above: Option<(u32, Duration)>,
    site: &Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Option<&'static str> {
    let classified = site.classify(error, classify);
    let is_replaced = policy.applies_to(&classified.class);
    events::refresh_failed(
        site,
        &classified.redacted(error),
        type_name::<E>(),
        &classified.class,
        is_replaced,
    );
    if !is_replaced {
        return None;
    }
    match alert_above {
        Some((count, window)) => {
            classified.count_rate(error, site.service(), Rate { count, window });
        }
        None => classified.count_fallback(error, site.service()),
    }
    Some(classified.class.code())
}

/// What a task can have a copy of, where the function borrows it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be copied for a task, as `refresh = background` needs",
    label = "the task outlives the call, so it can't use what is borrowed here",
    note = "derive `Clone`, or pass an `Arc`; the copy must also be `Send`, `Sync` and `'static`"
)]
pub trait Detach {
    fn detach(&self) -> Box<dyn Lend<Self> + Send + Sync>;
}

#[diagnostic::do_not_recommend]
impl<B: ToOwned<Owned: Send + Sync + 'static> + ?Sized + 'static> Detach for B {
    fn detach(&self) -> Box<dyn Lend<Self> + Send + Sync> {
        Box::new(Copied(self.to_owned()))
    }
}

/// What a reference can be taken from.
pub trait Lend<B: ?Sized> {
    fn lend(&self) -> &B;
}

struct Copied<O>(O);

impl<B: ?Sized, O: Borrow<B>> Lend<B> for Copied<O> {
    fn lend(&self) -> &B {
        self.0.borrow()
    }
}

/// A copy of what a function borrows. Boxed, so that a type that can't be copied is one error.
pub struct Detached<B: ?Sized>(Box<dyn Lend<B> + Send + Sync>);

/// Copies what a function borrows.
#[inline]
pub fn detach<B: Detach + ?Sized>(borrowed: &B) -> Detached<B> {
    Detached(borrowed.detach())
}

impl<B: ?Sized> Detached<B> {
    #[inline]
    pub fn get(&self) -> &B {
        self.0.lend()
    }
}

impl<B: ?Sized> fmt::Debug for Detached<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").finish_non_exhaustive()
    }
}
