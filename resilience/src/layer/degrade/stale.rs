//! The last good value of one call.
#![allow(missing_docs, reason = "only the expansion uses these")]

use std::fmt::{self, Display};
use std::hash::Hash;
use std::time::Duration;

use super::cause::Cause;
use super::stale_values::hash;
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
///
/// Has functions in place of bounds, so that a missing bound is reported once.
pub struct Stale<'a, A, T> {
    values: &'a StaleValues,
    key: u128,
    max_age: Duration,
    live: fn(&A) -> Option<&T>,
    keep: fn(&StaleValues, u128, &T, u32),
    find: fn(&StaleValues, u128, Duration) -> Option<(T, Duration)>,
    sourced: fn(T, Duration) -> A,
}

impl<'a, V: Keepable> Stale<'a, V, V> {
    #[inline]
    pub fn plain(values: &'a StaleValues, key: u128, max_age: Duration) -> Self {
        Self {
            values,
            key,
            max_age,
            live: |value| Some(value),
            keep: keep_copy,
            find: StaleValues::find,
            sourced: |value, _| value,
        }
    }
}

impl<'a, T: Keepable> Stale<'a, Sourced<T>, T> {
    #[inline]
    pub fn sourced(values: &'a StaleValues, key: u128, max_age: Duration) -> Self {
        Self {
            values,
            key,
            max_age,
            // A stale value or a fallback of a function further in isn't a good one.
            live: |value| value.is_live().then_some(&**value),
            keep: keep_copy,
            find: StaleValues::find,
            sourced: Sourced::stale,
        }
    }
}

impl<A, T> Stale<'_, A, T> {
    /// Keeps a copy of what the call has returned, if it is live.
    pub fn keep(&self, value: &A, weight: impl FnOnce(&T) -> u32) {
        if let Some(value) = (self.live)(value) {
            (self.keep)(self.values, self.key, value, weight(value));
        }
    }

    /// The last good value, if it isn't too old. Logs that it is used.
    pub fn recall<E: Display>(&self, cause: &Cause<E>, error: &E, site: &Site) -> Option<A> {
        let (value, age) = (self.find)(self.values, self.key, self.max_age)?;
        cause.activated(error, None, Source::Stale { age }, site);
        Some((self.sourced)(value, age))
    }
}

fn keep_copy<T: Keepable>(values: &StaleValues, key: u128, value: &T, weight: u32) {
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
