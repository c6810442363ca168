//! Errors of other crates that classify themselves: one file for each crate.

#[cfg(feature = "anyhow")]
mod anyhow;
#[cfg(feature = "boxed")]
mod boxed;
mod io;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
#[cfg(feature = "reqwest")]
mod retry_after;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
