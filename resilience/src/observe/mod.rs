//! Counts failures, so that the right people learn about them.

#[cfg(feature = "boundary")]
pub mod alert;
