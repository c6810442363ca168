//! Converts errors to a gRPC status.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::error::PUSHBACK;
use crate::support::once::OncePerProcess;
use crate::{Advice, Category, Classification, Classify, Rejected, http::generic_message};

/// Logs an error and returns the status for the client, which contains only what the client may
/// know.
///
/// The code depends on the error's classification. It is chosen so that a client which classifies
/// the status comes to the same decision: whether to retry the call, and when.
///
/// | classification | code |
/// |---|---|
/// | 400, 413, 415, 422 | `InvalidArgument`, with the field errors as `google.rpc.BadRequest` |
/// | 401; 403; 404, 410; 409; 416 | `Unauthenticated`; `PermissionDenied`; `NotFound`; `AlreadyExists`; `OutOfRange` |
/// | 405, 501 | `Unimplemented` |
/// | 429 | `ResourceExhausted` |
/// | 408, 504 | `DeadlineExceeded` |
/// | other 4xx | `FailedPrecondition` |
/// | the whole transaction can be retried | `Aborted` |
/// | any other that can be retried | `Unavailable` |
/// | all else | `Internal` |
///
/// The message is the error's [public message](Classify::public_message), or a generic one from
/// status 500 on. The details contain the code as `google.rpc.ErrorInfo`, the retry delay as
/// `google.rpc.RetryInfo`, and the id of the current [`RequestContext`](crate::RequestContext) as
/// `google.rpc.RequestInfo`. The delay is also sent as the metadata `grpc-retry-pushback-ms`, for
/// clients that retry automatically. A value of -1 stops them from retrying a call that must not be
/// repeated.
///
/// ```
/// use resilience::errors::NotFound;
///
/// // In a handler: `.map_err(|error| resilience::tonic::status(&error))?`
/// let status = resilience::tonic::status(&NotFound::new("order", "42"));
/// assert_eq!(status.code(), tonic::Code::NotFound);
/// assert_eq!(status.message(), "order 42 not found");
/// ```
///
/// The error is logged once, as by [`report`](crate::report()), with the location of this call, so
/// a handler that ends with it is a complete boundary. Outside a request context, the record has no
/// request id, and the warning `request_layer_missing` is logged once per process.
#[track_caller]
pub fn status<E: Classify + ?Sized>(error: &E) -> Status {
    status_in("", error)
}

/// Like [`status`], with the `domain` of `google.rpc.ErrorInfo`: the name of the service that
/// defines the code, such as `orders.example.com`.
#[track_caller]
pub fn status_in<E: Classify + ?Sized>(domain: &str, error: &E) -> Status {
    crate::report(error);
    if !crate::RequestContext::is_there() {
        warn_layer_missing();
    }
    of(domain, error)
}

fn warn_layer_missing() {
    static WARNED: OncePerProcess = OncePerProcess::new();
    if WARNED.is_first() {
        tracing::warn!(
            target: "resilience",
            help = "add `.layer(resilience::tonic::RequestContextLayer::new())` to the server",
            "request_layer_missing"
        );
    }
}

/// Converts an error to a status without logging it.
pub(super) fn of<E: Classify + ?Sized>(domain: &str, error: &E) -> Status {
    let class = error.classify();
    let code = code(&class);
    let message = match class.status() {
        500.. => class.public_text().unwrap_or(generic_message(class.status())).to_owned(),
        _ => error.public_message().into_owned(),
    };
    let mut details = ErrorDetails::new();
    details.set_error_info(class.code(), domain, []);
    if class.status() < 500 {
        let violations: Vec<_> = error
            .field_errors()
            .iter()
            .map(|field| FieldViolation::new(field.field(), field.detail()))
            .collect();
        if !violations.is_empty() {
            details.set_bad_request(violations);
        }
    }
    let wait = class.retry_after().filter(|_| class.is_retryable());
    if wait.is_some() {
        details.set_retry_info(wait);
    }
    if let Some(context) = crate::RequestContext::current() {
        details.set_request_info(context.request_id().as_str(), "");
    }
    let mut status = Status::with_error_details(code, message, details);
    if let Some(millis) = pushback(&class, code, wait) {
        status.metadata_mut().insert(PUSHBACK, millis.into());
    }
    status
}

fn code(class: &Classification) -> Code {
    if matches!(class.advice(), Advice::RetryTransaction | Advice::RetryTransactionOnce) {
        return Code::Aborted;
    }
    let code = match class.status() {
        400 | 413 | 415 | 422 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 | 410 => Code::NotFound,
        405 | 501 => Code::Unimplemented,
        408 | 504 => Code::DeadlineExceeded,
        409 => Code::AlreadyExists,
        416 => Code::OutOfRange,
        429 => Code::ResourceExhausted,
        400..=499 => Code::FailedPrecondition,
        _ if class.category() == Some(Category::Transient) => Code::Unavailable,
        _ => Code::Internal,
    };
    // A client must see a retryable error as retryable.
    if class.is_retryable() && !implies_retry(code) { Code::Unavailable } else { code }
}

/// Whether clients treat this code alone as retryable.
fn implies_retry(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted)
}

fn pushback(class: &Classification, code: Code, wait: Option<Duration>) -> Option<i32> {
    match wait {
        Some(wait) => Some(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)),
        None => (implies_retry(code) && !class.is_retryable()).then_some(-1),
    }
}

