//! What an outgoing request tells the callee about the call that it belongs to.

use reqwest::RequestBuilder;

/// Sends along who a request is made for, and how the callee recognizes its repetition.
///
/// ```
/// # #[cfg(all(feature = "macros", feature = "boundary"))] {
/// use resilience::http::{RequestExt as _, ResponseExt as _};
/// use resilience::{ServiceError, retry, timeout};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum ChargeError {
///     #[error(transparent)]
///     #[service(transparent)]
///     Http(#[from] reqwest::Error),
///     #[error(transparent)]
///     #[service(transparent)]
///     Upstream(#[from] resilience::http::UpstreamError),
///     #[error(transparent)]
///     #[service(transparent)]
///     Rejected(#[from] resilience::Rejected),
/// }
///
/// #[retry(idempotency_key)]
/// #[timeout("5s")]
/// async fn charge(http: &reqwest::Client, url: &str) -> Result<String, ChargeError> {
///     let request = http.post(url).with_request_id().with_idempotency_key();
///     Ok(request.send().await?.checked("payments")?.text().await?)
/// }
/// # }
/// ```
pub trait RequestExt: Sized {
    /// Adds `x-request-id`: that of the current [`RequestContext`](crate::RequestContext), so that
    /// the callee's log and ours tell of one request. Replaces one that is there; outside a
    /// context adds nothing.
    #[cfg(feature = "boundary")]
    #[cfg_attr(docsrs, doc(cfg(feature = "boundary")))]
    #[must_use]
    fn with_request_id(self) -> Self;

    /// Adds `idempotency-key`: that of the retried call around, as [`context()`](crate::context())
    /// tells it, so that the callee takes a repetition for what it is. Replaces one that is
    /// there; adds nothing where the call has no key.
    ///
    /// A method of its own, since the key belongs to one operation, and not to every request that a
    /// body makes. The key is sent as it is, without the quotes that RFC 9651 puts around a
    /// string: that is what services expect. One that can't stand in a header makes `send` fail
    /// with an error that isn't retried, rather than going without.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[must_use]
    fn with_idempotency_key(self) -> Self;
}

impl RequestExt for RequestBuilder {
    #[cfg(feature = "boundary")]
    fn with_request_id(self) -> Self {
        match crate::RequestContext::current() {
            Some(context) => set(self, "x-request-id", context.request_id().as_str()),
            None => self,
        }
    }

    #[cfg(feature = "tokio")]
    fn with_idempotency_key(self) -> Self {
        match crate::context().idempotency_key {
            Some(key) => set(self, "idempotency-key", &key),
            None => self,
        }
    }
}

/// Replaces a header; one that is no header spoils the request.
#[cfg(feature = "tokio")]
fn set(request: RequestBuilder, name: &'static str, value: &str) -> RequestBuilder {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    match HeaderValue::from_str(value) {
        Ok(value) => {
            request.headers(HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
        }
        Err(_) => request.header(name, value),
    }
}
