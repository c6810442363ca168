//! Production error handling as attributes: retry, circuit breaker, timeout, degradation,
//! transactions and boundaries on async functions, and errors that classify themselves.
//!
//! - **Attributes nest as written**: the topmost is the outermost layer. A nest that makes no sense
//!   doesn't compile.
//! - **An error classifies itself**, and every layer decides from that alone.
//! - **What the layers themselves report is one type**, [`Rejected`].
//! - **State has a place**: a `static`, a field, or the annotated function itself.
//!
//! # From an error to a nest
//!
//! Say how a call may fail, with [`#[derive(ServiceError)]`](macro@ServiceError) beside [thiserror](https://docs.rs/thiserror):
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "tokio"))] {
//! use resilience::{CircuitBreaker, ServiceError, circuit_breaker, degrade, retry, secs, timeout};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum InventoryError {
//!     #[error("{sku} is not in the catalogue")]
//!     #[service(not_found)] // permanent, NOT_FOUND, 404
//!     UnknownSku { sku: String },
//!     #[error("the inventory is busy")]
//!     #[service(transient, code = "INVENTORY_BUSY")] // retried, 503
//!     Busy,
//!     #[error(transparent)]
//!     #[service(transparent)] // what the layers themselves report
//!     Rejected(#[from] resilience::Rejected),
//! }
//!
//! static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory").recovery_timeout(secs(20));
//!
//! #[degrade(fallback = 1)]
//! #[retry(idempotent, attempts = 3)]
//! #[circuit_breaker(INVENTORY)]
//! #[timeout("5s")]
//! async fn stock(sku: &str) -> Result<u32, InventoryError> {
//!     // … call the inventory …
//! #   if sku.is_empty() { return Err(InventoryError::Busy) }
//! #   if sku == "?" { return Err(InventoryError::UnknownSku { sku: sku.to_owned() }) }
//!     Ok(3)
//! }
//! # }
//! ```
//!
//! # From a failure to the client and the log
//!
//! A handler that returns a `Problem` is a whole boundary: its `?` writes the error's one log
//! record, and makes the answer. A consumer, a job or a command has [`#[boundary]`](macro@boundary)
//! instead, and `main` has [`exit_code`].
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "http"))] {
//! use resilience::{Problem, ServiceError, boundary};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum UserError {
//!     #[error("no row for user {id}")] // for the log
//!     #[service(not_found, public = "No such user")] // for the client
//!     Unknown { id: u64 },
//! }
//!
//! async fn find(id: u64) -> Result<String, UserError> {
//!     // … ask the database …
//! #   if id == 0 { return Ok(String::new()) }
//!     Err(UserError::Unknown { id })
//! }
//!
//! async fn get_user(id: u64) -> Result<String, Problem> {
//!     Ok(find(id).await?)
//! }
//!
//! #[boundary(operation = "greet_user", request_id = message)]
//! async fn on_message(message: &str, id: u64) -> Result<(), UserError> {
//!     find(id).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the attributes: options, defaults, equivalent code, recipes | [`boundary`](macro@boundary), [`degrade`](macro@degrade), [`retry`](macro@retry), [`circuit_breaker`](macro@circuit_breaker), [`timeout`](macro@timeout), `transaction` |
//! | how an error says what it is | [`ServiceError`](macro@ServiceError), [`Classify`], [`Classification`], [`errors`] |
//! | the same without macros | [`Boundary`], [`Degrade`], [`Retry`], [`RetryBudget`], [`CircuitBreaker`], [`Timeout`], `sql::Transaction` |
//! | what a body can ask | [`context()`] |
//! | control and watching | [`registry()`] |
//! | log records of errors, one for each failure | [`report`](report()), [`Report`], [`RequestContext`] |
//! | being told when failures go on | [`on_alert`], [`AlertPolicy`] |
//! | the end: of a server after a fatal error, of a program | [`shutdown::requested`], [`exit_code`] |
//! | answers of HTTP services: a callee's, and our own (`Problem`) | [`http`] |
//! | all of that for axum, in one layer | `axum` |
//! | which fields of a request are wrong | [`FieldError`], `axum::Json` |
//! | the catalogue as JSON and Markdown | `catalog` |
//! | what a database's error means; a violated constraint as an error of your own | [`sql`], `sql::constraint` |
//! | a function that runs in a transaction, which is repeated where it lost to another | `transaction`, with a feature of sqlx |
//! | gRPC | `tonic`, with the feature of that name |
//!
//! # Events
//!
//! Through [tracing](https://docs.rs/tracing), target `resilience`, one event per fact with its name as the message: `retry_scheduled`,
//! `retry_stopped`, `circuit_breaker_state_change`, `circuit_breaker_failure`,
//! `circuit_breaker_rejected`, `call_timed_out`, `graceful_degradation_activated`,
//! `degradation_failed`, `transaction_retry`, `transaction_stopped`, `transaction_rollback_failed`,
//! and, once per function, `unclassified_error` and `option_out_of_range`. All are warnings, except
//! that `retry_scheduled` and `transaction_retry` are for information, and
//! `circuit_breaker_rejected` and the end of a call whose first answer was final are for debugging.
//! None is an error record: what is retried or handled isn't an error yet.
//!
//! The record of an error has the target `resilience::report`: `expected_error`, `unexpected_error`
//! or `critical_error`, and [`Report`] has its fields; a further boundary on its way says
//! `already_reported`, for debugging. Of alerts tell `alert_began`, a warning, and `alert_over`,
//! for information. With `axum` there are `request_rejected`, for debugging, of what axum answers
//! by itself, and `request_layer_missing`, a warning, once per process.
//!
//! Errors stand in all of them without what doesn't belong in a log: credentials in URLs, more than
//! the host of a `reqwest::Error`'s URL, and, until [`log_database_values`] asks for them, what a
//! database quotes of rows.
//!
//! Each event of a layer says `service`, the label, and `function`. By default both are the
//! function's bare name, so give methods that are called `get` a label of their own:
//! `#[retry(service = "orders", …)]`.
//!
//! # Features
//!
//! `macros`, `tokio` and `boundary` are on by default.
//!
//! - `reqwest`, `tonic`, `anyhow` and `boxed` make foreign errors classify themselves.
//! - `sqlx-postgres`, `sqlx-mysql` and `sqlx-sqlite` do so for `sqlx::Error`, and bring
//!   `#[transaction]`.
//! - `http` adds the answer `Problem` and the catalogue; `axum` adds the layer.
//! - `tracing-error` adds span traces to log records.
//!
//! With `default-features = false` there remain the taxonomy and, with `macros`, the derive.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
#[cfg(feature = "boundary")]
mod boundary;
mod error;
pub mod http;
#[cfg(feature = "tokio")]
mod layer;
mod observe;
mod private;
pub mod sql;
mod support;
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub mod tonic;

/// What the macros' expansion calls; no promise is made about any of it.
#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
#[doc(hidden)]
pub use private::old_paths::*;

#[cfg(feature = "macros")]
#[doc = include_str!("docs/service_error.md")]
pub use resilience_macros::ServiceError;
#[cfg(all(feature = "macros", feature = "boundary"))]
#[doc = include_str!("docs/boundary.md")]
pub use resilience_macros::boundary;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/circuit_breaker.md")]
pub use resilience_macros::circuit_breaker;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/degrade.md")]
pub use resilience_macros::degrade;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/retry.md")]
pub use resilience_macros::retry;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/timeout.md")]
pub use resilience_macros::timeout;
// Not `_sqlx`, since the compiler names these features to who has forgotten them.
#[cfg(all(
    feature = "macros",
    any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")
))]
#[doc = include_str!("docs/transaction.md")]
pub use resilience_macros::transaction;

pub use error::ready_made as errors;
pub use error::taxonomy::{
    self, Advice, Alert, Category, Classification, Classify, FieldError, Rejected, Sensitive, Sent,
    ServiceError, Severity, catalog,
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::Problem;
pub use support::duration::{millis, secs};

#[cfg(feature = "tokio")]
pub use layer::{
    circuit_breaker::{self, CircuitBreaker},
    context::{CallContext, context},
    degrade::Degrade,
    registry::{self, registry},
    retry::{self, Retry, RetryBudget},
    timeout::{self, Timeout},
};

#[cfg(feature = "boundary")]
pub use boundary::{
    Boundary,
    exit::{self, exit_code},
    report::{self, report},
    request::{self, RequestContext, spawn},
    shutdown,
};
#[cfg(feature = "boundary")]
pub use observe::alert::{self, on_alert};
