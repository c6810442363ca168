//! Items used by the macros' expansion and by this project's tests. Not part of the public API.

#[cfg(feature = "dead-letter")]
mod dead_letter;
#[cfg(feature = "tokio")]
mod degrade;
#[cfg(feature = "tokio")]
pub(crate) mod expansion;
#[cfg(feature = "tokio")]
mod handle;
mod into_response;
#[cfg(feature = "tokio")]
mod layers;
pub mod old_paths;
mod register;
mod rejected;

/// Whether the layers record metrics, for a test that counts allocations.
pub const RECORDS_METRICS: bool = cfg!(feature = "metrics");

pub use crate::__into_response as into_response;
pub use crate::__register as register;
#[cfg(feature = "boundary")]
pub use crate::boundary::internals as boundary;
pub use crate::error::registry::Known;
#[cfg(feature = "anyhow")]
pub use crate::error::registry::{NotShared, Shared};
pub use crate::error::taxonomy::{
    CapturedBacktrace, CapturedLocation, FieldErrors, RetryAfter, evidence_of, evidence_of_source,
};
#[cfg(feature = "_internals")]
pub use crate::layer::circuit_breaker::internals as circuit_breaker;
// Only named in messages of the compiler, which then shortens their paths.
#[cfg(feature = "tokio")]
pub use crate::layer::attempt::{Attempt, By, Unguarded, Waiting};
#[cfg(feature = "tokio")]
pub use crate::layer::classified::Classified;
#[cfg(feature = "tokio")]
pub use crate::layer::context::Key;
#[cfg(feature = "tokio")]
pub use crate::layer::deadline::Deadline;
#[cfg(feature = "_internals")]
pub use crate::layer::retry_budget::internals as retry_budget;
#[cfg(feature = "tokio")]
pub use crate::layer::runtime_options::internals as clamp;
#[cfg(feature = "_sqlx")]
pub use crate::layer::transaction::internals as sql;
#[cfg(feature = "dead-letter")]
pub use crate::private::dead_letter::*;
#[cfg(feature = "tokio")]
pub use crate::private::degrade::*;
#[cfg(feature = "tokio")]
pub use crate::private::expansion::{
    AutorefEvidence, FindEvidence, classify_by, ignores, nothing, reject, reject_by, run,
    satisfies, unreached,
};
#[cfg(feature = "tokio")]
pub use crate::private::expansion::{LeftOut, LeftOutByType, Outcome, PolicySaysWhetherToRepeat};
#[cfg(feature = "tokio")]
pub use crate::private::handle::{
    BorrowedKeyHasher, Caller, CloneHandle, Keeps, KeyHasher, KeyOf, Names, NamesBreaker, NamesSet,
    OwnedKey, breaker, breaker_set, budget, clone_handle, kept, key_of, key_of_2, key_of_3,
    key_text, of_static,
};
#[cfg(feature = "tokio")]
pub use crate::private::layers::*;
pub use crate::private::rejected::{OtherSource, Source, must_be_transparent};
#[cfg(feature = "_internals")]
pub use crate::support::atomic_word::AtomicWord;
#[cfg(feature = "tokio")]
pub use crate::{__alert_above as alert_above, __stale as stale};
#[cfg(feature = "boxed")]
pub use inventory;
pub use std::string::ToString;

pub use std::option::Option::{None, Some};
pub use std::result::Result::{Err, Ok};
// Public items that the expansion uses. It uses only this path, so that public paths can change
// without changing the macros.
#[cfg(feature = "boundary")]
pub use crate::Boundary;
pub use crate::catalog::CatalogEntry;
pub use crate::http::generic_message;
pub use crate::taxonomy::Evidence;
pub use crate::{
    Advice, Alert, Classification, Classify, FieldError, Sent, ServiceError, Severity,
};
#[cfg(feature = "tokio")]
pub use crate::{
    CircuitBreaker, CircuitBreakers, Degrade, Retry, RetryBudget,
    degrade::{Causes, Flag},
    registry::Site,
    retry::{Attempts, Jitter},
};

/// The names that `#[service(axum)]` expands to.
#[cfg(feature = "axum")]
pub mod axum {
    pub use axum::response::{IntoResponse, Response};
}
