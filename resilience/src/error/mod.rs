//! What an error is, and what its text may show.

pub(crate) mod chain;
pub(crate) mod database;
pub(crate) mod foreign;
pub mod ready_made;
#[cfg(feature = "tokio")]
pub(crate) mod redact;
pub(crate) mod registry;
pub(crate) mod taxonomy;
