//! Errors of other crates that classify themselves: one file for each crate.

mod io;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
#[cfg(feature = "reqwest")]
mod retry_after;
#[cfg(feature = "_sqlx")]
pub(crate) mod sqlx;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
pub(crate) mod upstream;
