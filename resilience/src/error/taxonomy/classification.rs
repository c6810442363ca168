use std::time::Duration;

use crate::{Advice, Alert, Category, Rejected, Sent, Severity};

use super::code;

/// Everything that the layers and the boundaries want to know of an error.
///
/// The constructors forbid contradictions: only a transient error can advise a retry, a fatal one
/// is always critical. What isn't set follows from the category and the code.
///
/// | category | advice | status | severity | alert |
/// |---|---|---|---|---|
/// | [`transient`](Self::transient) | retry | the code's, or 503 | expected | when repeated |
/// | [`permanent`](Self::permanent) | do not retry | the code's, or 500 | expected below 500, else unexpected | when frequent |
/// | [`partial`](Self::partial) | do not retry | the code's, or 500 | expected | low priority |
/// | [`fatal`](Self::fatal) | do not retry | 500 | critical | at once |
/// | [`unclassified`](Self::unclassified) | do not retry | 500 | unexpected | when frequent |
///
/// ```
/// use resilience::{Advice, Category, Classification, Severity};
/// use std::time::Duration;
///
/// let busy = Classification::transient_with("RATE_LIMITED", Advice::RetryAfter(Duration::from_secs(10)));
/// assert_eq!(busy.category(), Some(Category::Transient));
/// assert_eq!(busy.status(), 429);
/// assert_eq!(busy.retry_after(), Some(Duration::from_secs(10)));
///
/// let missing = Classification::permanent("NOT_FOUND");
/// assert!(!missing.is_retryable());
/// assert_eq!((missing.status(), missing.severity()), (404, Severity::Expected));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Classification {
    category: Option<Category>,
    code: &'static str,
    status: u16,
    advice: Advice,
    sent: Sent,
    severity: Option<Severity>,
    rejected: Option<Rejected>,
    alert: Option<Alert>,
}

impl Classification {
    /// A temporary failure that is retried with backoff.
    pub const fn transient(code: &'static str) -> Self {
        Self::transient_with(code, Advice::Retry)
    }

    /// A temporary failure with an advice of its own.
    pub const fn transient_with(code: &'static str, advice: Advice) -> Self {
        let status = match code::status_of(code) {
            500 => 503,
            status => status,
        };
        Self::new(Some(Category::Transient), code, status, advice)
    }

    /// A failure that will happen again.
    pub const fn permanent(code: &'static str) -> Self {
        Self::new(Some(Category::Permanent), code, code::status_of(code), Advice::DoNotRetry)
    }

    /// A part is missing; the rest can go on.
    pub const fn partial(code: &'static str) -> Self {
        Self::new(Some(Category::Partial), code, code::status_of(code), Advice::DoNotRetry)
    }

    /// The process can't go on.
    pub const fn fatal(code: &'static str) -> Self {
        Self::new(Some(Category::Fatal), code, 500, Advice::DoNotRetry)
    }

    /// Nobody said what this error is. Its code is `INTERNAL_ERROR`.
    pub const fn unclassified() -> Self {
        Self::new(None, "INTERNAL_ERROR", 500, Advice::DoNotRetry)
    }

    const fn new(
        category: Option<Category>,
        code: &'static str,
        status: u16,
        advice: Advice,
    ) -> Self {
        Self {
            category,
            code,
            status,
            advice,
            sent: Sent::Maybe,
            severity: None,
            rejected: None,
            alert: None,
        }
    }

