use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::error::Error;
use std::panic::Location;

use crate::error::chain;

/// Details of an error for its log record, beyond its own text. Never shown to a client.
///
/// ```
/// use resilience::{Classify, errors::MissingConfig};
///
/// let cause = "x".parse::<u16>().unwrap_err();
/// let error = MissingConfig::new("PORT").with_source(cause);
/// let chain: Vec<String> = error.evidence().chain().map(ToString::to_string).collect();
/// assert_eq!(chain, ["required config missing: PORT", "invalid digit found in string"]);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Evidence<'e> {
    /// The start of the chain of causes: the error itself, or its source if the error can't be a
    /// trait object.
    pub error: Option<&'e (dyn Error + 'static)>,
    /// The backtrace, if the error captured one.
    pub backtrace: Option<&'e Backtrace>,
    /// Where the error was created, if it captured that.
    pub location: Option<&'static Location<'static>>,
}

impl<'e> Evidence<'e> {
    /// Creates evidence whose chain starts at this error.
    pub fn of(error: &'e (dyn Error + 'static)) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Adds a captured backtrace.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: &'e Backtrace) -> Self {
        self.backtrace = Some(backtrace);
        self
    }

    /// Adds the location where the error was created.
    #[must_use]
    pub fn with_location(mut self, location: &'static Location<'static>) -> Self {
        self.location = Some(location);
        self
    }

    /// The error and its sources, outermost first. Ends after 1024 of them, because sources can
    /// form a circle.
    pub fn chain(&self) -> impl Iterator<Item = &'e (dyn Error + 'static)> + use<'e> {
        chain::links(self.error)
    }
}

/// What is wrong with one field of a request, as a message for the client.
///
/// ```
/// use resilience::FieldError;
///
/// let error = FieldError::new("email", "must contain an @");
/// assert_eq!((error.field(), error.detail()), ("email", "must contain an @"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: Cow<'static, str>,
    detail: Cow<'static, str>,
}

impl FieldError {
    /// Creates an error for a field, named as in the request, such as `address.city`.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }

    /// The name of the field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
