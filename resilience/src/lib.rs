//! Production error handling as attributes.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "tokio")]
mod circuit_breaker;
#[cfg(feature = "tokio")]
mod clamp;
#[cfg(feature = "tokio")]
mod clock;
#[cfg(feature = "tokio")]
mod context;
#[cfg(feature = "tokio")]
mod deadline;
#[cfg(feature = "tokio")]
mod degrade;
mod duration;
#[cfg(feature = "tokio")]
mod events;
#[cfg(feature = "tokio")]
mod expansion;
#[cfg(feature = "tokio")]
mod random;
#[cfg(feature = "tokio")]
mod retry;
#[cfg(feature = "tokio")]
mod retry_budget;
#[cfg(feature = "tokio")]
mod site;
#[cfg(feature = "tokio")]
mod sites;
mod taxonomy;
#[cfg(feature = "tokio")]
mod timeout;
#[cfg(feature = "tokio")]
mod word;

#[cfg(all(feature = "macros", feature = "tokio"))]
pub use resilience_macros::{circuit_breaker, degrade, retry, timeout};

pub use duration::{millis, secs};
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
pub use context::{CallContext, context};
#[cfg(feature = "tokio")]
pub use deadline::Deadline;
#[cfg(feature = "tokio")]
pub use degrade::Degrade;
#[cfg(feature = "tokio")]
pub use random::seed_jitter;
#[cfg(feature = "tokio")]
pub use retry::{Attempts, Delays, Jitter, Pause, Retry, RetryRules, Wait};
#[cfg(feature = "tokio")]
pub use retry_budget::{RetryBudget, Withdrawn};
#[cfg(feature = "tokio")]
pub use site::Site;
#[cfg(feature = "tokio")]
pub use sites::{CircuitBreakerRef, Sites, sites};
#[cfg(feature = "tokio")]
pub use timeout::Timeout;
