//! Production error handling as attributes.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "tokio")]
mod circuit_breaker;
#[cfg(feature = "tokio")]
mod clock;
#[cfg(feature = "tokio")]
mod deadline;
#[cfg(feature = "tokio")]
mod retry_budget;
#[cfg(feature = "tokio")]
mod sites;
mod taxonomy;
#[cfg(feature = "tokio")]
mod word;

pub use taxonomy::code::generic_message;
pub use taxonomy::{
    Advice, CatalogEntry, Category, Classification, Classify, FromRejected, PublicMessage, Rejected, Sent,
    ServiceError, Severity,
};

#[cfg(feature = "tokio")]
pub use circuit_breaker::{
    ChangeReason, CircuitBreaker, CircuitMetrics, CircuitState, CountedFailure, Permit, StateChange,
};
#[cfg(feature = "tokio")]
pub use retry_budget::{RetryBudget, Withdrawn};
#[cfg(feature = "tokio")]
pub use sites::{CircuitBreakerRef, Sites, sites};
