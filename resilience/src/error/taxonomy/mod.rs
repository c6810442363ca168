//! The classification of errors: category, code, status, retry advice, and what clients may see.

mod captured;
pub mod catalog;
mod category;
mod classification;
mod classify;
pub(crate) mod code;
mod evidence;
#[cfg(feature = "boundary")]
mod field_names;
#[cfg_attr(not(feature = "tokio"), allow(dead_code, reason = "there are no timeouts"))]
pub(crate) mod last_failure;
mod rejected;
mod rejected_class;
mod retry_after;
mod sensitive;

#[doc(hidden)]
pub use captured::{
    CapturedBacktrace, CapturedLocation, FieldErrors, evidence_of, evidence_of_source,
};
pub use catalog::{CatalogEntry, PublicMessage};
pub use category::{Advice, Alert, Category, Sent, Severity};
pub use classification::Classification;
pub use classify::{Classify, ServiceError};
pub use evidence::{Evidence, FieldError};
#[cfg(feature = "boundary")]
pub(crate) use field_names::field_names;
pub use last_failure::LastFailure;
pub use rejected::{FromRejected, Rejected};
#[doc(hidden)]
pub use retry_after::RetryAfter;
pub use sensitive::Sensitive;
