//! Reqwest's answers and errors.

use std::borrow::Cow;
use std::error::Error as _;
use std::io;

use reqwest::{Error, Response};

use super::retry_after::retry_after;
use crate::error::downcast::downcast;
use crate::error::upstream::UpstreamError;
use crate::{Classification, Classify, Sent};

/// Turns an error status into an error that keeps the status and the `Retry-After`.
pub trait ResponseExt: Sized {
    /// The response itself, or an [`UpstreamError`] if its status is 400 or above.
    ///
    /// Like reqwest's `error_for_status`, which loses the headers and with them the `Retry-After`.
    /// Redirects and `304 Not Modified` are let through: who switched their handling off, or
    /// asked conditionally, waits for them.
    ///
    /// # Errors
    ///
    /// Every status of 400 and above, as [`UpstreamError`] classifies it; `service` is what the
    /// logs call the callee.
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
/// | no connection (name, refusal, TLS, timeout while connecting) | transient, never sent, `CONNECT_FAILED`, 503 |
/// | timeout | transient, `NETWORK_TIMEOUT`, 504 |
/// | status, from `error_for_status` | as [`UpstreamError`], without `Retry-After` |
/// | the request can't be built | permanent, `INTERNAL_ERROR`, 500 |
/// | too many redirects; a body that doesn't decode | permanent, `UPSTREAM_INVALID_RESPONSE`, 500 |
/// | the connection broke, also within the body | transient, `CONNECTION_LOST`, 503 |
///
/// Clients see the generic text of the status, never the URL.
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl Classify for Error {
    fn classify(&self) -> Classification {
        // A timeout while connecting is both: that nothing was sent is what matters.
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
        // Reqwest says "decode" of a body that breaks off as well; only what lies below tells the
        // two apart.
        let broken = match below::<io::Error>(self) {
            Some(io) => io.classify().is_retryable(),
            None => !self.is_decode() || below::<Error>(self).is_some(),
        };
        if broken {
            Classification::transient("CONNECTION_LOST")
        } else {
            Classification::permanent("UPSTREAM_INVALID_RESPONSE")
        }
    }

    fn evidence(&self) -> crate::taxonomy::Evidence<'_> {
        crate::taxonomy::Evidence::of(self)
    }
}

/// The first of a type among the sources.
fn below<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    std::iter::successors(error.source(), |&error| error.source()).find_map(downcast)
}
