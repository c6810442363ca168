use std::fmt;
use std::time::Duration;

use resilience::{Advice, Classification, Classify, Rejected, Sent};

/// One error of every kind that the layers distinguish.
#[derive(Debug, Clone, PartialEq)]
pub enum CallError {
    /// Transient; the callee may have acted.
    Busy,
    /// Transient, with a `Retry-After`.
    BusyFor(Duration),
    /// Transient, and certainly never sent.
    Refused,
    /// Transient in a transaction.
    Deadlock,
    /// Permanent.
    Absent,
    /// Partial.
    CacheMiss,
    /// Fatal.
    Corrupt,
    /// Without a category.
    Unclassified,
    /// Returned by a layer in place of calling.
    Rejected(Rejected),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call failed: {self:?}")
    }
}

impl std::error::Error for CallError {}

impl From<Rejected> for CallError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl Classify for CallError {
    fn classify(&self) -> Classification {
        match self {
            Self::Busy => Classification::transient("BUSY"),
            Self::BusyFor(wait) => {
                Classification::transient_with("RATE_LIMITED", Advice::RetryAfter(*wait))
            }
            Self::Refused => Classification::transient("CONNECT_FAILED").with_sent(Sent::Never),
            Self::Deadlock => {
                Classification::transient_with("DEADLOCK", Advice::RetryTransactionOnce)
            }
            Self::Absent => Classification::permanent("NOT_FOUND"),
            Self::CacheMiss => Classification::partial("CACHE_MISS"),
            Self::Corrupt => Classification::fatal("CORRUPT_STATE"),
            Self::Unclassified => Classification::unclassified(),
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}
