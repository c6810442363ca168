//! Classifies errors, and redacts their text for logs.

pub(crate) mod chain;
pub(crate) mod database;
#[cfg(feature = "tokio")]
pub(crate) mod dependency;
pub(crate) mod downcast;
mod foreign;
#[cfg(feature = "tokio")]
pub(crate) mod log_text;
pub mod ready_made;
#[cfg(feature = "tokio")]
pub(crate) mod redact;
pub(crate) mod registry;
pub mod taxonomy;
pub(crate) mod upstream;

#[cfg(feature = "tonic")]
pub(crate) use foreign::tonic::PUSHBACK;
#[cfg(feature = "reqwest")]
pub(crate) use foreign::{reqwest::NotConnected, retry_after::retry_after};
