use std::time::Duration;

use crate::{Advice, Alert, Category, Rejected, Sent, Severity};

use super::code;

/// Everything that the layers and boundaries need to know about an error.
///
/// The constructors rule out contradictions: only a transient error can advise a retry, and a fatal
/// error is always critical. Values that aren't set follow from the category and the code:
///
/// | category | advice | status | severity | alert |
/// |---|---|---|---|---|
/// | [`transient`](Self::transient) | retry | the code's, or 503 | expected | when repeated |
/// | [`permanent`](Self::permanent) | do not retry | the code's, or 500 | expected below 500, else unexpected | never if expected and below 500, else when frequent |
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
    exit_code: Option<u8>,
    public_text: Option<&'static str>,
}

impl Classification {
    /// A temporary failure, retried with backoff.
    pub const fn transient(code: &'static str) -> Self {
        Self::transient_with(code, Advice::Retry)
    }

    /// A temporary failure with the given advice.
    pub const fn transient_with(code: &'static str, advice: Advice) -> Self {
        let status = match code::status_of(code) {
            500 => 503,
            status => status,
        };
        Self::new(Some(Category::Transient), code, status, advice)
    }

    /// A failure that would happen again.
    pub const fn permanent(code: &'static str) -> Self {
        Self::new(Some(Category::Permanent), code, code::status_of(code), Advice::DoNotRetry)
    }

    /// A failure of one part; the rest can continue.
    pub const fn partial(code: &'static str) -> Self {
        Self::new(Some(Category::Partial), code, code::status_of(code), Advice::DoNotRetry)
    }

    /// A failure after which the process can't continue.
    pub const fn fatal(code: &'static str) -> Self {
        Self::new(Some(Category::Fatal), code, 500, Advice::DoNotRetry)
    }

