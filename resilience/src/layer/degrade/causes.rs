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
pub struct Causes(u8);

const TRANSIENT: u8 = 1;
const PERMANENT: u8 = 1 << 1;
const PARTIAL: u8 = 1 << 2;
const UNCLASSIFIED: u8 = 1 << 3;
const REJECTED: u8 = 1 << 4;

impl Causes {
    /// No errors, as a starting point.
    pub const NONE: Self = Self(0);

    /// Adds transient errors.
    #[must_use]
    pub const fn transient(self) -> Self {
        Self(self.0 | TRANSIENT)
    }

    /// Adds permanent errors: definite answers, such as "no such item".
    #[must_use]
    pub const fn permanent(self) -> Self {
        Self(self.0 | PERMANENT)
    }

    /// Adds partial errors.
    #[must_use]
    pub const fn partial(self) -> Self {
        Self(self.0 | PARTIAL)
    }

    /// Adds errors without a category.
    #[must_use]
    pub const fn unclassified(self) -> Self {
        Self(self.0 | UNCLASSIFIED)
    }

    /// Adds the rejections of layers: open circuits, timeouts and flags that are off.
    #[must_use]
    pub const fn rejected(self) -> Self {
        Self(self.0 | REJECTED)
    }

    /// Whether one of the kinds applies to this error.
    pub const fn include(self, error: &Classification) -> bool {
        let category = match error.category() {
            // Never hidden, even if another rule applies.
            Some(Category::Fatal) => return false,
            Some(Category::Transient) => TRANSIENT,
            Some(Category::Permanent) => PERMANENT,
            Some(Category::Partial) => PARTIAL,
            None => UNCLASSIFIED,
        };
        let rejected = if error.rejected().is_some() { REJECTED } else { 0 };
        self.0 & (category | rejected) != 0
    }
}
