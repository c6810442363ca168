use std::any::type_name;
use std::fmt::{self, Display};

use super::events;
use super::site::Site;
use crate::error::redact;
use crate::support::catch_panic::catch_panic;
use crate::{Classification, Classify, taxonomy::Evidence};

/// What a layer is told of an error: what it is, and by what its text is made fit for a log.
///
/// Made from a [`Classification`] alone where somebody else classifies the error.
pub struct Classified<E: ?Sized> {
    pub(crate) class: Classification,
    pub(crate) evidence: EvidenceFn<E>,
}

/// A plain function, so that what isn't shown costs nothing.
pub(crate) type EvidenceFn<E> = fn(&E) -> Evidence<'_>;

impl<E: Classify + ?Sized> Classified<E> {
    /// What the error says of itself.
    #[inline]
    pub fn by_itself(error: &E) -> Self {
        Self { class: error.classify(), evidence: E::evidence }
    }
}

impl<E> From<Classification> for Classified<E> {
    #[inline]
    fn from(class: Classification) -> Self {
        Self { class, evidence: |_| Evidence::default() }
    }
}

impl<E> Classified<E> {
    /// What somebody else says of the error, of which this finds the causes.
    #[inline]
    pub fn by_another(class: Classification, evidence: EvidenceFn<E>) -> Self {
        Self { class, evidence }
    }

    /// The error as it may stand in a log.
    pub(crate) fn shown<'e>(&self, error: &'e E) -> Redacted<'e, E> {
        Redacted { error, evidence: self.evidence }
    }
}

impl Site {
    /// Classifies an error, and says once if nobody said what it is.
    #[doc(hidden)]
    pub fn classify<E: Display, C: Into<Classified<E>>>(
        &self,
        error: &E,
        by: impl FnOnce(&E) -> C,
    ) -> Classified<E> {
        let told = by(error).into();
        if told.class.category().is_none() {
            events::unclassified(self, &told.shown(error), type_name::<E>());
        }
        told
    }
}

impl<E: ?Sized> fmt::Debug for Classified<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Classified").field(&self.class).finish()
    }
}

/// An error as it may stand in a log; nothing is looked for before it is written.
pub(crate) struct Redacted<'e, E> {
    error: &'e E,
    evidence: EvidenceFn<E>,
}

impl<E: Display> Display for Redacted<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            catch_panic(|| redact::text(self.error, self.error, &(self.evidence)(self.error)));
        f.write_str(text.as_deref().unwrap_or(redact::PANICKED))
    }
}
