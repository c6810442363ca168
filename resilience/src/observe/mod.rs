//! Alerts about operations that keep failing.

#[cfg(feature = "boundary")]
pub mod alert;
