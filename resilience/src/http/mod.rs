//! HTTP in both directions: classify the responses of a callee by status and `Retry-After`, and,
//! with the feature `http`, turn errors into responses for our own clients (`Problem`).

#[cfg(feature = "http")]
mod body;
#[cfg(feature = "reqwest")]
mod checked;
#[cfg(feature = "reqwest")]
mod client;
#[cfg(feature = "http")]
mod format;
#[cfg(feature = "reqwest")]
mod outgoing;
#[cfg(feature = "http")]
mod phrase;
#[cfg(feature = "http")]
mod pointer;
#[cfg(feature = "http")]
mod problem;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::format::BodyFormat;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::outgoing::RequestExt;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::problem::Problem;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::{checked::ResponseExt, client::ClientBuilderExt};
pub use crate::error::taxonomy::code::generic_message;
pub use crate::error::upstream::UpstreamError;
