//! Utilities shared by all other modules. Imports nothing else from this crate.

#[cfg(feature = "tokio")]
#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
pub(crate) mod atomic_word;
#[cfg(any(feature = "tokio", feature = "reqwest"))]
pub(crate) mod bounded;
pub(crate) mod catch_panic;
#[cfg(feature = "tokio")]
pub(crate) mod clock;
pub(crate) mod duration;
#[cfg(feature = "tokio")]
pub(crate) mod escape;
#[cfg(feature = "testing")]
pub(crate) mod isolation;
#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) mod once;
#[cfg(any(feature = "tokio", feature = "reqwest"))]
pub(crate) mod prefix;
#[cfg(feature = "tokio")]
pub(crate) mod random;
