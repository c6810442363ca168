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
    /// The dependency that failed, if the error names it: the label of the layer that rejected the
    /// call, or the callee of a [ready-made](crate::errors) or
    /// [upstream](crate::http::UpstreamError) error. At most 128 bytes.
    pub dependency: Option<Arc<str>>,
    /// The code of the error that began the alert, such as `SERVICE_UNAVAILABLE`.
    pub code: &'static str,
    /// The last error's category, or `None` if it is unclassified.
    pub category: Option<Category>,
    /// The severity of the last failure.
    pub severity: Severity,
    /// The text of the last failure, redacted, at most 1024 bytes.
    pub message: Arc<str>,
    /// The id of the last request that failed, if it had one.
    pub request_id: Option<Arc<str>>,
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