    /// An error of unknown category. Its code is `INTERNAL_ERROR`.
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
            exit_code: None,
            public_text: None,
        }
    }

    /// Sets the HTTP status, 400 to 599. Any other value becomes 500.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = if 400 <= status && status <= 599 { status } else { 500 };
        self
    }

    /// Sets the severity. A fatal error remains critical.
    #[must_use]
    pub const fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets whether the callee may have acted on the call. The default is [`Sent::Maybe`].
    #[must_use]
    pub const fn with_sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// Marks the error as a layer's rejection, so that outer layers don't take it for an answer of
    /// the callee.
    #[must_use]
    pub const fn with_rejected(mut self, rejected: Rejected) -> Self {
        self.rejected = Some(rejected);
        self
    }

    /// Sets when the error raises an alert, if at all. A fatal error always alerts at once. A
    /// critical one does by default.
    #[must_use]
    pub const fn with_alert(mut self, alert: Alert) -> Self {
        self.alert = Some(alert);
        self
    }

    /// Sets the exit code of a command that ends with the error, 1 to 255. 0, which means success,
    /// becomes 1. Default: the one that `exit::exit_status` finds.
    #[must_use]
    pub const fn with_exit_code(mut self, code: u8) -> Self {
        self.exit_code = Some(if code == 0 { 1 } else { code });
        self
    }

    /// Sets a fixed text for the client, which is also shown if the status is 500 or above, as in a
    /// 503 for maintenance. Default: the generic text of the status.
    ///
    /// ```
    /// use resilience::Classification;
    ///
    /// let closed = Classification::transient("CLOSED").with_public_text("Back at nine");
    /// assert_eq!((closed.status(), closed.public_text()), (503, Some("Back at nine")));
    /// ```
    #[must_use]
    pub const fn with_public_text(mut self, text: &'static str) -> Self {
        self.public_text = Some(text);
        self
    }

    /// The category, or `None` if the error is unclassified.
    pub const fn category(&self) -> Option<Category> {
        self.category
    }

    /// The stable machine-readable code, such as `NOT_FOUND`.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status for our client, 400 to 599.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether, and how, the call should be retried.
    pub const fn advice(&self) -> Advice {
        self.advice
    }

    /// Whether the callee may have acted on the call.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// How severe the failure is.
    pub const fn severity(&self) -> Severity {
        match (self.category, self.severity) {
            (Some(Category::Fatal), _) => Severity::Critical,
            (_, Some(severity)) => severity,
            (Some(Category::Transient | Category::Partial), None) => Severity::Expected,
            (Some(Category::Permanent), None) if self.status < 500 => Severity::Expected,
            (Some(Category::Permanent) | None, None) => Severity::Unexpected,
        }
    }

    /// When the failure raises an alert.
    pub const fn alert(&self) -> Alert {
        match (self.category, self.alert) {
            (Some(Category::Fatal), _) => Alert::AtOnce,
            (_, Some(alert)) => alert,
            (_, None) if matches!(self.severity(), Severity::Critical) => Alert::AtOnce,
            (Some(Category::Transient), None) => Alert::WhenRepeated,
            (Some(Category::Partial), None) => Alert::LowPriority,
            (Some(Category::Permanent), None)
                if self.status < 500 && matches!(self.severity(), Severity::Expected) =>
            {
                Alert::Never
            }
            (Some(Category::Permanent) | None, None) => Alert::WhenFrequent,
        }
    }

    /// The exit code of a command that ends with the error, if it was set.
    pub const fn exit_code(&self) -> Option<u8> {
        self.exit_code
    }

    /// The rejection, if a layer refused or timed out the call. It may come from an annotated call
    /// further in.
    pub const fn rejected(&self) -> Option<Rejected> {
        self.rejected
    }

    /// The fixed text for the client, if there is one.
    pub const fn public_text(&self) -> Option<&'static str> {
        self.public_text
    }

    /// How long the callee asks us to wait, if it does.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.advice {
            Advice::RetryAfter(wait) => Some(wait),
            _ => None,
        }
    }

    /// Whether the callee rate limits us: the code is `RATE_LIMITED`, or the status 429.
    ///
    /// ```
    /// use resilience::Classification;
    ///
    /// assert!(Classification::transient("RATE_LIMITED").with_status(503).is_rate_limited());
    /// assert!(Classification::transient("SLOW_DOWN").with_status(429).is_rate_limited());
    /// assert!(!Classification::transient("BUSY").is_rate_limited());
    /// ```
    pub fn is_rate_limited(&self) -> bool {
        self.status == 429 || self.code == "RATE_LIMITED"
    }

    /// Whether the request may succeed if the client repeats all of it: transient, and not
    /// [`DoNotRetry`](Advice::DoNotRetry).
    ///
    /// Also true for a transaction that must be repeated as a whole.
    /// [`is_retryable`](Self::is_retryable) is false for that, because a single call within the
    /// transaction can't be repeated.
    pub const fn may_succeed_later(&self) -> bool {
        matches!(self.category, Some(Category::Transient))
            && !matches!(self.advice, Advice::DoNotRetry)
    }

    /// Whether a retry of the call may help: transient, and a retry is advised.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            (self.category, self.advice),
            (
                Some(Category::Transient),
                Advice::Retry | Advice::RetryAfter(_) | Advice::RetryCallOrTransaction
            )
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_errors_are_retryable() {
        let wait = Advice::RetryAfter(Duration::from_secs(1));
        assert!(Classification::transient("X").is_retryable());
        assert!(Classification::transient_with("X", wait).is_retryable());
        assert!(Classification::transient_with("X", Advice::RetryCallOrTransaction).is_retryable());
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
    fn transaction_conflict_may_succeed_later_but_is_not_retryable() {
        for advice in [Advice::RetryTransactionOnce, Advice::RetryTransaction] {
            let conflict = Classification::transient_with("X", advice);
            assert!(conflict.may_succeed_later() && !conflict.is_retryable());
        }
        assert!(Classification::transient("X").may_succeed_later());
        assert!(!Classification::transient_with("X", Advice::DoNotRetry).may_succeed_later());
    }

    #[test]
    fn alert_follows_from_category_and_severity() {
        let table = [
            (Classification::transient("X"), Alert::WhenRepeated),
            (Classification::permanent("X"), Alert::WhenFrequent),
            (Classification::permanent("NOT_FOUND"), Alert::Never),
            (Classification::permanent("X").with_status(422), Alert::Never),
            (Classification::permanent("X").with_severity(Severity::Expected), Alert::WhenFrequent),
            (
                Classification::permanent("NOT_FOUND").with_severity(Severity::Unexpected),
                Alert::WhenFrequent,
            ),
            (
                Classification::permanent("NOT_FOUND").with_alert(Alert::WhenFrequent),
                Alert::WhenFrequent,
            ),
            (Classification::transient("X").with_alert(Alert::Never), Alert::Never),
            (Classification::fatal("X").with_alert(Alert::Never), Alert::AtOnce),
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
    fn status_and_severity_follow_from_category_and_code() {
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
