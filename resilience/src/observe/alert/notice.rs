use std::sync::Arc;
use std::time::Duration;

use crate::{Alert, Category, Severity};

/// The start or end of an alert, as passed to a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertNotice {
    /// Whether the alert begins or ends.
    pub phase: AlertPhase,
    /// The kind of alert. [`LowPriority`](Alert::LowPriority) can wait until morning.
    pub alert: Alert,
    /// The operation that failed, or the `service` of the function whose fallback was used. Empty
    /// if the failure was reported without an operation.
    pub operation: Arc<str>,
    /// The error's code, such as `SERVICE_UNAVAILABLE`.
    pub code: &'static str,
    /// The error's category, or `None` if it is unclassified.
    pub category: Option<Category>,
    /// The severity of the last failure.
    pub severity: Severity,
    /// The number of failures: up to the start of the alert when it begins, in total when it ends.
    pub failures: u64,
    /// How long the alert lasted: from its first notice to the success that ended it, or else to
    /// the last failure. Zero when it begins.
    pub lasted: Duration,
}

/// Whether an alert begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertPhase {
    /// The operation keeps failing.
    Began,
    /// The failures have stopped.
    Over,
}

impl AlertPhase {
    /// The phase's name in lower case: `"began"` or `"over"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Over => "over",
        }
    }
}
