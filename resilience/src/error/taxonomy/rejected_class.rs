//! Classifies rejections.

use crate::{
    Advice, Alert, Classification, Classify, Rejected, Sent, ServiceError, taxonomy::Evidence,
};

impl Classify for Rejected {
    fn classify(&self) -> Classification {
        match self {
            Self::CircuitOpen { retry_after, .. } => {
                let advice = retry_after.map_or(Advice::Retry, Advice::RetryAfter);
                Classification::transient_with("CIRCUIT_OPEN", advice).with_sent(Sent::Never)
            }
            Self::TimedOut { .. } => Classification::transient("NETWORK_TIMEOUT"),
            // Operators have decided that, so it raises no alert.
            Self::SwitchedOff { .. } => {
                Classification::transient_with("SWITCHED_OFF", Advice::DoNotRetry)
                    .with_sent(Sent::Never)
                    .with_alert(Alert::Never)
            }
        }
        .with_rejected(*self)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for Rejected {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Category;
    use std::time::Duration;

    #[test]
    fn rejections_are_classified() {
        let open = Rejected::circuit_open("inventory", Some(Duration::from_secs(3)));
        let timeout = Rejected::timed_out("inventory", Duration::from_secs(5));
        assert_eq!(open.to_string(), "the circuit of inventory is open for another 3s");
        assert_eq!(timeout.to_string(), "inventory timed out after 5s");

        let (open_class, timeout_class) = (open.classify(), timeout.classify());
        assert_eq!(
            (open_class.code(), open_class.status(), open_class.sent()),
            ("CIRCUIT_OPEN", 503, Sent::Never)
        );
        assert_eq!(
            (timeout_class.code(), timeout_class.status(), timeout_class.sent()),
            ("NETWORK_TIMEOUT", 504, Sent::Maybe)
        );
        let off = Rejected::switched_off("recommendations");
        let off_class = off.classify();
        assert_eq!(off.to_string(), "recommendations is switched off");
        assert_eq!(
            (off_class.code(), off_class.status(), off_class.sent(), off_class.is_retryable()),
            ("SWITCHED_OFF", 503, Sent::Never, false)
        );
        assert_eq!(open_class.rejected(), Some(open));
        assert_eq!(timeout_class.category(), Some(Category::Transient));
    }
}
