//! Who a piece of work is done for, and alerts about operations that keep failing.

#[cfg(feature = "boundary")]
pub mod alert;
#[cfg(feature = "metrics")]
mod metric_keys;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "boundary")]
pub(crate) mod request;
