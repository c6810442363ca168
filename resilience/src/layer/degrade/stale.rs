//! The last good value of one call.
#![allow(missing_docs, reason = "only the expansion uses these")]

use std::any::Any;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::cause::{Cause, count};
use super::key_hash::hash;
use super::shared_call::{Outcome, Part};
use super::stale_values::Shared;
use super::{Source, Sourced, StaleValues};
use crate::layer::site::Site;

/// What `stale` can keep.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be kept as a stale value",
    label = "`stale` returns copies of the last good value",
    note = "derive `Clone`, or return an `Arc` of it; it must also be `Send`, `Sync` and `'static`"
)]
pub trait Keepable: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Keepable for T {}

/// The last good value for a call that returns an `A`, which holds a `T` or is one.
pub struct Stale<'a, A: 'static, T: 'static> {
    values: &'a StaleValues,
    key: u128,
    max_age: Duration,
    by: &'static Functions<A, T>,
}

/// What there are functions for in place of bounds, so that a missing bound is reported once.
pub(super) struct Functions<A, T> {
    live: fn(&A) -> Option<&T>,
    keep: fn(&Shared, u128, &T, u32),
    find: fn(&StaleValues, u128, Duration) -> Option<(T, Duration)>,
    sourced: fn(T, Duration) -> A,
    /// A copy for those that wait for the call.
    copy: fn(&A) -> Box<dyn Any + Send + Sync>,
    paste: fn(&dyn Any) -> Option<A>,
}

impl<V: Keepable> Functions<V, V> {
    const PLAIN: &'static Self = &Self {
        live: |value| Some(value),
        keep: keep_copy,
        find: StaleValues::find,
        sourced: |value, _| value,
        copy: |value| Box::new(value.clone()),
        paste: |copy| copy.downcast_ref().cloned(),
    };
}

impl<T: Keepable> Functions<Sourced<T>, T> {
    const SOURCED: &'static Self = &Self {
        // A stale value or a fallback of a function further in isn't a good one.
        live: |value| value.is_live().then_some(&**value),
        keep: keep_copy,
        find: StaleValues::find,
        sourced: Sourced::stale,
        copy: |value| Box::new(value.clone()),
        paste: |copy| copy.downcast_ref().cloned(),
    };
}

impl<'a, V: Keepable> Stale<'a, V, V> {
    #[inline]
    pub fn plain(values: &'a StaleValues, key: u128, max_age: Duration) -> Self {
        Self { values, key, max_age, by: Functions::PLAIN }
    }
}

impl<'a, T: Keepable> Stale<'a, Sourced<T>, T> {
    #[inline]
    pub fn sourced(values: &'a StaleValues, key: u128, max_age: Duration) -> Self {
        Self { values, key, max_age, by: Functions::SOURCED }
    }
}

impl<A, T> Stale<'_, A, T> {
    /// Keeps a copy of what the call has returned, if it is live.
    pub fn keep(&self, value: &A, weight: impl FnOnce(&T) -> u32) {
        if let Some(value) = (self.by.live)(value) {
            (self.by.keep)(self.values.shared(), self.key, value, weight(value));
        }
    }

    /// The last good value, if it isn't too old. Logs that it is used.
    pub fn recall<E: Display>(&self, cause: &Cause<E>, error: &E, site: &Site) -> Option<A> {
        let (value, age) = self.find()?;
        cause.activated(error, None, Source::Stale { age }, site);
        Some((self.by.sourced)(value, age))
    }

    pub(super) fn find(&self) -> Option<(T, Duration)> {
        (self.by.find)(self.values, self.key, self.max_age)
    }

    pub(super) fn answer(&self, value: T, age: Duration) -> A {
        (self.by.sourced)(value, age)
    }

    /// What outlives the call: the place of its value.
    pub fn place(&self) -> KeptPlace<A, T> {
        KeptPlace { shared: Arc::clone(self.values.shared()), key: self.key, by: self.by }
    }

    /// The call, before its turn.
    pub const fn not_shared(&self) -> SharedCall<A, T> {
        SharedCall { part: None, by: self.by }
    }

    /// Waits while another caller makes this call. Returns what that call has returned, or if it
    /// has failed, the last good value. `None` if this caller has to make a call.
    pub async fn share(&self, call: &mut SharedCall<A, T>, site: &Site) -> Option<A> {
        let shared = Arc::clone(self.values.shared());
        let part = call.part.insert(Part::join(shared, self.key));
        match part.outcome().await? {
            Outcome::Succeeded(copy) => copy.as_deref().and_then(|copy| (self.by.paste)(copy)),
            // A definite answer, such as "no such item": each caller asks for its own.
            Outcome::Failed(None) => None,
            // The caller that has made the call has logged it.
            Outcome::Failed(Some(code)) => {
                let (value, age) = self.find()?;
                count(site, code, Source::Stale { age });
                Some((self.by.sourced)(value, age))
            }
        }
    }
}

/// Where a call's value is kept.
pub struct KeptPlace<A: 'static, T: 'static> {
    pub(super) shared: Arc<Shared>,
    pub(super) key: u128,
    pub(super) by: &'static Functions<A, T>,
}

impl<A, T> KeptPlace<A, T> {
    /// Like [`Stale::keep`].
    pub fn keep(&self, value: &A, weight: impl FnOnce(&T) -> u32) {
        if let Some(value) = (self.by.live)(value) {
            (self.by.keep)(&self.shared, self.key, value, weight(value));
        }
    }
}

/// A call whose result other callers may share.
pub struct SharedCall<A: 'static, T: 'static> {
    part: Option<Part<Shared>>,
    by: &'static Functions<A, T>,
}

impl<A, T> SharedCall<A, T> {
    /// Begins a call for a key that no other caller has a part in.
    pub(super) fn begin(stale: &Stale<'_, A, T>) -> Option<Self> {
        let part = Part::begin(Arc::clone(stale.values.shared()), stale.key)?;
        Some(Self { part: Some(part), by: stale.by })
    }

    /// Gives the value to those that wait for it.
    pub fn succeeded(&mut self, value: &A) {
        if let Some(part) = &mut self.part {
            part.end(|is_shared| Outcome::Succeeded(is_shared.then(|| (self.by.copy)(value))));
        }
    }

    /// Lets those that wait answer by themselves.
    pub fn failed<E: Display>(&mut self, cause: Option<&Cause<E>>) {
        self.ended_by(cause.map(Cause::code));
    }

    /// Removes the value, which isn't good any more.
    pub(super) fn forget_value(&self) {
        if let Some(part) = &self.part {
            part.store().remove(part.key());
        }
    }

    pub(super) fn ended_by(&mut self, code: Option<&'static str>) {
        if let Some(part) = &mut self.part {
            part.end(|_| Outcome::Failed(code));
        }
    }
}

fn keep_copy<T: Keepable>(values: &Shared, key: u128, value: &T, weight: u32) {
    values.keep(key, value.clone(), weight);
}

/// The key of a call: the function, its types, and what the attribute's `key` says.
#[inline]
pub fn stale_key<K: Hash + ?Sized>(site: &'static Site, types: impl Hash, key: &K) -> u128 {
    hash(&(std::ptr::from_ref(site).addr(), types, key))
}

impl<A, T> fmt::Debug for Stale<'_, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stale").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

impl<A, T> fmt::Debug for KeptPlace<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptPlace").finish_non_exhaustive()
    }
}

impl<A, T> fmt::Debug for SharedCall<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCall").field("part", &self.part).finish_non_exhaustive()
    }
}
