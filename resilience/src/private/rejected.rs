//! Whether a variant's source is [`Rejected`], by its type and not by its name.
#![allow(missing_docs, reason = "only the expansion calls these")]

use std::marker::PhantomData;

use crate::Rejected;

#[derive(Debug)]
pub struct Source<E>(PhantomData<E>);

impl Source<Rejected> {
    pub const IS_REJECTED: bool = true;
}

impl Source<Box<Rejected>> {
    pub const IS_REJECTED: bool = true;
}

/// An inherent constant takes precedence over this one.
pub trait OtherSource {
    const IS_REJECTED: bool = false;
}

impl<E> OtherSource for Source<E> {}

/// The compile error, at the caller.
///
/// # Panics
/// Always. It is only called in constants.
#[track_caller]
pub const fn must_be_transparent(message: &'static str) {
    panic!("{}", message)
}
