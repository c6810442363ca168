//! What a callee's answer means: a status and a `Retry-After` become a classification.

#[cfg(feature = "reqwest")]
mod outgoing;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest")]
mod retry_after;
mod upstream;

#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::outgoing::RequestExt;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::reqwest::ResponseExt;
pub use self::upstream::UpstreamError;
