//! Paths of items before they moved into modules. Kept until version 0.2.

#[cfg(feature = "tokio")]
pub use crate::circuit_breaker::{
    ChangeReason, CircuitBreakerRef, CircuitMetrics, CircuitState, CountedFailure, Permit,
    StateChange,
};
#[cfg(feature = "tokio")]
pub use crate::registry::{Registry as Sites, Site, registry as sites};
#[cfg(feature = "tokio")]
pub use crate::retry::{
    Attempts, BudgetCharge as Withdrawn, Delays, Jitter, Pause, RetryRules, Wait, seed_jitter,
};
#[cfg(feature = "tokio")]
pub use crate::{sql::log_database_values, timeout::Deadline};

#[cfg(feature = "boundary")]
pub use crate::alert::{AlertNotice, AlertPhase, AlertPolicy, success as report_success};
#[cfg(feature = "boundary")]
pub use crate::exit::exit_status;
#[cfg(feature = "boundary")]
pub use crate::report::{Report, ReportOutcome as Reported};
#[cfg(feature = "boundary")]
pub use crate::request::{ContextId as Named, RequestId};
#[cfg(feature = "boundary")]
pub use crate::shutdown::{
    Shutdown, ShutdownReason, ShutdownRequested, reason as shutdown_reason,
    request as request_shutdown, requested as shutdown_requested,
};

pub use crate::catalog::{CatalogEntry, PublicMessage};
pub use crate::http::generic_message;
pub use crate::taxonomy::{Evidence, FromRejected};