/// Like [`status`], without logging. The rejection is kept as the source, so that outer layers
/// recognize it.
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl From<Rejected> for Status {
    fn from(rejected: Rejected) -> Self {
        let mut status = of("", &rejected);
        status.set_source(Arc::new(rejected));
        status
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;

    use super::*;
    use crate::FieldError;
    use crate::errors::{
        AuthFailed, Conflict, MissingConfig, NotFound, RateLimited, ServiceUnavailable,
        ValidationError,
    };

    const SECRET: &str = "postgres://app:hunter2@db";

    /// An error whose `Display` text contains a secret.
    struct Failed(Classification);

    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(SECRET)
        }
    }

    impl Classify for Failed {
        fn classify(&self) -> Classification {
            self.0
        }

        fn public_message(&self) -> Cow<'_, str> {
            "for the client".into()
        }

        fn field_errors(&self) -> Cow<'_, [FieldError]> {
            vec![FieldError::new("email", "must contain an @")].into()
        }
    }

    #[test]
    fn http_status_determines_grpc_code() {
        let table = [
            (of("", &ValidationError::new("email", "is empty")), Code::InvalidArgument),
            (of("", &NotFound::new("order", "42")), Code::NotFound),
            (of("", &AuthFailed::new()), Code::Unauthenticated),
            (of("", &Conflict::new("taken")), Code::AlreadyExists),
            (of("", &RateLimited::new("api")), Code::ResourceExhausted),
            (of("", &ServiceUnavailable::new("stock")), Code::Unavailable),
            (of("", &MissingConfig::new("URL")), Code::Internal),
            (of("", &Failed(Classification::permanent("FORBIDDEN"))), Code::PermissionDenied),
            (of("", &Failed(Classification::permanent("QUERY_TIMEOUT"))), Code::DeadlineExceeded),
            (of("", &Failed(Classification::permanent("X").with_status(503))), Code::Internal),
            (of("", &Failed(Classification::partial("X"))), Code::Internal),
            (of("", &Failed(Classification::unclassified())), Code::Internal),
            (
                of("", &Failed(Classification::permanent("X").with_status(412))),
                Code::FailedPrecondition,
            ),
            (of("", &Failed(Classification::permanent("X").with_status(405))), Code::Unimplemented),
            (of("", &Failed(Classification::transient("X").with_status(404))), Code::Unavailable),
            (
                of("", &Failed(Classification::transient_with("X", Advice::RetryTransaction))),
                Code::Aborted,
            ),
        ];
        for (status, code) in table {
            assert_eq!(status.code(), code, "{status:?}");
        }
    }

    #[test]
    fn status_contains_only_public_texts() {
        for http in 400..=599 {
            for class in
                [Classification::permanent("SOME_CODE"), Classification::transient("SOME_CODE")]
            {
                let status = of("orders.example.com", &Failed(class.with_status(http)));
                let text = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
                assert!(!text.contains("hunter2") && !text.contains("postgres"), "{text}");
                assert_eq!(text.contains("for the client"), http < 500, "{http}: {text}");
                let info = status.get_details_error_info().unwrap();
                assert_eq!(
                    (info.reason.as_str(), info.domain.as_str()),
                    ("SOME_CODE", "orders.example.com")
                );
                let violations =
                    status.get_details_bad_request().map(|violations| violations.field_violations);
                assert_eq!(violations.is_some(), http < 500, "{http}");
                assert!(
                    violations.into_iter().flatten().all(|field| field.field == "email"),
                    "{http}"
                );
            }
        }
    }

    #[test]
    fn retry_advice_survives_a_round_trip_over_the_wire() {
        let waits = [
            None,
            Some(Duration::from_millis(1500)),
            Some(Duration::from_secs(1 << 40)),
            Some(Duration::MAX),
        ];
        let advices = waits.map(|wait| wait.map_or(Advice::Retry, Advice::RetryAfter));
        for http in 400..=599 {
            for advice in advices.into_iter().chain([Advice::DoNotRetry]) {
                let ours = Classification::transient_with("X", advice).with_status(http);
                // A status received over the wire has no source.
                let theirs = of("", &Failed(ours)).classify();
                assert_eq!(theirs.is_retryable(), ours.is_retryable(), "{http} {advice:?}");
                // The longest protobuf duration is about ten thousand years.
                let longest = Duration::new(315_576_000_000, 999_999_999);
                assert_eq!(
                    theirs.retry_after(),
                    ours.retry_after().map(|wait| wait.min(longest)),
                    "{http} {advice:?}"
                );
            }
            for ours in [
                Classification::permanent("X"),
                Classification::partial("X"),
                Classification::unclassified(),
            ] {
                assert!(
                    !of("", &Failed(ours.with_status(http))).classify().is_retryable(),
                    "{http} {ours:?}"
                );
            }
        }
        assert!(!of("", &MissingConfig::new("URL")).classify().is_retryable());
    }

    #[test]
    fn rejection_converted_to_status_keeps_its_classification() {
        let open = Rejected::circuit_open("inventory", Some(Duration::from_secs(3)));
        let timed_out = Rejected::timed_out("inventory", Duration::from_secs(5));
        for (rejected, code) in [(open, Code::Unavailable), (timed_out, Code::DeadlineExceeded)] {
            let status = Status::from(rejected);
            let generic = generic_message(rejected.classify().status());
            assert_eq!((status.code(), status.message()), (code, generic));
            assert_eq!(status.classify(), rejected.classify());
        }
        let wait = Status::from(open).get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(wait, Some(Duration::from_secs(3)));
    }

    #[test]
    fn status_details_contain_the_request_id() {
        let context = crate::RequestContext::new();
        let status = context.clone().sync_scope(|| of("", &NotFound::new("order", "42")));
        assert_eq!(
            status.get_details_request_info().unwrap().request_id,
            context.request_id().as_str()
        );
    }
}
