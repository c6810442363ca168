//! What a letter tells of the failure.

use std::any::type_name;

use crate::error::log_text::LogText;
use crate::{Category, Classification, Classify, taxonomy::Evidence};

/// The failure that made a message a dead letter. Its texts are those of the log: redacted, escaped
/// and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterFailure {
    /// The error's code: `NOT_FOUND`.
    pub code: String,
    /// The error's category, if it has one.
    pub category: Option<Category>,
    /// The name of the error's Rust type.
    pub error_type: String,
    /// The error's text.
    pub message: String,
    /// The texts of the causes as a JSON array, if there are any.
    pub causes: Option<String>,
}

impl LetterFailure {
    /// What this error says of itself.
    pub fn of<E: Classify>(error: &E) -> Self {
        Self::classified(error, &error.classify(), &error.evidence())
    }

    pub(crate) fn classified<E: std::fmt::Display>(
        error: &E,
        class: &Classification,
        evidence: &Evidence<'_>,
    ) -> Self {
        let LogText { message, causes } = LogText::of(error, evidence);
        Self { message, causes, ..Self::new(class.code(), class.category(), type_name::<E>(), "") }
    }

    /// A failure without an error, such as a message that was delivered too often. The message is
    /// stored as it is.
    pub fn new(
        code: impl Into<String>,
        category: Option<Category>,
        error_type: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            category,
            error_type: error_type.into(),
            message: message.into(),
            causes: None,
        }
    }
}
