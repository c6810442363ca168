use std::any::type_name;
use std::fmt::{self, Display};

use super::site::Site;
use super::{context, events};
#[cfg(feature = "boundary")]
use crate::Alert;
use crate::error::dependency::dependency;
use crate::error::log_text::{LogText, Loggable};
use crate::error::registry;
#[cfg(feature = "boundary")]
use crate::observe::{alert, request::request_id};
use crate::support::catch_panic::catch_panic;
use crate::{Category, Classification, Classify, Sent, taxonomy::Evidence};

/// The number of causes in which an error's code is searched.
const MAX_CAUSES: usize = 16;

/// A classification, with access to the evidence needed to redact the error's text.
///
/// Created from a [`Classification`] alone, it has no evidence.
pub struct Classified<E: ?Sized> {
    pub(crate) class: Classification,
    pub(crate) evidence: EvidenceFn<E>,
}

/// A function instead of a value, so that an error that isn't logged costs nothing.
pub(crate) type EvidenceFn<E> = fn(&E) -> Evidence<'_>;

impl<E: Classify + ?Sized> Classified<E> {
    /// Uses the error's own classification.
    #[inline]
    pub fn of(error: &E) -> Self {
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
    /// Uses the given classification, and a function that finds the error's causes.
    #[inline]
    pub fn new(class: Classification, evidence: EvidenceFn<E>) -> Self {
        Self { class, evidence }
    }

    /// The error for an event.
    pub(crate) fn redacted<'e>(&'e self, error: &'e E) -> Redacted<'e, E> {
        Redacted { error, classified: self }
    }
}

#[cfg(feature = "boundary")]
impl<E: Display> Classified<E> {
    /// Counts a failure that a fallback has hidden toward alerts.
    pub(crate) fn count_fallback(&self, error: &E, service: &str) {
        if self.class.alert() == Alert::Never || !alert::is_wanted() {
            return;
        }
        let redacted = self.redacted(error);
        alert::degraded(&alert::Failure {
            operation: Some(service),
            dependency: redacted.dependency().or(Some(service)),
            class: self.class,
            message: &redacted.text().message,
            request_id: request_id().as_deref(),
        });
    }

    /// Counts a failure that a fallback has hidden toward the function's own rate.
    pub(crate) fn count_rate(&self, error: &E, service: &str, rate: alert::Rate) {
        if !alert::is_wanted() {
            return;
        }
        alert::degraded_at(
            rate,
            &alert::Failure {
                operation: Some(service),
                dependency: None,
                class: self.class,
                message: &self.redacted(error).text().message,
                request_id: request_id().as_deref(),
            },
        );
    }
}

impl Site {
    /// Classifies an error. Warns once per site if it is unclassified. If the call may have been
    /// sent, this is recorded for the calls around it, which may handle the error and go on.
    pub(crate) fn classify<E: Display, C: Into<Classified<E>>>(
        &self,
        error: &E,
        classify: impl FnOnce(&E) -> C,
    ) -> Classified<E> {
        let classified = classify(error).into();
        // The frames that are visible here are those of enclosing calls.
        if classified.class.sent() == Sent::Maybe {
            context::mark_sent();
        }
        if classified.class.category() != Some(Category::Permanent) {
            context::note_failure(self.failing(&classified.class), classified.class.code());
        }
        if classified.class.category().is_none() {
            events::unclassified(self, &classified.redacted(error), type_name::<E>());
        }
        classified
    }
}

impl Site {
    /// The label of what failed: the layer that rejected the call, or this function.
    pub(crate) fn failing(&self, class: &Classification) -> &'static str {
        class.rejected().map_or_else(|| self.service(), |rejected| rejected.service())
    }
}

impl<E: ?Sized> fmt::Debug for Classified<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Classified").field(&self.class).finish()
    }
}

/// An error with its classification and evidence.
pub(crate) struct Redacted<'e, E> {
    error: &'e E,
    classified: &'e Classified<E>,
}

impl<E> Redacted<'_, E> {
    fn evidence(&self) -> Evidence<'_> {
        catch_panic(|| (self.classified.evidence)(self.error)).unwrap_or_default()
    }
}

impl<E: Display> Loggable for Redacted<'_, E> {
    fn text(&self) -> LogText {
        LogText::of(self.error, &self.evidence())
    }

    fn dependency(&self) -> Option<&str> {
        dependency(&self.classified.class, &self.evidence())
    }

    fn has_code(&self, code: &str) -> bool {
        self.classified.class.code() == code
            || self
                .evidence()
                .chain()
                .take(MAX_CAUSES)
                .any(|cause| registry::classify(cause).is_some_and(|class| class.code() == code))
    }
}
