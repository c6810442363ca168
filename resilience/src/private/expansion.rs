//! Helpers called by the macro expansion. They are ordinary Rust, so rustc checks bounds where the
//! user can see them.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::error::Error;
use std::marker::PhantomData;

use crate::layer::classified::Classified;
use crate::{
    Classification, Rejected,
    taxonomy::{Evidence, FromRejected},
};

/// A `Result`, under any alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "the attributes need a function that returns a `Result`",
    note = "write `-> Result<T, YourError>`"
)]
pub trait Outcome {
    type Value;
    type Error;
}

impl<T, E> Outcome for Result<T, E> {
    type Value = T;
    type Error = E;
}

/// A return type that an attribute on an `impl` block takes for no `Result`, by its name. If it is
/// one after all, `LeftOut::<T>::check` doesn't compile.
#[derive(Debug)]
pub struct LeftOut<T>(PhantomData<T>);

impl<T, E> LeftOut<Result<T, E>> {
    /// Takes precedence over [`LeftOutByType::check`].
    pub fn check()
    where
        Result<T, E>: NamedResult,
    {
    }
}

pub trait LeftOutByType {
    fn check() {}
}

impl<T> LeftOutByType for LeftOut<T> {}

/// Never implemented.
#[diagnostic::on_unimplemented(
    message = "this type is a `Result`, which the attribute on the `impl` can't tell from its name",
    label = "the method would get no layers",
    note = "write `Result<…>`, give the alias a name that ends with `Result`, or leave the method \
            out with `#[resilience(skip)]`"
)]
pub trait NamedResult {}

/// Runs the body of a function that isn't async. The signature makes the body an `FnOnce`, because
/// only an `FnOnce` can return a reborrow of the function's mutable borrows.
#[inline]
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// Gives the compiler a value of type `T`. Never called.
pub fn unreached<T>() -> T {
    unreachable!("only used behind `if false`")
}

/// `classify = …`: gives a closure the type of its argument. If `look` finds causes, they are used
/// to redact the error's text.
#[inline]
pub fn classify_by<E, F: Fn(&E) -> Classification + Copy>(
    by: F,
    look: fn(&E) -> Evidence<'_>,
) -> impl Fn(&E) -> Classified<E> + Copy {
    move |error| Classified::new(by(error), look)
}

/// Finds the causes of an error of any type, by autoref specialization:
/// `(&&&&&AutorefEvidence::<E>::NEW).look_at_causes()` selects the first implementation that
/// applies.
#[derive(Debug)]
pub struct AutorefEvidence<E>(PhantomData<E>);

impl<E> AutorefEvidence<E> {
    pub const NEW: Self = Self(PhantomData);
}

/// The method has a name that no user trait has. Otherwise a user's blanket implementation would
/// take precedence.
pub trait FindEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_>;
}

/// An error that contains borrows can't be inspected, but its source can.
impl<E: Error> FindEvidence<E> for &&&&AutorefEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_> {
        |error| error.source().map_or(Evidence::default(), Evidence::of)
    }
}

/// `Box<dyn Error + Send + Sync>`, `anyhow::Error`
impl<E: AsRef<dyn Error + Send + Sync>> FindEvidence<E> for &&&AutorefEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_> {
        |error| Evidence::of(error.as_ref())
    }
}

/// `Box<dyn Error + Send>`
impl<E: AsRef<dyn Error + Send>> FindEvidence<E> for &&AutorefEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_> {
        |error| Evidence::of(error.as_ref())
    }
}

/// `Box<dyn Error>`
impl<E: AsRef<dyn Error>> FindEvidence<E> for &AutorefEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_> {
        |error| Evidence::of(error.as_ref())
    }
}

impl<E> FindEvidence<E> for AutorefEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_> {
        nothing
    }
}

/// The evidence for an error that has no causes, or whose type can't be named.
pub fn nothing<E>(_: &E) -> Evidence<'_> {
    Evidence::default()
}

/// `ignore = …`: gives a closure the type of its argument.
#[inline]
pub fn ignores<E>(error: &E, by: impl FnOnce(&E) -> bool) -> bool {
    by(error)
}

/// `retry_ok = …`: gives a closure the type of its argument.
#[inline]
pub fn satisfies<T>(value: &T, retry_ok: impl FnOnce(&T) -> bool) -> bool {
    retry_ok(value)
}

/// Converts a layer's rejection into the error type.
#[inline]
pub fn reject<E: FromRejected>(rejected: Rejected) -> E {
    E::from_rejected(rejected)
}

/// `rejected = …`: gives a closure the type of its argument.
#[inline]
pub fn reject_by<E, F: Fn(Rejected) -> E + Copy>(by: F) -> F {
    by
}

/// Checks at compile time whether a constant policy says if the operation may be repeated. If it
/// doesn't, a deprecated constant is used, so rustc emits a warning.
#[derive(Debug)]
pub struct PolicySaysWhetherToRepeat<const SAYS: bool>;

impl PolicySaysWhetherToRepeat<true> {
    pub const CHECK: () = ();
}

impl PolicySaysWhetherToRepeat<false> {
    #[deprecated(note = "this policy doesn't say whether the operation is safe to repeat; add \
                `.idempotent()` to it, or write `idempotent`, `non_idempotent` or \
                `idempotency_key` here")]
    pub const CHECK: () = ();
}
