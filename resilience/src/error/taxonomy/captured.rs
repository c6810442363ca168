//! Field types that the derive reads: backtraces, locations and field errors.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

use super::{Evidence, FieldError, ServiceError};

/// The type of a field that `#[service(backtrace)]` marks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as a `backtrace`",
    label = "expected `std::backtrace::Backtrace`, or an `Option`, `Box` or `Arc` of it"
)]
pub trait CapturedBacktrace {
    /// Adds the backtrace, unless it wasn't captured because `RUST_BACKTRACE` is off.
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e>;
}

impl CapturedBacktrace for Backtrace {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        match self.status() {
            BacktraceStatus::Captured => evidence.with_backtrace(self),
            _ => evidence,
        }
    }
}

impl<B: CapturedBacktrace> CapturedBacktrace for Option<B> {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        match self {
            Some(backtrace) => backtrace.add_to(evidence),
            None => evidence,
        }
    }
}

impl<B: CapturedBacktrace> CapturedBacktrace for Box<B> {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        (**self).add_to(evidence)
    }
}

impl<B: CapturedBacktrace> CapturedBacktrace for Arc<B> {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        (**self).add_to(evidence)
    }
}

/// The type of a field that `#[service(location)]` marks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as a `location`",
    label = "expected `&'static std::panic::Location<'static>`, or an `Option` of it"
)]
pub trait CapturedLocation {
    /// Adds the location where the error was created, if there is one.
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e>;
}

impl CapturedLocation for &'static Location<'static> {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        evidence.with_location(self)
    }
}

impl CapturedLocation for Option<&'static Location<'static>> {
    fn add_to<'e>(&'e self, evidence: Evidence<'e>) -> Evidence<'e> {
        match self {
            Some(location) => evidence.with_location(location),
            None => evidence,
        }
    }
}

/// The type of a field that `#[service(errors)]` marks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as `errors`",
    label = "expected `Vec<resilience::FieldError>`, or another list of them"
)]
pub trait FieldErrors {
    /// The field errors.
    fn list(&self) -> &[FieldError];
}

macro_rules! lists {
    ($($list:ty),*) => {$(
        impl FieldErrors for $list {
            fn list(&self) -> &[FieldError] {
                self
            }
        }
    )*};
}

lists!(
    Vec<FieldError>,
    Box<[FieldError]>,
    Arc<[FieldError]>,
    Cow<'_, [FieldError]>,
    &'static [FieldError]
);

impl<const N: usize> FieldErrors for [FieldError; N] {
    fn list(&self) -> &[FieldError] {
        self
    }
}

impl<L: FieldErrors> FieldErrors for Option<L> {
    fn list(&self) -> &[FieldError] {
        self.as_ref().map_or(&[], FieldErrors::list)
    }
}

/// The chain of a derived error, starting at the error itself.
pub fn evidence_of<E: ServiceError + 'static>(error: &E) -> Evidence<'_> {
    Evidence::of(error)
}

/// The chain of a derived error with generic parameters, starting at its source: the error itself
/// may not be `'static` and then can't be a trait object.
pub fn evidence_of_source<E: ServiceError>(error: &E) -> Evidence<'_> {
    error.source().map_or(Evidence::default(), Evidence::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_captured_backtraces_are_added() {
        let forced = Arc::new(Some(Box::new(Backtrace::force_capture())));
        assert!(forced.add_to(Evidence::default()).backtrace.is_some());
        assert!(Backtrace::disabled().add_to(Evidence::default()).backtrace.is_none());
        assert!(None::<Backtrace>.add_to(Evidence::default()).backtrace.is_none());
    }

    #[test]
    fn location_is_added_if_present() {
        let here = Location::caller();
        assert_eq!(here.add_to(Evidence::default()).location, Some(here));
        assert_eq!(Some(here).add_to(Evidence::default()).location, Some(here));
        assert_eq!(None::<&'static Location<'static>>.add_to(Evidence::default()).location, None);
    }
}
