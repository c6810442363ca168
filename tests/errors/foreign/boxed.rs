//! Errors inside boxes and `anyhow::Error`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use resilience::{
    Classification, Classify, Rejected, Sent, ServiceError, errors, http::UpstreamError,
};

type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error, ServiceError)]
enum Inner {
    #[error("inner")]
    #[service(not_found, code = "INNER", public = "No inner")]
    Missing,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("outer")]
#[service(unavailable, code = "OUTER")]
struct Outer {
    source: Inner,
}

/// Unclassified itself.
#[derive(Debug, thiserror::Error)]
#[error("opaque")]
struct Opaque(#[source] BoxError);

fn code(error: &impl Classify) -> &'static str {
    error.classify().code()
}

#[test]
fn boxed_error_is_classified_by_its_outermost_known_type() {
    assert_eq!(code(&BoxError::from(Inner::Missing)), "INNER");
    assert_eq!(code(&BoxError::from(Outer { source: Inner::Missing })), "OUTER");
    assert_eq!(code(&BoxError::from(Opaque(Inner::Missing.into()))), "INNER");
    assert_eq!(code(&BoxError::from(Opaque(Box::new(Outer { source: Inner::Missing })))), "OUTER");
    assert_eq!(code(&(Box::new(Inner::Missing) as Box<dyn Error>)), "INNER");
    assert_eq!(code(&(Box::new(Inner::Missing) as Box<dyn Error + Send>)), "INNER");
    assert_eq!(code(&(Arc::new(Inner::Missing) as Arc<dyn Error + Send + Sync>)), "INNER");
    assert_eq!(BoxError::from(Opaque(Inner::Missing.into())).public_message(), "No inner");
}

#[test]
fn shared_or_boxed_error_inside_the_chain_is_found() {
    // As from a cache, which returns one failure to all waiting callers.
    assert_eq!(code(&BoxError::from(Arc::new(Inner::Missing))), "INNER");
    assert_eq!(code(&BoxError::from(Opaque(Arc::new(Inner::Missing).into()))), "INNER");
    assert_eq!(code(&BoxError::from(Box::new(Inner::Missing))), "INNER");
    let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(BoxError::from(Opaque(Arc::new(refused()).into())).classify().sent(), Sent::Never);
    let is = anyhow::Error::new(Arc::new(refused())).context("can't load").classify();
    assert_eq!(is.sent(), Sent::Never);
}

#[test]
fn built_in_error_types_are_known() {
    let rejected = Rejected::circuit_open("inventory", None);
    let is = BoxError::from(Opaque(rejected.into())).classify();
    assert_eq!((is, is.rejected()), (rejected.classify(), Some(rejected)));

    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(BoxError::from(Opaque(refused.into())).classify().sent(), Sent::Never);
    assert_eq!(code(&BoxError::from(UpstreamError::new("a", 404))), "UPSTREAM_CLIENT_ERROR");

    let ready_made: [(BoxError, &str); 14] = [
        (errors::NetworkTimeout::new("a", std::time::Duration::ZERO).into(), "NETWORK_TIMEOUT"),
        (errors::ServiceUnavailable::new("a").into(), "SERVICE_UNAVAILABLE"),
        (errors::RateLimited::new("a").into(), "RATE_LIMITED"),
        (errors::ConnectFailed::new("a").into(), "CONNECT_FAILED"),
        (errors::ValidationError::new("a", "b").into(), "VALIDATION_ERROR"),
        (errors::NotFound::new("a", "b").into(), "NOT_FOUND"),
        (errors::AuthFailed::new().into(), "AUTH_FAILED"),
        (errors::Conflict::new("a").into(), "CONFLICT"),
        (errors::CacheMiss::new("a").into(), "CACHE_MISS"),
        (errors::NonCriticalFailure::new("a", "b").into(), "NON_CRITICAL_FAILURE"),
        (errors::MissingConfig::new("a").into(), "MISSING_CONFIG"),
        (errors::CorruptState::new("a").into(), "CORRUPT_STATE"),
        (errors::UpstreamClientError::new("a", 404).into(), "UPSTREAM_CLIENT_ERROR"),
        (errors::Internal::new("a").into(), "INTERNAL_ERROR"),
    ];
    for (error, expected) in ready_made {
        let is = error.classify();
        assert_eq!(is.code(), expected);
        assert!(is.category().is_some(), "{expected} was not found");
    }
}

