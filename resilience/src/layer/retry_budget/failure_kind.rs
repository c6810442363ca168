use crate::Classification;

/// The kind of a failure, which decides what its retry costs.
///
/// ```
/// use resilience::{Classification, retry::FailureKind};
///
/// assert_eq!(FailureKind::of(&Classification::transient("RATE_LIMITED")), FailureKind::RateLimited);
/// assert_eq!(FailureKind::of(&Classification::transient("BUSY")), FailureKind::Other);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The call timed out: it may have kept the callee busy.
    TimedOut,
    /// The callee rate limits us: it has rejected the call cheaply, and asks for a pause.
    RateLimited,
    /// Any other failure.
    Other,
}

impl FailureKind {
    /// The kind of a failure with this classification.
    pub fn of(class: &Classification) -> Self {
        if class.rejected().is_some_and(|rejected| rejected.is_timed_out()) {
            Self::TimedOut
        } else if class.is_rate_limited() {
            Self::RateLimited
        } else {
            Self::Other
        }
    }
}
