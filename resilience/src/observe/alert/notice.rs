use std::sync::Arc;
use std::time::Duration;

use crate::{Alert, Category, Severity};

/// An alert that begins or is over, as a listener sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertNotice {
    /// Whether it begins or is over.
    pub phase: AlertPhase,
    /// Why somebody is told; [`LowPriority`](Alert::LowPriority) can wait until morning.
    pub alert: Alert,
    /// What was being done. Of a fallback that stood in, the `service` of its function. Empty
    /// where nobody said.
    pub operation: Arc<str>,
    /// The error's code, such as `SERVICE_UNAVAILABLE`.
    pub code: &'static str,
    /// The error's category, or `None` where nobody said.
    pub category: Option<Category>,
    /// How bad the last failure was.
    pub severity: Severity,
    /// How many failures there have been: those that made it begin, and at its end all that there
    /// were.
    pub failures: u64,
    /// How long it lasted: from the failure with which it began to the success or the last
    /// failure. 0 when it begins.
    pub lasted: Duration,
}

/// Whether an alert begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertPhase {
    /// Somebody should look.
    Began,
    /// It has stopped.
    Over,
}

impl AlertPhase {
    /// The phase's name in lower case: `"began"`, `"over"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Over => "over",
        }
    }
}
