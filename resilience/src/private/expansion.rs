//! The small pieces that the expansion is made of: ordinary Rust, so that rustc judges bounds where
//! the user can see them.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::error::Error;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::layer::classified::Classified;
use crate::{
    CircuitBreaker, Classification, Classify, Rejected, RetryBudget,
    taxonomy::{Evidence, FromRejected},
};

/// A `Result`, by whatever alias.
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

/// Runs the body of a function that isn't async. The signature makes it an `FnOnce`, which alone
/// can return a borrow of what the function borrows mutably.
#[inline]
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// The error classifies itself.
#[inline]
pub fn classify<E: Classify>(error: &E) -> Classified<E> {
    Classified::by_itself(error)
}

/// A value of a type, for the compiler to see and nobody to call.
pub fn unreached<T>() -> T {
    unreachable!("it stands behind `if false`")
}

/// `classify = …`: gives a closure the type of its argument. Its text is made fit for logs by its
/// causes, if `look` finds any.
#[inline]
pub fn classify_by<E, F: Fn(&E) -> Classification + Copy>(
    by: F,
    look: fn(&E) -> Evidence<'_>,
) -> impl Fn(&E) -> Classified<E> + Copy {
    move |error| Classified::by_another(by(error), look)
}

/// Finds the causes of an error of whatever type: `(&&&&&AutorefEvidence::<E>::NEW).look_at_causes()` takes
/// the first that fits.
#[derive(Debug)]
pub struct AutorefEvidence<E>(PhantomData<E>);

impl<E> AutorefEvidence<E> {
    pub const NEW: Self = Self(PhantomData);
}

/// A method by a name that no trait of the user's has: one for every type would come first.
pub trait FindEvidence<E> {
    fn look_at_causes(&self) -> fn(&E) -> Evidence<'_>;
}

/// It may be borrowed, and then can't be looked at itself; its source can.
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

/// Of an error that has no causes, or whose type nobody can name.
pub fn nothing<E>(_: &E) -> Evidence<'_> {
    Evidence::default()
}

/// `ignore = …`: gives a closure the type of its argument.
#[inline]
pub fn ignores<E>(error: &E, by: impl FnOnce(&E) -> bool) -> bool {
    by(error)
}

/// The error takes what the layers report.
#[inline]
pub fn reject<E: FromRejected>(rejected: Rejected) -> E {
    E::from_rejected(rejected)
}

/// `rejected = …`: gives a closure the type of its argument.
#[inline]
pub fn reject_by<E, F: Fn(Rejected) -> E + Copy>(by: F) -> F {
    by
}

/// State that an attribute can hold on to while the body has what it was found in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be borrowed while the body runs",
    label = "the body may modify or move its owner",
    note = "store it in an `Arc`, as in `breaker: Arc<CircuitBreaker>`, or make it a `static`"
)]
pub trait CloneHandle: Clone {}

impl CloneHandle for Arc<CircuitBreaker> {}
impl CloneHandle for Arc<RetryBudget> {}
impl CloneHandle for &CircuitBreaker {}
impl CloneHandle for &Arc<CircuitBreaker> {}
impl CloneHandle for &Arc<RetryBudget> {}
impl CloneHandle for &RetryBudget {}

#[inline]
pub fn clone_handle<H: CloneHandle>(handle: &H) -> H {
    handle.clone()
}

/// Asks a constant policy at compile time; a policy that doesn't say uses something deprecated,
/// which rustc warns about.
#[derive(Debug)]
pub struct PolicySaysWhetherToRepeat<const SAYS: bool>;

impl PolicySaysWhetherToRepeat<true> {
    pub const CHECK: () = ();
}

impl PolicySaysWhetherToRepeat<false> {
    #[deprecated(
        note = "the policy of this `#[retry]` doesn't say whether the operation is safe to \
                repeat; write `idempotent`, `non_idempotent` or `idempotency_key` here, or \
                `.idempotent()` in the policy"
    )]
    pub const CHECK: () = ();
}

/// A static breaker. A `const` is refused: it would be another breaker for every function that
/// names it.
pub const fn named(breaker: &'static CircuitBreaker) -> &'static CircuitBreaker {
    breaker
}
