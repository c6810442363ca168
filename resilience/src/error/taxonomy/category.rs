use std::fmt;
use std::time::Duration;

/// The four kinds of failure, each of which asks for its own response.
///
/// The set is closed: a `match` over it needs no wildcard.
/// The absence of a category ([`Classification::category`](crate::Classification::category) is
/// `None`) means that nobody said; such an error is never retried, and a circuit breaker counts it
/// as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Temporary: the same call may succeed later. Retried with backoff. A timeout, a 503, a reset
    /// connection, a 429.
    Transient,
    /// The same call will fail again. Never retried. A validation error, a 404, a 401.
    Permanent,
    /// A part is missing and the rest can go on. Degraded, not retried. A cache miss, analytics
    /// being down.
    Partial,
    /// The process can't go on. Never retried, never degraded, never hidden. A missing setting,
    /// corrupt state, a full disk.
    Fatal,
}

impl Category {
    /// The category's name in lower case, as it stands in logs: `"transient"`, `"permanent"`,
    /// `"partial"`, `"fatal"`.
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

/// How bad a failure is, which decides the level at which it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Business as usual: a client's mistake, a passing outage. A metric, not an action item.
    Expected,
    /// A bug, or an answer that nobody planned for. An action item.
    Unexpected,
    /// Somebody must look at once.
    Critical,
}

impl Severity {
    /// The severity's name in lower case, as it stands in logs: `"expected"`, `"unexpected"`,
    /// `"critical"`.
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

/// What an error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Try again after a backoff.
    Retry,
    /// Try again, and not before this much time has passed: a server's `Retry-After`.
    RetryAfter(Duration),
    /// Repeat the whole transaction, once. Outside a transaction this counts as
    /// [`DoNotRetry`](Self::DoNotRetry).
    RetryTransactionOnce,
    /// Repeat the whole transaction, a bounded number of times: a serialization failure, which
    /// loses to its neighbours without anybody being at fault. Outside a transaction this
    /// counts as [`DoNotRetry`](Self::DoNotRetry).
    RetryTransaction,
    /// The same call will fail again, or must not be made again.
    DoNotRetry,
}

/// When somebody is told of a failure; see [`on_alert`](crate::on_alert).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alert {
    /// When it goes on: after a number of failures in a row. What a transient error does by
    /// default.
    WhenRepeated,
    /// When it is more frequent than usual. What a permanent or unclassified error does by default.
    WhenFrequent,
    /// When it is frequent, and then with low priority. What a partial error does by default.
    LowPriority,
    /// With the first failure. What a critical error does by default, and a fatal one always.
    AtOnce,
}

impl Alert {
    /// The name in lower case, as it stands in logs: `"when_repeated"`, `"when_frequent"`,
    /// `"low_priority"`, `"at_once"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhenRepeated => "when_repeated",
            Self::WhenFrequent => "when_frequent",
            Self::LowPriority => "low_priority",
            Self::AtOnce => "at_once",
        }
    }
}

/// Whether the callee can have acted on the call that failed.
///
/// A call that isn't idempotent may only be repeated when it was [`Never`](Self::Never) sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The request never left: a refused connection, a name that doesn't resolve, an open circuit.
    Never,
    /// The request may have arrived. What isn't known to be `Never` is this.
    Maybe,
}
