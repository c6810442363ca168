//! What the macros' expansion and this project's own tests use; no promise is made about any of it.

pub use crate::__into_response as into_response;
pub use crate::__register as register;
#[cfg(feature = "boundary")]
pub use crate::boundary::internals as boundary;
#[cfg(feature = "tokio")]
pub use crate::circuit_breaker::internals as circuit_breaker;
#[cfg(feature = "tokio")]
pub use crate::clamp::internals as clamp;
#[cfg(feature = "tokio")]
pub use crate::context::{Frame, Key};
#[cfg(feature = "tokio")]
pub use crate::deadline::Deadline;
#[cfg(feature = "tokio")]
pub use crate::expansion::{
    Causes, LookAtCauses, classify, classify_by, clone_handle, ignores, named, nothing, reject,
    reject_by, run, unreached,
};
#[cfg(feature = "tokio")]
pub use crate::expansion::{CloneHandle, Outcome, PolicySaysWhetherToRepeat};
pub use crate::register::Known;
#[cfg(feature = "anyhow")]
pub use crate::register::{NotShared, Shared};
#[cfg(feature = "tokio")]
pub use crate::retry_budget::internals as retry_budget;
#[cfg(feature = "_sqlx")]
pub use crate::sql::internals as sql;
pub use crate::taxonomy::{
    CapturedBacktrace, CapturedLocation, FieldErrors, RetryAfter, evidence_of, evidence_of_source,
};
#[cfg(feature = "tokio")]
pub use crate::timeout::Timed;
#[cfg(feature = "tokio")]
pub use crate::told::Told;
#[cfg(feature = "tokio")]
pub use crate::word::Word;
#[cfg(feature = "boxed")]
pub use inventory;
pub use std::string::ToString;

/// What `#[service(axum)]` implements.
#[cfg(feature = "axum")]
pub mod axum {
    pub use axum::response::{IntoResponse, Response};
}
