use crate::{Category, Classification};

/// The kinds of errors that a fallback replaces. Fatal errors can't be among them.
///
/// The attribute's `on = [transient, rejected]` is `Causes::NONE.transient().rejected()`. An error
/// is replaced if one of the kinds applies to it: an open circuit is both transient and rejected.
///
/// ```
/// use resilience::{Classify, Degrade, Rejected, degrade::Causes, errors::ServiceUnavailable};
///
/// const REJECTED: Degrade = Degrade::On(Causes::NONE.rejected());
///
/// assert!(REJECTED.applies_to(&Rejected::circuit_open("inventory", None).classify()));
/// assert!(!REJECTED.applies_to(&ServiceUnavailable::new("inventory").classify()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causes {
    transient: bool,
    permanent: bool,
    partial: bool,
    unclassified: bool,
    rejected: bool,
}

impl Causes {
    /// No errors, as a starting point.
    pub const NONE: Self = Self {
        transient: false,
        permanent: false,
        partial: false,
        unclassified: false,
        rejected: false,
    };

    /// Adds transient errors.
    #[must_use]
    pub const fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Adds permanent errors: definite answers, such as "no such item".
    #[must_use]
    pub const fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Adds partial errors.
    #[must_use]
    pub const fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Adds errors without a category.
    #[must_use]
    pub const fn unclassified(mut self) -> Self {
        self.unclassified = true;
        self
    }

    /// Adds the rejections of layers: open circuits and timeouts.
    #[must_use]
    pub const fn rejected(mut self) -> Self {
        self.rejected = true;
        self
    }

    /// Whether one of the kinds applies to this error.
    pub const fn include(self, error: &Classification) -> bool {
        let by_category = match error.category() {
            // Never hidden, whatever else applies.
            Some(Category::Fatal) => return false,
            Some(Category::Transient) => self.transient,
            Some(Category::Permanent) => self.permanent,
            Some(Category::Partial) => self.partial,
            None => self.unclassified,
        };
        by_category || self.rejected && error.rejected().is_some()
    }
}
