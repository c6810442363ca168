//! Checks the answer of a callee.

use std::borrow::Cow;

use reqwest::Response;

use super::UpstreamError;
use crate::error::retry_after;

/// Checks the status of a response, keeping the `Retry-After` in the error.
pub trait ResponseExt: Sized {
    /// Returns the response, or an [`UpstreamError`] if its status is 300 or above, except 304.
    ///
    /// `service` is the name of the callee in logs. In contrast to reqwest's `error_for_status`,
    /// the error keeps the `Retry-After`, and a redirect is an error too: you only get one if you
    /// disabled redirects, or if it leads nowhere. A `304 Not Modified` is the answer to a
    /// conditional request.
    ///
    /// Also records that the request was sent, so that a `#[retry(non_idempotent)]` around it
    /// doesn't repeat it, even if a later step fails. See
    /// [`CallContext::mark_sent`](crate::CallContext::mark_sent).
    ///
    /// # Errors
    ///
    /// Returns an [`UpstreamError`] for every other status of 300 or above.
    ///
    /// Read the body in the same annotated function: what is read later is outside of its layers.
    ///
    /// ```
    /// use resilience::http::{ResponseExt as _, UpstreamError};
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// enum StockError {
    ///     #[error(transparent)]
    ///     Http(#[from] reqwest::Error),
    ///     #[error(transparent)]
    ///     Upstream(#[from] UpstreamError),
    /// }
    ///
    /// async fn stock(http: &reqwest::Client, url: &str) -> Result<String, StockError> {
    ///     let answer = http.get(url).send().await?.checked("inventory")?;
    ///     Ok(answer.text().await?)
    /// }
    /// ```
    fn checked(self, service: impl Into<Cow<'static, str>>) -> Result<Self, UpstreamError>;
}

impl ResponseExt for Response {
    fn checked(self, service: impl Into<Cow<'static, str>>) -> Result<Self, UpstreamError> {
        #[cfg(feature = "tokio")]
        crate::layer::context::mark_sent();
        let status = self.status().as_u16();
        if status < 300 || status == 304 {
            return Ok(self);
        }
        let error = UpstreamError::new(service, status);
        Err(match retry_after(self.headers()) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}
