//! Request id, idempotency key and time left on outgoing requests.

use reqwest::RequestBuilder;
#[cfg(feature = "tokio")]
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

#[cfg(feature = "tokio")]
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Adds the request id, the idempotency key and the time left to an outgoing request.
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
    /// Sets the header `x-request-id` to the id of the current
    /// [`RequestContext`](crate::RequestContext), so that the callee's logs and ours can be
    /// correlated. Replaces an existing header. Does nothing outside a context.
    #[cfg(feature = "boundary")]
    #[cfg_attr(docsrs, doc(cfg(feature = "boundary")))]
    #[must_use]
    fn with_request_id(self) -> Self;

    /// Sets the header `idempotency-key` to the key of the enclosing retried call (see
    /// [`context()`](crate::context())), so that the callee can detect a repeated request. Replaces
    /// an existing header.
    ///
    /// If the call has no key, or an empty one, `send` fails with an error that isn't retried, and
    /// `idempotency_key_missing` is logged: a request that should have a key isn't sent without it.
    /// That is so outside a `#[retry(idempotency_key)]`, and in tasks that weren't started with
    /// [`resilience::spawn`](crate::spawn). Where a key is optional, use
    /// [`with_idempotency_key_if_any`](Self::with_idempotency_key_if_any).
    ///
    /// Use it only on the request that the key is meant for: a retried function may send others
    /// too. The key is sent without the quotes that RFC 9651 puts around a string, because services
    /// expect it that way. If the key isn't a valid header value, `send` fails with an error that
    /// isn't retried.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[must_use]
    fn with_idempotency_key(self) -> Self;

    /// Like [`with_idempotency_key`](Self::with_idempotency_key), but does nothing if the call has
    /// no key.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[must_use]
    fn with_idempotency_key_if_any(self) -> Self;

    /// Sets a header to the [time left](crate::CallContext::remaining) until the deadline of the
    /// calls around and of the request, in milliseconds, so that the callee stops when its answer is
    /// no longer needed. Replaces an existing header. Does nothing if there is no deadline.
    ///
    /// HTTP has no standard name for it. Envoy's is `x-envoy-expected-rq-timeout-ms`; a service of
    /// your own reads the one that its `RequestLayer::time_left_header` names.
    ///
    /// ```
    /// use reqwest::header::HeaderName;
    /// use resilience::http::RequestExt as _;
    ///
    /// const TIME_LEFT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
    ///
    /// fn request(http: &reqwest::Client, url: &str) -> reqwest::RequestBuilder {
    ///     http.get(url).with_time_left(TIME_LEFT)
    /// }
    /// ```
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[must_use]
    fn with_time_left(self, header: HeaderName) -> Self;
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
        let key = crate::context().idempotency_key();
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            crate::layer::events::idempotency_key_missing();
            // Not a valid value, so `send` fails.
            return self.header(IDEMPOTENCY_KEY, "\n");
        };
        set(self, IDEMPOTENCY_KEY, &key)
    }

    #[cfg(feature = "tokio")]
    fn with_idempotency_key_if_any(self) -> Self {
        match crate::context().idempotency_key() {
            Some(key) => set(self, IDEMPOTENCY_KEY, &key),
            None => self,
        }
    }

    #[cfg(feature = "tokio")]
    fn with_time_left(self, header: HeaderName) -> Self {
        match crate::context().remaining() {
            Some(left) => {
                let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                self.headers(HeaderMap::from_iter([(header, HeaderValue::from(millis))]))
            }
            None => self,
        }
    }
}

/// Sets a header, replacing an existing one. An invalid value makes `send` fail.
#[cfg(feature = "tokio")]
fn set(request: RequestBuilder, name: &'static str, value: &str) -> RequestBuilder {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            request.headers(HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
        }
        Err(_) => request.header(name, value),
    }
}
