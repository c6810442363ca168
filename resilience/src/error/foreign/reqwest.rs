//! `Classify` for reqwest's errors.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::{Error, Url};

use crate::error::chain;
use crate::error::upstream::{UpstreamError, unusable};
use crate::support::bounded;
use crate::{Classification, Classify, Sent};

/// | error | classification |
/// |---|---|
/// | connecting failed (name lookup, refused, TLS, timeout) | transient, `CONNECT_FAILED`, 503; [never sent](#redirects) where that is certain |
/// | the URL needs TLS, which isn't built in | permanent, `TLS_NOT_SUPPORTED`, 500 |
/// | timeout | transient, `NETWORK_TIMEOUT`, 504 |
/// | status, from `error_for_status` | as [`UpstreamError`], without `Retry-After` |
/// | the request can't be built | permanent, `INTERNAL_ERROR`, 500 |
/// | too many redirects, the answer isn't HTTP, the body can't be decoded | transient but not retried, `UPSTREAM_INVALID_RESPONSE`, 502, unexpected |
/// | connection lost, also while reading the body | transient, `CONNECTION_LOST`, 503 |
///
/// Clients see the generic text of the status, never the URL.
///
/// # Redirects
///
/// A client follows redirects on its own, and its error doesn't say so: the callee may have
/// received the request, and redirected us to a host that can't be reached. So a failed connection
/// is only [never sent](crate::Sent::Never) if it failed at the very address that the URL names, as
/// an IP address or `localhost`, or if the client was built
/// [`without_redirects`](crate::http::ClientBuilderExt::without_redirects).
///
/// One case remains: a callee at such an address that redirects to itself, and stops listening
/// before the second request. Build the client for calls that must not be repeated
/// `without_redirects`.
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl Classify for Error {
    fn classify(&self) -> Classification {
        // Checked first, because a timeout while connecting is both and nothing was sent.
        if self.is_connect() {
            return failed_connection(self);
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
        if self.is_redirect() || self.is_upgrade() || is_malformed(self) {
            return unusable("UPSTREAM_INVALID_RESPONSE");
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
            unusable("UPSTREAM_INVALID_RESPONSE")
        }
    }

    fn evidence(&self) -> crate::taxonomy::Evidence<'_> {
        crate::taxonomy::Evidence::of(self)
    }
}

fn failed_connection(error: &Error) -> Classification {
    let failure = chain::links(error.source()).find_map(TcpFailure::of);
    if failure.as_ref().is_some_and(TcpFailure::is_unsupported_scheme) {
        return Classification::permanent("TLS_NOT_SUPPORTED");
    }
    let failed_at = failure.and_then(|failure| failure.address);
    let is_first_hop = source::<NotConnected>(error).is_some()
        || error.url().zip(failed_at).is_some_and(|(url, address)| is_address_of(address, url));
    let class = Classification::transient("CONNECT_FAILED");
    if is_first_hop { class.with_sent(Sent::Never) } else { class }
}

/// Whether the URL names this address itself. A name may have other addresses, and so may the host
/// that a redirect leads to.
fn is_address_of(address: SocketAddr, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_same_host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => address.ip() == ip,
        Err(_) => host == "localhost" && address.ip().is_loopback(),
    };
    is_same_host && url.port_or_known_default() == Some(address.port())
}

/// Whether the answer breaks the rules of HTTP.
fn is_malformed(error: &Error) -> bool {
    source::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
}

/// The first source of type `T`.
fn source<T: StdError + 'static>(error: &Error) -> Option<&T> {
    chain::find(error.source())
}

/// What hyper-util's connector says of a failure. Its type can't be named, so this reads its
/// `Debug` form: `ConnectError("tcp connect error", 127.0.0.1:80, …)`.
struct TcpFailure {
    message: String,
    address: Option<SocketAddr>,
}

impl TcpFailure {
    fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        let (text, _) = bounded::format(&format_args!("{error:?}"), 128);
        let rest = text.strip_prefix("ConnectError(\"")?;
        let (message, rest) = rest.split_once('"')?;
        let address = rest.strip_prefix(", ").and_then(|rest| {
            let end = rest.find([',', ')'])?;
            rest[..end].parse().ok()
        });
        Some(Self { message: message.to_owned(), address })
    }

    /// Without TLS, the connector refuses all but `http`.
    fn is_unsupported_scheme(&self) -> bool {
        self.message == "invalid URL, scheme is not http"
    }
}

/// A failure to connect of a client that follows no redirects, so nothing was sent.
#[derive(Debug)]
pub(crate) struct NotConnected(pub(crate) Box<dyn StdError + Send + Sync>);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not connected")
    }
}

impl StdError for NotConnected {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
