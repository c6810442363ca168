//! Expressions that name a breaker or a budget: a static, a field, an argument, what a method
//! returns, and `Arc`, `LazyLock` and references of these.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::cell::Ref;
use std::hash::Hash;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

use crate::layer::circuit_breaker::KeyHash;
use crate::{CircuitBreaker, CircuitBreakers, RetryBudget};

/// What dereferences to a `T`, in any number of steps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `{T}`",
    label = "expected a `{T}`, or a reference, an `Arc` or a `LazyLock` of one",
    note = "if a `OnceLock` or an `Option` holds it, write `….get().expect(\"…\")`"
)]
pub trait Names<T> {
    fn named(&self) -> &T;
}

impl Names<RetryBudget> for RetryBudget {
    #[inline]
    fn named(&self) -> &RetryBudget {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T, H: Deref> Names<T> for H
where
    H::Target: Names<T>,
{
    #[inline]
    fn named(&self) -> &T {
        (**self).named()
    }
}

/// What dereferences to a breaker.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `CircuitBreaker`",
    label = "expected a `CircuitBreaker`, or a reference, an `Arc` or a `LazyLock` of one",
    note = "if a `OnceLock` or an `Option` holds it, write `….get().expect(\"…\")`",
    note = "a set of breakers needs a key: `#[circuit_breaker(PARTNERS, key = partner)]`"
)]
pub trait NamesBreaker {
    fn named_breaker(&self) -> &CircuitBreaker;
}

impl NamesBreaker for CircuitBreaker {
    #[inline]
    fn named_breaker(&self) -> &CircuitBreaker {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<H: Deref> NamesBreaker for H
where
    H::Target: NamesBreaker,
{
    #[inline]
    fn named_breaker(&self) -> &CircuitBreaker {
        (**self).named_breaker()
    }
}

/// What dereferences to a set of breakers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of breakers, so it takes no `key`",
    label = "expected a `CircuitBreakers`, or a reference, an `Arc` or a `LazyLock` of one",
    note = "remove `key`, or make it a set, such as `static PARTNERS: CircuitBreakers<str>`"
)]
pub trait NamesSet {
    type Key: ?Sized;

    fn named_set(&self) -> &CircuitBreakers<Self::Key>;
}

impl<K: ?Sized> NamesSet for CircuitBreakers<K> {
    type Key = K;

    #[inline]
    fn named_set(&self) -> &Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<H: Deref> NamesSet for H
where
    H::Target: NamesSet,
{
    type Key = <H::Target as NamesSet>::Key;

    #[inline]
    fn named_set(&self) -> &CircuitBreakers<Self::Key> {
        (**self).named_set()
    }
}

#[inline]
pub fn breaker_set<H: NamesSet + ?Sized>(handle: &H) -> &CircuitBreakers<H::Key> {
    handle.named_set()
}

/// A set that hashes a key. The set's parameter says the key's type, so references to the key are
/// followed to it.
#[derive(Debug)]
pub struct KeyOf<'a, K: ?Sized> {
    set: &'a CircuitBreakers<K>,
    /// Without a bound, since a missing method isn't reported as the missing `Hash`.
    hash: fn(&CircuitBreakers<K>, &K) -> KeyHash,
}

#[inline]
pub fn key_of<K: Hash + ?Sized>(set: &CircuitBreakers<K>) -> KeyOf<'_, K> {
    KeyOf { set, hash: CircuitBreakers::key }
}

/// Hashes the borrowed form of an owned key. Where there is one, this method is found before that of
/// [`KeyHasher`], which needs one more reference.
pub trait BorrowedKeyHasher {
    type Borrowed: ?Sized;

    fn hash_key(self, key: &Self::Borrowed) -> KeyHash;
}

impl<K: OwnedKey> BorrowedKeyHasher for KeyOf<'_, K> {
    type Borrowed = K::Borrowed;

    #[inline]
    fn hash_key(self, key: &K::Borrowed) -> KeyHash {
        self.set.borrowed_key(key, K::to_key)
    }
}

/// Hashes any other key.
pub trait KeyHasher {
    type Key: ?Sized;

    fn hash_key(self, key: &Self::Key) -> KeyHash;
}