    /// Sets the HTTP status. A status that isn't an error's (below 400 or above 599) becomes 500.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = if 400 <= status && status <= 599 { status } else { 500 };
        self
    }

    /// Sets the severity. A fatal error stays critical.
    #[must_use]
    pub const fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Says whether the callee can have acted on the call.
    #[must_use]
    pub const fn with_sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// Says that a layer made this error, so that outer layers know it isn't an answer of the
    /// callee.
    #[must_use]
    pub const fn with_rejected(mut self, rejected: Rejected) -> Self {
        self.rejected = Some(rejected);
        self
    }

    /// Sets when somebody is told. A fatal error always alerts at once, and a critical one unless
    /// this is set.
    #[must_use]
    pub const fn with_alert(mut self, alert: Alert) -> Self {
        self.alert = Some(alert);
        self
    }

    /// The category, or `None` where nobody said.
    pub const fn category(&self) -> Option<Category> {
        self.category
    }

    /// The stable machine-readable code, such as `NOT_FOUND`.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status for our own client, 400 to 599.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What the error says about trying again.
    pub const fn advice(&self) -> Advice {
        self.advice
    }

    /// Whether the callee can have acted on the call.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        match (self.category, self.severity) {
            (Some(Category::Fatal), _) => Severity::Critical,
            (_, Some(severity)) => severity,
            (Some(Category::Transient | Category::Partial), None) => Severity::Expected,
            (Some(Category::Permanent), None) if self.status < 500 => Severity::Expected,
            (Some(Category::Permanent) | None, None) => Severity::Unexpected,
        }
    }

    /// When somebody is told of it.
    pub const fn alert(&self) -> Alert {
        match (self.category, self.alert) {
            (Some(Category::Fatal), _) => Alert::AtOnce,
            (_, Some(alert)) => alert,
            (_, None) if matches!(self.severity(), Severity::Critical) => Alert::AtOnce,
            (Some(Category::Transient), None) => Alert::WhenRepeated,
            (Some(Category::Partial), None) => Alert::LowPriority,
            (Some(Category::Permanent) | None, None) => Alert::WhenFrequent,
        }
    }

    /// Which layer refused or gave up the call, if one did; also one inside a nested annotated
    /// call.
    pub const fn rejected(&self) -> Option<Rejected> {
        self.rejected
    }

    /// How long the callee asks us to wait, if it does.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.advice {
            Advice::RetryAfter(wait) => Some(wait),
            _ => None,
        }
    }

    /// Whether the request that failed may succeed if it is made again from its beginning, as a
    /// client would: transient, and not advised against. True of a transaction that lost to
    /// another as well, which [`is_retryable`](Self::is_retryable) is not: a single call within
    /// it can't be repeated.
    pub const fn may_succeed_later(&self) -> bool {
        matches!(self.category, Some(Category::Transient))
            && !matches!(self.advice, Advice::DoNotRetry)
    }

    /// Whether a retry may help: transient, and advised.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            (self.category, self.advice),
            (Some(Category::Transient), Advice::Retry | Advice::RetryAfter(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_transient_error_is_retryable() {
        let wait = Advice::RetryAfter(Duration::from_secs(1));
        assert!(Classification::transient("X").is_retryable());
        assert!(Classification::transient_with("X", wait).is_retryable());
        assert!(!Classification::transient_with("X", Advice::RetryTransactionOnce).is_retryable());
        assert!(!Classification::transient_with("X", Advice::DoNotRetry).is_retryable());
        for other in [
            Classification::permanent("X"),
            Classification::partial("X"),
            Classification::fatal("X"),
            Classification::unclassified(),
        ] {
            assert!(!other.is_retryable() && !other.may_succeed_later(), "{other:?}");
        }
    }

    #[test]
    fn a_lost_transaction_may_succeed_later_and_is_not_retried_call_by_call() {
        for advice in [Advice::RetryTransactionOnce, Advice::RetryTransaction] {
            let lost = Classification::transient_with("X", advice);
            assert!(lost.may_succeed_later() && !lost.is_retryable());
        }
        assert!(Classification::transient("X").may_succeed_later());
        assert!(!Classification::transient_with("X", Advice::DoNotRetry).may_succeed_later());
    }

    #[test]
    fn who_is_told_follows_from_the_category() {
        let table = [
            (Classification::transient("X"), Alert::WhenRepeated),
            (Classification::permanent("X"), Alert::WhenFrequent),
            (Classification::partial("X"), Alert::LowPriority),
            (Classification::fatal("X").with_alert(Alert::LowPriority), Alert::AtOnce),
            (Classification::unclassified(), Alert::WhenFrequent),
            (Classification::transient("X").with_alert(Alert::AtOnce), Alert::AtOnce),
            (Classification::permanent("X").with_severity(Severity::Critical), Alert::AtOnce),
            (
                Classification::permanent("X")
                    .with_severity(Severity::Critical)
                    .with_alert(Alert::WhenFrequent),
                Alert::WhenFrequent,
            ),
        ];
        for (classification, alert) in table {
            assert_eq!(classification.alert(), alert, "{classification:?}");
        }
    }

    #[test]
    fn statuses_and_severities_follow_from_category_and_code() {
        let table = [
            (Classification::transient("X"), 503, Severity::Expected),
            (Classification::transient("RATE_LIMITED"), 429, Severity::Expected),
            (Classification::permanent("X"), 500, Severity::Unexpected),
            (Classification::permanent("NOT_FOUND"), 404, Severity::Expected),
            (Classification::permanent("X").with_status(409), 409, Severity::Expected),
            (Classification::partial("X"), 500, Severity::Expected),
            (Classification::fatal("NOT_FOUND"), 500, Severity::Critical),
            (Classification::fatal("X").with_severity(Severity::Expected), 500, Severity::Critical),
            (Classification::unclassified(), 500, Severity::Unexpected),
            (Classification::unclassified().with_status(200), 500, Severity::Unexpected),
        ];
        for (classification, status, severity) in table {
            assert_eq!(classification.status(), status, "{classification:?}");
            assert_eq!(classification.severity(), severity, "{classification:?}");
        }
    }
}
