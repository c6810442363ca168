use std::error::Error;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::{RetryInfo, StatusExt as _, pb};

use crate::error::chain;
use crate::error::registry;
use crate::error::taxonomy::RetryAfter as _;
use crate::error::upstream::unusable;
use crate::{Advice, Alert, Classification, Classify, Rejected, Sent, taxonomy::Evidence};

/// The metadata key with which a server says after how many milliseconds a call may be retried, or
/// with -1 that it must not be (gRFC A6).
pub(crate) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Classified by the source if the call failed on our side, else by the callee's code. See
/// [`resilience::tonic`](crate::tonic) for the table.
///
/// Clients see the generic text of the status, never the callee's message.
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl Classify for Status {
    fn classify(&self) -> Classification {
        self.source().and_then(|source| by_source(self, source)).unwrap_or_else(|| by_code(self))
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// Classifies a failure on our side. A status received over the wire has no source.
fn by_source(status: &Status, source: &(dyn Error + 'static)) -> Option<Classification> {
    if let Some(rejected) = find::<Rejected>(source) {
        return Some(rejected.classify());
    }
    // Checked first, because a timeout while connecting is both and nothing was sent.
    if find::<ConnectError>(source).is_some() {
        return Some(Classification::transient("CONNECT_FAILED").with_sent(Sent::Never));
    }
    if find::<TimeoutExpired>(source).is_some() {
        return Some(Classification::transient("NETWORK_TIMEOUT"));
    }
    if let Some(known) = registry::classify(source) {
        return Some(known);
    }
    // HTTP/2 errors have types that only tonic's transport knows. Other statuses with a source were
    // created by the application.
    let is_transport = matches!(status.code(), Code::Internal | Code::Unknown | Code::Cancelled)
        && ["h2 protocol error", "transport error", "operation was canceled"]
            .iter()
            .any(|known| status.message().starts_with(known));
    is_transport.then(|| Classification::transient("CONNECTION_LOST"))
}

/// Classifies an answer of the callee.
fn by_code(status: &Status) -> Classification {
    let transient = |code| Classification::transient_with(code, advice(status, Advice::Retry));
    match status.code() {
        Code::DeadlineExceeded => transient("NETWORK_TIMEOUT"),
        // What tonic's servers send when their own timeout elapses.
        Code::Cancelled if status.message() == TimeoutExpired(()).to_string() => {
            transient("NETWORK_TIMEOUT")
        }
        Code::Unavailable => transient("SERVICE_UNAVAILABLE"),
        Code::ResourceExhausted if is_out_of_quota(status) => {
            Classification::permanent("QUOTA_EXCEEDED")
        }
        // It tells us to slow down, not our client.
        Code::ResourceExhausted => transient("RATE_LIMITED").with_status(503),
        // gRPC says "retry at a higher level": values read before may be out of date.
        Code::Aborted => {
            Classification::transient_with("UPSTREAM_ABORTED", Advice::RetryTransaction)
        }
        // Either the callee is unhealthy, which a circuit breaker should count, or it has a bug,
        // which a retry doesn't fix.
        Code::Internal | Code::Unknown => Classification::transient_with(
            "SERVICE_UNAVAILABLE",
            advice(status, Advice::DoNotRetry),
        ),
        Code::Unimplemented => unusable("UPSTREAM_SERVER_ERROR"),
        Code::DataLoss => Classification::permanent("UPSTREAM_DATA_LOSS").with_alert(Alert::AtOnce),
        Code::Cancelled => Classification::permanent("CALL_CANCELLED"),
        Code::Ok => unusable("UPSTREAM_UNEXPECTED_STATUS"),
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange => Classification::permanent("UPSTREAM_CLIENT_ERROR"),
    }
}

/// The callee's advice on retrying, or `default` if it gives none.
fn advice(status: &Status, default: Advice) -> Advice {
    let Ok(pushback) = pushback(status) else { return Advice::DoNotRetry };
    match pushback.max(retry_info(status)) {
        Some(wait) => wait.advice(),
        None => default,
    }
}

/// The longest wait in the metadata, or an error if it forbids a retry.
fn pushback(status: &Status) -> Result<Option<Duration>, MustNotRetry> {
    let wait =
        |value: &str| value.parse::<i32>().ok().and_then(|millis| u64::try_from(millis).ok());
    status.metadata().get_all(PUSHBACK).iter().try_fold(None, |longest: Option<Duration>, value| {
        let millis = value.to_str().ok().and_then(wait).ok_or(MustNotRetry)?;
        Ok(longest.max(Some(Duration::from_millis(millis))))
    })
}

struct MustNotRetry;

/// The delay that the callee asks for. A negative one is none at all.
///
/// Read by hand, because `get_details_retry_info` overflows on the least number of seconds.
fn retry_info(status: &Status) -> Option<Duration> {
    let details = pb::Status::decode(status.details()).ok()?.details;
    let info = details.iter().find(|any| any.type_url == RetryInfo::TYPE_URL)?;
    let delay = pb::RetryInfo::decode(&*info.value).ok()?.retry_delay?;
    let nanos = i128::from(delay.seconds) * 1_000_000_000 + i128::from(delay.nanos);
    let nanos = u128::try_from(nanos).unwrap_or(0);
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    // Below a second, so that it fits.
    Some(Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).unwrap_or(0)))
}

/// Whether a quota is used up and the callee doesn't say when a retry could succeed.
fn is_out_of_quota(status: &Status) -> bool {
    status.get_details_quota_failure().is_some()
        && retry_info(status).is_none()
        && matches!(pushback(status), Ok(None))
}

/// The first error of type `T` in the chain.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain::find(Some(error))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use proptest::prelude::*;
    use tonic_types::{ErrorDetails, QuotaViolation};

    use super::*;
    use crate::{Category, Severity};

    /// A status with these pushback values in its metadata, and this delay in its details.
    fn status(code: Code, pushback: &[&str], delay: Option<Duration>) -> Status {
        let mut details = ErrorDetails::new();
        if delay.is_some() {
            details.set_retry_info(delay);
        }
        let mut status = Status::with_error_details(code, "said", details);
        for value in pushback {
            status.metadata_mut().append(PUSHBACK, value.parse().unwrap());
        }
        status
    }

    fn with_source(
        code: Code,
        message: &str,
        source: impl Error + Send + Sync + 'static,
    ) -> Status {
        let mut status = Status::new(code, message);
        status.set_source(Arc::new(source));
        status
    }

    #[test]
    fn grpc_codes_are_classified() {
        use Category::{Permanent, Transient};
        let table = [
            (Code::Ok, Transient, "UPSTREAM_UNEXPECTED_STATUS", 502, false),
            (Code::Cancelled, Permanent, "CALL_CANCELLED", 500, false),
            (Code::Unknown, Transient, "SERVICE_UNAVAILABLE", 503, false),
            (Code::InvalidArgument, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::DeadlineExceeded, Transient, "NETWORK_TIMEOUT", 504, true),
            (Code::NotFound, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::AlreadyExists, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::PermissionDenied, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::ResourceExhausted, Transient, "RATE_LIMITED", 503, true),
            (Code::FailedPrecondition, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::Aborted, Transient, "UPSTREAM_ABORTED", 503, false),
            (Code::OutOfRange, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
            (Code::Unimplemented, Transient, "UPSTREAM_SERVER_ERROR", 502, false),
            (Code::Internal, Transient, "SERVICE_UNAVAILABLE", 503, false),
            (Code::Unavailable, Transient, "SERVICE_UNAVAILABLE", 503, true),
            (Code::DataLoss, Permanent, "UPSTREAM_DATA_LOSS", 500, false),
            (Code::Unauthenticated, Permanent, "UPSTREAM_CLIENT_ERROR", 500, false),
        ];
        for (number, (code, category, name, status, retried)) in (0..).zip(table) {
            assert_eq!(i32::from(code), number, "the table is complete");
            let error = Status::new(code, "said");
            let class = error.classify();
            assert_eq!(
                (class.category(), class.code(), class.status()),
                (Some(category), name, status),
                "{code:?}"
            );
            assert_eq!((class.is_retryable(), class.sent()), (retried, Sent::Maybe), "{code:?}");
            if category == Permanent {
                assert_eq!(class.severity(), Severity::Unexpected, "{code:?}");
            }
            assert!(!error.public_message().contains("said"), "{code:?}");
        }
        assert_eq!(Status::aborted("").classify().advice(), Advice::RetryTransaction);
        assert_eq!(Status::data_loss("").classify().alert(), Alert::AtOnce);
    }

    #[test]
    fn grpc_pushback_and_retry_info_become_advice() {
        let (ms, none) = (Duration::from_millis, Advice::DoNotRetry);
        let after = |millis| Advice::RetryAfter(ms(millis));
        let table: [(&[&str], Option<Duration>, Advice); 16] = [
            (&[], None, Advice::Retry),
            (&["1500"], None, after(1500)),
            (&[], Some(ms(1500)), after(1500)),
            (&["1500"], Some(ms(700)), after(1500)),
            (&["700"], Some(ms(1500)), after(1500)),
            (&["700", "1500"], None, after(1500)),
            (&["0"], None, Advice::Retry),
            (&[], Some(Duration::ZERO), Advice::Retry),
            (&["2147483647"], None, after(2_147_483_647)),
            (&["2147483648"], None, none),
            (&["-1"], None, none),
            (&["-1"], Some(ms(1500)), none),
            (&["700", "-1"], None, none),
            (&["1.5"], None, none),
            (&["soon"], None, none),
            (&[""], None, none),
        ];
        for (pushback, delay, advice) in table {
            for code in [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted] {
                let class = status(code, pushback, delay).classify();
                assert_eq!(class.advice(), advice, "{code:?} {pushback:?} {delay:?}");
                assert_eq!(class.category(), Some(Category::Transient));
            }
        }
        // An answer that isn't retried by default is retried if the callee says when.
        assert_eq!(status(Code::Internal, &["1500"], None).classify().advice(), after(1500));
        // A wait doesn't make a permanent answer transient.
        assert!(!status(Code::NotFound, &["1500"], Some(ms(1))).classify().is_retryable());
    }

    #[test]
    fn grpc_retry_info_of_any_length_is_accepted() {
        let forever = Some(Duration::MAX);
        let wait = status(Code::Unavailable, &[], forever).classify().retry_after().unwrap();
        assert!(wait > Duration::from_secs(300_000_000_000), "{wait:?}");
    }

    /// A status with the raw delay in its details, as a peer may send it.
    fn raw(seconds: i64, nanos: i32) -> Status {
        let mut info = pb::RetryInfo::default();
        let delay = info.retry_delay.get_or_insert_default();
        (delay.seconds, delay.nanos) = (seconds, nanos);
        let mut details = pb::Status::default();
        details.details.resize_with(1, Default::default);
        details.details[0].type_url = RetryInfo::TYPE_URL.to_owned();
        details.details[0].value = info.encode_to_vec();
        Status::with_details(Code::Unavailable, "", details.encode_to_vec().into())
    }

    #[test]
    fn grpc_retry_info_of_any_value_is_read_without_overflow() {
        let table = [
            (1, 500_000_000, Some(Duration::from_millis(1500))),
            (2, -500_000_000, Some(Duration::from_millis(1500))),
            (i64::MIN, 0, None),
            (i64::MIN, i32::MIN, None),
            (i64::MIN, i32::MAX, None),
            (-1, 0, None),
            (0, i32::MIN, None),
            (0, 0, None),
            (0, i32::MAX, Some(Duration::new(2, 147_483_647))),
            (i64::MAX, i32::MAX, Some(Duration::new(i64::MAX as u64 + 2, 147_483_647))),
        ];
        for (seconds, nanos, wait) in table {
            let class = raw(seconds, nanos).classify();
            assert_eq!(class.retry_after(), wait, "{seconds} {nanos}");
            assert!(class.is_retryable());
        }
    }

    proptest! {
        #[test]
        fn any_grpc_retry_info_is_read(seconds: i64, nanos: i32) {
            let class = raw(seconds, nanos).classify();
            prop_assert_eq!(class.retry_after().is_some(), i128::from(seconds) * 1_000_000_000 + i128::from(nanos) > 0);
        }

        #[test]
        fn any_grpc_details_are_read(details: Vec<u8>, pushback in r"[ -~]{0,12}") {
            let mut status = Status::with_details(Code::Unavailable, "", details.into());
            status.metadata_mut().insert(PUSHBACK, pushback.parse().unwrap());
            status.classify();
        }

        #[test]
        fn any_grpc_pushback_is_read(millis: i64) {
            let pushback = millis.to_string();
            let class = status(Code::Unavailable, &[&pushback], None).classify();
            let valid = u64::try_from(millis).ok().filter(|_| i32::try_from(millis).is_ok());
            prop_assert_eq!(class.is_retryable(), valid.is_some());
            let wait = valid.filter(|millis| *millis > 0).map(Duration::from_millis);
            prop_assert_eq!(class.retry_after(), wait);
        }
    }

    #[test]
    fn invalid_grpc_details_are_ignored() {
        let garbage = Status::with_details(Code::Unavailable, "said", vec![0xff; 40].into());
        assert_eq!(garbage.classify(), Classification::transient("SERVICE_UNAVAILABLE"));
    }

    #[test]
    fn grpc_quota_failure_without_retry_info_is_permanent() {
        let quota = || {
            ErrorDetails::with_quota_failure(vec![QuotaViolation::new("project:7", "1000 a day")])
        };
        let used_up = Status::with_error_details(Code::ResourceExhausted, "", quota());
        assert_eq!(used_up.classify(), Classification::permanent("QUOTA_EXCEEDED"));

        let mut details = quota();
        details.set_retry_info(Some(Duration::from_secs(60)));
        let class = Status::with_error_details(Code::ResourceExhausted, "", details).classify();
        assert_eq!(
            (class.code(), class.retry_after()),
            ("RATE_LIMITED", Some(Duration::from_secs(60)))
        );
    }

    #[test]
    fn grpc_status_is_classified_by_its_source() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let slow = || io::Error::from(io::ErrorKind::TimedOut);
        let open = Rejected::circuit_open("stock", Some(Duration::from_secs(3)));
        let table = [
            (
                with_source(Code::Unavailable, "", ConnectError(refused().into())),
                "CONNECT_FAILED",
                Sent::Never,
            ),
            (
                with_source(Code::Unavailable, "", ConnectError(slow().into())),
                "CONNECT_FAILED",
                Sent::Never,
            ),
            (
                with_source(Code::Unavailable, "", ConnectError("bad certificate".into())),
                "CONNECT_FAILED",
                Sent::Never,
            ),
            (
                with_source(Code::Cancelled, "Timeout expired", TimeoutExpired(())),
                "NETWORK_TIMEOUT",
                Sent::Maybe,
            ),
            (
                with_source(Code::Unknown, "", io::Error::from(io::ErrorKind::ConnectionReset)),
                "CONNECTION_LOST",
                Sent::Maybe,
            ),
            (
                with_source(Code::Unavailable, "", ConnectError(open.into())),
                "CIRCUIT_OPEN",
                Sent::Never,
            ),
        ];
        for (status, code, sent) in table {
            let class = status.classify();
            assert_eq!(
                (class.code(), class.sent(), class.is_retryable()),
                (code, sent, true),
                "{status:?}"
            );
        }
        let reset =
            with_source(Code::Internal, "h2 protocol error: stream closed", std::fmt::Error);
        assert_eq!(reset.classify(), Classification::transient("CONNECTION_LOST"));
        let by_hand = with_source(Code::Internal, "it broke", std::fmt::Error);
        assert!(!by_hand.classify().is_retryable());
        assert_eq!(Status::cancelled("Timeout expired").classify().code(), "NETWORK_TIMEOUT");
    }
}
