//! What the rooms above share: it knows nothing of errors or layers, and imports nothing of this
//! crate.

#[cfg(feature = "tokio")]
pub(crate) mod atomic_word;
#[cfg(feature = "tokio")]
pub(crate) mod catch_panic;
#[cfg(feature = "tokio")]
pub(crate) mod clock;
pub(crate) mod duration;
#[cfg(feature = "tokio")]
pub(crate) mod prefix;
#[cfg(feature = "tokio")]
pub(crate) mod random;
