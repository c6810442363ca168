//! `Classify` for reqwest's errors, and a status check for its responses.

use std::borrow::Cow;
use std::error::Error as _;
use std::io;

use reqwest::{Error, Response};

use super::retry_after::retry_after;
use crate::error::chain;
use crate::error::upstream::UpstreamError;
use crate::{Classification, Classify, Sent};

/// Checks the status of a response, keeping the `Retry-After` in the error.
pub trait ResponseExt: Sized {
    /// Returns the response, or an [`UpstreamError`] if its status is 400 or above.
    ///
    /// `service` is the name of the callee in logs. In contrast to reqwest's `error_for_status`,
    /// the error keeps the `Retry-After`. Redirects and `304 Not Modified` are returned as
    /// responses: you only get them if you disabled redirects or made a conditional request.
    ///
    /// # Errors
    ///
    /// Returns an [`UpstreamError`] for every status of 400 or above.
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
        let status = self.status().as_u16();
        if status < 400 {
            return Ok(self);
        }
        let error = UpstreamError::new(service, status);
        Err(match retry_after(self.headers()) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}

/// | error | classification |
/// |---|---|
/// | connecting failed (name lookup, refused, TLS, timeout) | transient, never sent, `CONNECT_FAILED`, 503 |
/// | timeout | transient, `NETWORK_TIMEOUT`, 504 |
/// | status, from `error_for_status` | as [`UpstreamError`], without `Retry-After` |
/// | the request can't be built | permanent, `INTERNAL_ERROR`, 500 |
/// | too many redirects, the body can't be decoded | permanent, `UPSTREAM_INVALID_RESPONSE`, 500 |
/// | connection lost, also while reading the body | transient, `CONNECTION_LOST`, 503 |
///
/// Clients see the generic text of the status, never the URL.
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl Classify for Error {
    fn classify(&self) -> Classification {
        // Checked first, because a timeout while connecting is both and nothing was sent.
        if self.is_connect() {
            return Classification::transient("CONNECT_FAILED").with_sent(Sent::Never);
        }
        if self.is_timeout() {
            return Classification::transient("NETWORK_TIMEOUT");
        }
        if let (true, Some(status)) = (self.is_status(), self.status()) {
            return UpstreamError::new("", status.as_u16()).classify();
        }
        if self.is_builder() {
            return Classification::permanent("INTERNAL_ERROR");
        }
        if self.is_redirect() || self.is_upgrade() {
            return Classification::permanent("UPSTREAM_INVALID_RESPONSE");
        }
        // `is_decode` is also true if the connection is lost while reading the body. Only the
        // sources distinguish the two.
        let connection_lost = match source::<io::Error>(self) {
            Some(io) => io.classify().is_retryable(),
            None => !self.is_decode() || source::<Error>(self).is_some(),
        };
        if connection_lost {
            Classification::transient("CONNECTION_LOST")
        } else {
            Classification::permanent("UPSTREAM_INVALID_RESPONSE")
        }
    }

    fn evidence(&self) -> crate::taxonomy::Evidence<'_> {
        crate::taxonomy::Evidence::of(self)
    }
}

/// The first source of type `T`.
fn source<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    chain::find(error.source())
}
