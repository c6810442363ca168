//! `Classify` for errors of other crates, one file per crate.

#[cfg(feature = "anyhow")]
mod anyhow;
#[cfg(feature = "async-nats")]
mod async_nats;
#[cfg(feature = "boxed")]
mod boxed;
#[cfg(feature = "garde")]
mod garde;
mod io;
#[cfg(feature = "lapin")]
mod lapin;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
#[cfg(feature = "reqwest")]
pub(crate) mod retry_after;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "validator")]
mod validator;

/// The maximum number of invalid fields in a response: clients can send any number.
#[cfg(any(feature = "garde", feature = "validator"))]
const MAX_FIELDS: usize = 100;
/// The maximum depth at which invalid fields are looked for.
#[cfg(feature = "validator")]
const MAX_DEPTH: usize = 32;
