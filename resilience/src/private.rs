//! What the macros' expansion and this project's own tests use; no promise is made about any of it.

#[cfg(feature = "tokio")]
pub use crate::circuit_breaker::internals as circuit_breaker;
#[cfg(feature = "tokio")]
pub use crate::deadline::Deadline;
#[cfg(feature = "tokio")]
pub use crate::retry_budget::internals as retry_budget;
#[cfg(feature = "tokio")]
pub use crate::word::Word;