#[tokio::test(start_paused = true)]
async fn elapsed_tokio_timeout_is_known() {
    let elapsed =
        tokio::time::timeout(std::time::Duration::from_secs(1), std::future::pending::<()>()).await;
    let error: BoxError = elapsed.unwrap_err().into();
    assert_eq!(error.classify(), Classification::transient("NETWORK_TIMEOUT"));
    assert_eq!(error.classify().status(), 504);
}

#[test]
fn unknown_error_is_unclassified() {
    for error in [
        BoxError::from("text"),
        BoxError::from(Opaque("text".into())),
        std::io::Error::other("text").into(),
    ] {
        assert_eq!(error.classify(), Classification::unclassified(), "{error}");
        assert_eq!(error.public_message(), "An internal error occurred");
    }
    assert_eq!(anyhow::anyhow!("text").classify(), Classification::unclassified());
}

#[test]
fn derived_error_inside_an_io_error_is_found() {
    assert_eq!(code(&std::io::Error::other(Inner::Missing)), "INNER");
    assert_eq!(std::io::Error::other(Inner::Missing).public_message(), "No inner");
}

#[test]
fn source_below_an_unknown_io_error_is_found() {
    let error = std::io::Error::other(Opaque(Inner::Missing.into()));
    assert_eq!(code(&BoxError::from(error)), "INNER");
}

#[test]
fn anyhow_context_does_not_hide_the_error() {
    let error = anyhow::Error::from(Inner::Missing).context("reading").context(format!("of {}", 7));
    assert_eq!(code(&error), "INNER");
    assert_eq!(error.public_message(), "No inner");
    let rejected = anyhow::Error::from(Rejected::circuit_open("a", None)).context("calling");
    assert!(rejected.classify().rejected().is_some());
    let boxed: BoxError = anyhow::Error::from(Inner::Missing).context("reading").into();
    assert_eq!(code(&boxed), "INNER");
}

#[test]
fn error_given_as_anyhow_context_is_the_outermost() {
    let not_found = || errors::NotFound::new("user", "42");
    let as_context = Err::<(), _>(Inner::Missing).context(not_found()).unwrap_err();
    assert_eq!(code(&as_context), "NOT_FOUND");
    assert_eq!(as_context.public_message(), "user 42 not found");
    assert_eq!(code(&as_context.context("more")), "NOT_FOUND");

    let below =
        anyhow::Error::from(errors::Conflict::new("x")).context(Inner::Missing).context("more");
    assert_eq!(code(&below), "INNER");
    let between =
        anyhow::anyhow!("root").context(not_found()).context("text").context(Inner::Missing);
    assert_eq!(
        code(&between),
        "INNER",
        "the outer of two contexts, in any order of the known types"
    );
    let reversed =
        anyhow::anyhow!("root").context(Inner::Missing).context("text").context(not_found());
    assert_eq!(code(&reversed), "NOT_FOUND");
}

/// A generic type can't be registered; its sources are still found.
#[derive(Debug, ServiceError)]
#[service(unavailable, code = "GENERIC")]
struct Generic<T>(T);

impl<T: fmt::Debug> fmt::Display for Generic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<T: Error + 'static> Error for Generic<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn generic_type_is_not_found_in_a_box_but_its_source_is() {
    assert_eq!(code(&Generic(Inner::Missing)), "GENERIC");
    assert_eq!(code(&BoxError::from(Generic(Inner::Missing))), "INNER");
}

#[test]
fn error_type_declared_in_a_function_is_found() {
    #[derive(Debug, thiserror::Error, ServiceError)]
    #[error("local")]
    #[service(conflict, code = "LOCAL")]
    struct Local;
    assert_eq!(code(&BoxError::from(Local)), "LOCAL");
}

/// Not `Send`, so anyhow can't hold it.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("not shared")]
#[service(conflict, code = "NOT_SHARED")]
struct NotShared(std::rc::Rc<u8>);

#[test]
fn error_that_is_not_send_is_found_in_a_plain_box() {
    let error: Box<dyn Error> = Box::new(NotShared(std::rc::Rc::new(7)));
    assert_eq!(code(&error), "NOT_SHARED");
}
