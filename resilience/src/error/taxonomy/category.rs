use std::fmt;
use std::time::Duration;

/// The four kinds of failure. Each needs a different response.
///
/// The set is closed: a `match` over it needs no wildcard.
///
/// An error without a category ([`Classification::category`](crate::Classification::category) is
/// `None`) is unclassified. It is never retried, and a circuit breaker counts it as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Temporary: the same call may succeed later. Retried with backoff. For example a timeout, a
    /// 503, a 429 or a reset connection.
    Transient,
    /// The same call will fail again. Never retried. For example a validation error, a 404 or a
    /// 401.
    Permanent,
    /// One part failed and the rest can continue. Degraded, not retried. For example a cache miss,
    /// or an analytics service that is down.
    Partial,
    /// The process can't continue. Never retried, degraded or hidden. For example a missing
    /// setting, corrupt state or a full disk.
    Fatal,
}

impl Category {
    /// The name used in logs: `"transient"`, `"permanent"`, `"partial"` or `"fatal"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Partial => "partial",
            Self::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How severe a failure is. Decides the level at which it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Happens in normal operation: a client's mistake, a short outage. Logged at WARN.
    Expected,
    /// A bug, or an answer that wasn't planned for. Needs to be fixed. Logged at ERROR.
    Unexpected,
    /// Needs attention immediately. Logged at ERROR.
    Critical,
}

impl Severity {
    /// The name used in logs: `"expected"`, `"unexpected"` or `"critical"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Unexpected => "unexpected",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether, and how, a failed call should be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Retry after a backoff.
    Retry,
    /// Retry, but not before this duration has passed: a server's `Retry-After`.
    RetryAfter(Duration),
    /// Repeat the whole transaction, once. Outside a transaction this means
    /// [`DoNotRetry`](Self::DoNotRetry).
    RetryTransactionOnce,
    /// Repeat the whole transaction, a bounded number of times: a serialization failure, which
    /// concurrent transactions cause without a bug in any of them. Outside a transaction this means
    /// [`DoNotRetry`](Self::DoNotRetry).
    RetryTransaction,
    /// Retry after a backoff, and inside a transaction the whole transaction: a lock that another
    /// transaction holds. The failed statement had no effect.
    RetryCallOrTransaction,
    /// Don't retry: the same call would fail again, or must not be repeated.
    DoNotRetry,
}

/// When a failure raises an alert; see [`on_alert`](crate::on_alert).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alert {
    /// After a number of consecutive failures. The default of transient errors.
    WhenRepeated,
    /// When failures are more frequent than usual. The default of unexpected permanent errors and
    /// of unclassified ones.
    WhenFrequent,
    /// When failures are frequent, with low priority. The default of partial errors.
    LowPriority,
    /// With the first failure. The default of critical errors; fatal errors always use it.
    AtOnce,
    /// Not at all. The default of expected permanent errors with a status below 500: the mistakes
    /// of clients.
    Never,
}

impl Alert {
    /// The name used in logs: `"when_repeated"`, `"when_frequent"`, `"low_priority"`, `"at_once"`
    /// or `"never"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhenRepeated => "when_repeated",
            Self::WhenFrequent => "when_frequent",
            Self::LowPriority => "low_priority",
            Self::AtOnce => "at_once",
            Self::Never => "never",
        }
    }
}

/// Whether the callee may have acted on the failed call.
///
/// A call that isn't idempotent may only be repeated if it was [`Never`](Self::Never) sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The request was never sent: a refused connection, a failed name lookup, an open circuit.
    Never,
    /// The request may have arrived. The default.
    Maybe,
}
