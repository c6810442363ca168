use std::fmt::{self, Display};

use crate::{Classification, Classify, Evidence, redact};

/// What a layer is told of an error: what it is, and, where the error can say so itself, how to show it in a log.
///
/// Made from a [`Classification`] alone where somebody else classifies the error.
pub struct Told<E: ?Sized> {
    pub(crate) class: Classification,
    show: Show<E>,
}

/// A plain function, so that what isn't shown costs nothing.
type Show<E> = fn(&E, &mut fmt::Formatter<'_>) -> fmt::Result;

impl<E: Classify + ?Sized> Told<E> {
    /// What the error says of itself.
    #[inline]
    pub fn by_itself(error: &E) -> Self {
        Self { class: error.classify(), show: |error, f| f.write_str(&redact::text(&error, &error.evidence())) }
    }
}

impl<E: Display> From<Classification> for Told<E> {
    #[inline]
    fn from(class: Classification) -> Self {
        Self { class, show: |error, f| f.write_str(&redact::text(error, &Evidence::default())) }
    }
}

impl<E> Told<E> {
    /// The error as it may stand in a log.
    pub(crate) fn shown<'e>(&self, error: &'e E) -> Shown<'e, E> {
        Shown { error, show: self.show }
    }
}

impl<E: ?Sized> fmt::Debug for Told<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(&self.class).finish()
    }
}

/// An error as it may stand in a log; nothing is looked for before it is written.
pub(crate) struct Shown<'e, E> {
    error: &'e E,
    show: Show<E>,
}

impl<E> Display for Shown<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.show)(self.error, f)
    }
}