impl<K: ?Sized> KeyHasher for &KeyOf<'_, K> {
    type Key = K;

    #[inline]
    fn hash_key(self, key: &K) -> KeyHash {
        (self.hash)(self.set, key)
    }
}

/// A key whose borrowed form has the same hash.
pub trait OwnedKey: Sized {
    type Borrowed: Hash + ?Sized;

    fn to_key(key: &Self::Borrowed) -> Self;
}

macro_rules! owned_keys {
    ($([$($generic:tt)*] $owned:ty => $borrowed:ty;)+) => {$(
        impl<$($generic)*> OwnedKey for $owned {
            type Borrowed = $borrowed;

            fn to_key(key: &$borrowed) -> Self {
                Self::from(key)
            }
        }
    )+};
}

owned_keys! {
    [] String => str;
    [] Box<str> => str;
    [] Arc<str> => str;
    [T: Hash + Clone] Vec<T> => [T];
}

/// Puts a key's text into the events of its breaker. The text is made if the key is new.
#[inline]
pub fn key_text<K: ?Sized, T: Into<String>>(
    set: &CircuitBreakers<K>,
    key: KeyHash,
    text: impl FnOnce() -> T,
) {
    set.set_key_text(key, || text().into());
}

/// A tuple is hashed in parts, so it moves none of them.
#[inline]
pub fn key_of_2<A: Hash, B: Hash>(set: &CircuitBreakers<(A, B)>, a: &A, b: &B) -> KeyHash {
    set.key_of_parts((a, b))
}

#[inline]
pub fn key_of_3<A: Hash, B: Hash, C: Hash>(
    set: &CircuitBreakers<(A, B, C)>,
    a: &A,
    b: &B,
    c: &C,
) -> KeyHash {
    set.key_of_parts((a, b, c))
}

#[inline]
pub fn breaker<H: NamesBreaker + ?Sized>(handle: &H) -> &CircuitBreaker {
    handle.named_breaker()
}

#[inline]
pub fn budget<H: Names<RetryBudget> + ?Sized>(handle: &H) -> &RetryBudget {
    handle.named()
}

/// Requires a static. rustc quotes the bound and its comment in the error.
#[inline]
pub fn of_static<R>(reference: R) -> R
where
    R: 'static, // a `const` is a new value for every call; make it a `static`
{
    reference
}

/// Types that an expression may return, so that the value outlives the call.
#[diagnostic::on_unimplemented(
    message = "a `{H}` that is returned by value is a new one for every call",
    label = "it would remember nothing; return a reference, or an `Arc`",
    note = "keep it in a field or a `static`, as in `fn breaker(&self) -> &CircuitBreaker`"
)]
pub trait Keeps<H> {}

/// The bound is on this type and not on the handle, because rustc would suggest borrowing the
/// handle.
#[derive(Debug)]
pub struct Caller;

impl<T: ?Sized> Keeps<&T> for Caller {}
impl<T: ?Sized> Keeps<&mut T> for Caller {}
impl<T: ?Sized> Keeps<Arc<T>> for Caller {}
impl<T: ?Sized> Keeps<Rc<T>> for Caller {}
impl<T: ?Sized> Keeps<Ref<'_, T>> for Caller {}
impl<T: ?Sized> Keeps<MutexGuard<'_, T>> for Caller {}
impl<T: ?Sized> Keeps<RwLockReadGuard<'_, T>> for Caller {}
impl<T: ?Sized> Keeps<RwLockWriteGuard<'_, T>> for Caller {}
impl<T: ?Sized> Keeps<Pin<&T>> for Caller {}
impl<T: ?Sized> Keeps<Pin<Arc<T>>> for Caller {}

#[inline]
pub fn kept<H>(handle: H) -> H
where
    Caller: Keeps<H>,
{
    handle
}

/// A handle that an attribute can keep while the body uses its owner.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be borrowed while the body runs",
    label = "the body may modify or move its owner",
    note = "store it in an `Arc`, as in `breaker: Arc<CircuitBreaker>`, or make it a `static`"
)]
pub trait CloneHandle: Clone {}

impl<T: ?Sized> CloneHandle for &T {}
impl<T: ?Sized> CloneHandle for Arc<T> {}
impl<T: ?Sized> CloneHandle for Rc<T> {}

#[inline]
pub fn clone_handle<H: CloneHandle>(handle: &H) -> H {
    handle.clone()
}
