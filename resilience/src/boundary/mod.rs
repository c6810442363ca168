//! The edge of the application, where an error ends: a context for the work, and one log record for
//! its failure.

#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) mod abandoned;
mod builder;
pub mod exit;
mod future;
mod info;
pub(crate) mod panics;
pub mod report;
pub mod request;
mod run;
pub mod shutdown;

pub use builder::Boundary;

/// What the expansion calls.
pub mod internals {
    pub use super::info::{report, report_by};
    #[cfg(feature = "dead-letter")]
    pub use super::info::{report_handled, report_handled_by};
    pub use super::run::{call, run};
}
