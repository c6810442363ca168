//! `Classify` for errors of other crates, one file per crate.

#[cfg(feature = "anyhow")]
mod anyhow;
#[cfg(feature = "boxed")]
mod boxed;
mod io;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
#[cfg(feature = "reqwest")]
pub(crate) mod retry_after;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
